"""The examples in docstrings that need neither networks nor footage do what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from moodstream import overlays, realtime, trackers
from moodstream.realtime import analysis, sources


def modules() -> list[str]:
    """The modules with an example: the words, sources, analysis, trackers and overlays."""
    names = []
    for package in (realtime, sources, analysis, trackers, overlays):
        root = Path(package.__file__).parent
        for path in sorted(root.glob("*.py") if package is realtime else root.rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(root).with_suffix("").parts
                names.append(".".join((package.__name__, *parts)).removesuffix(".__init__"))
    return names


@pytest.mark.parametrize("name", modules())
def test_examples_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert results.attempted
    assert not results.failed
