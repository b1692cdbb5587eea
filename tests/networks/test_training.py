"""The tools that make the networks of this package, on made faces and a few steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TOOLS = Path(__file__).parents[2] / "tools"
CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Made faces of each split, with votes, as the options of the tools."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    n = 72
    labels = np.arange(n) % 7
    votes = rng.multinomial(10, np.full(8, 1 / 8), n)
    images = rng.integers(0, 255, (n, 48, 48), np.uint8)
    usage = np.repeat([0, 1, 2], n // 3)
    np.savez(folder / "f.npz", images=images, labels=labels, usage=usage, classes=CLASSES)
    np.savez(folder / "v.npz", votes=np.concatenate([votes, np.zeros((n, 2), int)], 1))
    colour = rng.integers(0, 255, (16, 128, 128, 3), np.uint8)
    np.savez(folder / "e.npz", images=colour, labels=np.arange(16) % 7, classes=CLASSES)
    names = {"fer2013": "f.npz", "votes": "v.npz", "expressions": "e.npz"}
    return [part for k, name in names.items() for part in (f"--{k}", str(folder / name))]


def tool(*args: str) -> str:
    done = subprocess.run(
        [sys.executable, str(TOOLS / "train_emotions.py"), *args], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_teachers_students_and_export(data: list[str], tmp_path: Path) -> None:
    out, briefly = str(tmp_path), ["--minutes", "0.002", "--device", "cpu", "--batch", "4"]
    for name in ("a", "b"):
        assert "end, " in tool("teacher", name, *briefly, *data, "--out", out)
    assert "embedded_b labels" in tool("students", *briefly, *data, "--out", out)
    again = str(tmp_path / "again")
    tool("students", *briefly, *data, "--out", again, "--start", out)
    networks = tmp_path / "networks"
    tool("export", *data, "--out", again, "--networks", str(networks))
    card = json.loads((networks / "card.json").read_text())
    assert card["classes"] == [*CLASSES, "contempt"]
    for name in ("embedded", "embedded_b"):
        assert (networks / f"{name}.onnx").is_file()
        assert 0.01 < card["networks"][name]["temperature"] < 100
        assert abs(sum(card["networks"][name]["prior"]) - 1) < 1e-3
        assert card["networks"][name]["scores"]["private"]["n"] > 0
    assert card["ensemble"]["members"] == ["embedded", "embedded_b"]
