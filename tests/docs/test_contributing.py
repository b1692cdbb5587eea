"""A newcomer's path: the plug-in of CONTRIBUTING.md works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = next(p for p in Path(__file__).resolve().parents if (p / "pyproject.toml").is_file())
_SECTION = re.compile(r"^## A new detector in ten minutes$(.*?)^## ", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(python|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A folder with the plug-in, installed as far as Python can tell."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = _SECTION.search(text)
    assert section is not None
    blocks = _BLOCK.findall(section[1])
    assert [kind for kind, _ in blocks] == ["python", "toml", "python"]
    module, project, test = (block for _, block in blocks)
    (tmp_path / "my_faces").mkdir()
    (tmp_path / "my_faces" / "__init__.py").write_text(module)
    (tmp_path / "test_my_faces.py").write_text(test)
    _install(tmp_path, project)
    return tmp_path


def _install(folder: Path, project: str) -> None:
    """Leave what pip would leave beside the package."""
    fields = dict(re.findall(r'^(\w+) = "(.*)"$', project, re.MULTILINE))
    group = re.search(r'^\[project\.entry-points\."(.+)"\]$', project, re.MULTILINE)
    entry = re.search(r'^(\S+) = "(my_faces:\w+)"$', project, re.MULTILINE)
    assert group is not None
    assert entry is not None
    info = folder / f"my_faces-{fields['version']}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {fields['name']}\nVersion: {fields['version']}\n"
    (info / "METADATA").write_text(metadata)
    (info / "entry_points.txt").write_text(f"[{group[1]}]\n{entry[1]} = {entry[2]}\n")


def _python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_its_own_test_passes(plugin: Path) -> None:
    done = _python(plugin, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_faces.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_it_is_listed(plugin: Path) -> None:
    done = _python(plugin, "-m", "moodstream.realtime.cli", "models", "list")
    assert done.returncode == 0, done.stderr
    assert any(
        line.split("\t")[:3] == ["profile", "detector", "plug-in"]
        for line in done.stdout.splitlines()
    )


def test_its_test_fails_where_the_detector_is_wrong(plugin: Path) -> None:
    module = plugin / "my_faces" / "__init__.py"
    module.write_text(module.read_text().replace("return boxes", "return boxes[:, :3]"))
    done = _python(plugin, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_faces.py")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "MoodstreamError: profile:" in done.stdout
