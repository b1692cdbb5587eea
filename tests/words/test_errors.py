"""The exceptions of the package: one module, one tree, drawn as it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from moodstream import realtime
from moodstream.realtime import errors
from moodstream.realtime.errors import EndOfSourceError, MoodstreamError, require

ROOT = Path(realtime.__file__).parent
EXCEPTIONS = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
}


def drawn() -> dict[str, str]:
    """Name → parent, as the docstring of the module draws them."""
    parents: dict[str, str] = {}
    open_at: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        node = re.match(r"([ │├└─]*)(\w+)(?:  |$)", line)
        if node is None or not (node[2] == "Exception" or "─" in node[1]):
            continue
        depth = len(node[1])
        open_at = [(at, name) for at, name in open_at if at < depth]
        if open_at:
            parents[node[2]] = open_at[-1][1]
        open_at.append((depth, node[2]))
    return parents


def test_the_tree_is_drawn_as_it_is():
    assert drawn() == {name: kind.__base__.__name__ for name, kind in EXCEPTIONS.items()}


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_users_can_catch_all_by_one_name(name):
    """Except the end of a recording: whoever reads a source handles it."""
    assert issubclass(EXCEPTIONS[name], MoodstreamError) != (EXCEPTIONS[name] is EndOfSourceError)


def public_exceptions(path: Path) -> list[str]:
    """The public classes of a module whose name or base is that of an exception."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bases = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
            if any(re.search("Error$|Exception$", name) for name in (node.name, *bases)):
                names.append(node.name)
    return names


def test_they_are_defined_in_one_module():
    others = {
        str(path.relative_to(ROOT)): names
        for path in ROOT.rglob("*.py")
        if path != Path(errors.__file__) and (names := public_exceptions(path))
    }
    assert others == {}
    assert public_exceptions(Path(errors.__file__)) == list(EXCEPTIONS)


def test_what_is_required_is_reported_with_what_came():
    require(True, "anything", None)
    with pytest.raises(ValueError, match=r"^expected x > 0, got nan$"):
        require(float("nan") > 0, "x > 0", float("nan"))
