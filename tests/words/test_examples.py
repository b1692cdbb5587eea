"""The examples in docstrings do what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

from moodstream import overlays, realtime, samples, testing, trackers


def modules() -> list[str]:
    """The modules with an example."""
    names = []
    for package in (realtime, trackers, overlays, samples, testing):
        root = Path(package.__file__).parent
        for path in sorted(root.rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(root).with_suffix("").parts
                names.append(".".join((package.__name__, *parts)).removesuffix(".__init__"))
    return names


@pytest.mark.parametrize("name", modules())
def test_examples_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # some networks' packages change how numpy prints, for the whole process
    with np.printoptions(precision=8, suppress=False, linewidth=75, formatter=None):
        results = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert results.attempted
    assert not results.failed
