"""The examples in docstrings are programs that do what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from moodstream import overlays, realtime, trackers


def modules() -> list[str]:
    """All modules of the product with an example."""
    names = []
    for package in (realtime, trackers, overlays):
        root = Path(package.__file__).parent
        for path in sorted(root.rglob("*.py")):
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
