"""The names of result files stand in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import moodstream.realtime
from moodstream.realtime.outputs import layout

PACKAGE = Path(moodstream.realtime.__file__).parent
MODULES = [path for path in PACKAGE.rglob("*.py") if path != Path(layout.__file__)]
NAMES = {v for k, v in vars(layout).items() if k.isupper() and Path(v).suffix}


def literals(code: str) -> Iterator[str]:
    """Every string of a module that is one by itself, docstrings and f-strings included."""
    return (
        node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_no_other_module_spells_the_name_of_a_result_file() -> None:
    assert len(MODULES) > 100
    found = {
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in MODULES
        for text in literals(path.read_text(encoding="utf-8"))
        # the template of a page may be called like the page
        if text in NAMES and not (path.parent / text).exists()
    }
    assert found == set()


def test_the_names_are_known_and_no_two_alike() -> None:
    assert {layout.TIMELINE, layout.STORE, layout.FACES, layout.METRICS} <= NAMES
    values = [value for name, value in vars(layout).items() if name.isupper()]
    assert len(set(values)) == len(values)


def test_literals_are_found_wherever_they_stand() -> None:
    assert set(literals("a = b / 'x.json'\nprint(f\"{c}y.csv\")")) == {"x.json", "y.csv"}


@pytest.mark.parametrize("emotion", ["happy", "sad"])
def test_the_sheets_of_an_earlier_run_are_found_by_their_pattern(emotion: str) -> None:
    assert Path(layout.contributors_sheet(emotion)).match(layout.CONTRIBUTORS_SHEETS)
    assert emotion in layout.contributors_sheet(emotion)
