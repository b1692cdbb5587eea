"""Every example in Python that the documentation shows runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.media import read_frames, write_video

ROOT = Path(__file__).resolve().parent
while not (ROOT / "pyproject.toml").is_file():
    ROOT = ROOT.parent
PAGES = ("docs/python.md", "README.md")
_FENCE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


def blocks(page: str) -> list[tuple[int, str]]:
    """The Python examples of a page, with the line on which each begins."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [(text[: m.start(1)].count("\n") + 1, m.group(1)) for m in _FENCE.finditer(text)]


EXAMPLES = [
    pytest.param(page, line, code, id=f"{page}:{line}")
    for page in PAGES
    for line, code in blocks(page)
]


@pytest.fixture(scope="module")
def material(langer: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A short talk.mp4, and a group.jpg of three."""
    folder = tmp_path_factory.mktemp("material")
    frames = read_frames(langer)[:120]
    write_video(folder / "talk.mp4", frames, 24000 / 1001)
    image = frames[60][1]
    cv2.imwrite(str(folder / "group.jpg"), np.hstack([image, image[:, ::-1], image]))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_page_of_the_api_has_examples():
    assert len(blocks("docs/python.md")) >= 7


@pytest.mark.filterwarnings("ignore:moodstream. using the embedded:UserWarning")
@pytest.mark.parametrize(("page", "line", "code"), EXAMPLES)
def test_example_runs(page, line, code, material, tmp_path, monkeypatch):
    for name, content in material.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    exec(compile("\n" * line + code, str(ROOT / page), "exec"), {"__name__": "example"})
