"""Which part of the package may import which: a table, held against the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

WORDS = {
    "arrays",
    "emotions",
    "environment",
    "errors",
    "frames",
    "maths",
    "privacy",
    "progress",
    "threads",
    "timing",
}
"""The modules that lie in realtime/ itself: records and functions that every wing may use."""

ALLOWED: dict[str, set[str]] = {
    "trackers": set(),
    "overlays": set(),
    "samples": {"words"},
    "words": {"overlays"},
}
"""Wing → the wings that it may import, besides itself; the floors of realtime/ follow."""

FLOORS = (
    {"sources", "networks"},
    {"analysis"},
    {"outputs"},
    {"runs", "labels"},
    {"dashboard", "evaluation", "diagnostics"},
    {"cli"},
)
"""From the ground up: each wing may import the words, the two libraries and every floor below."""

_below = {"words", "trackers", "overlays"}
for _floor in FLOORS:
    for _wing in _floor:
        ALLOWED[_wing] = set(_below)
    _below |= _floor
for _wing in ("evaluation", "dashboard", "diagnostics", "cli"):
    ALLOWED[_wing].add("samples")
ALLOWED["api"] = _below | {"samples"}  # the root package `moodstream`: everything stands under it

Graph = Mapping[str, Iterable[str]]


def modules() -> dict[str, Path]:
    """Dotted name → file, of every module of the product."""
    found = {}
    for top in ("realtime", "trackers", "overlays", "samples", "api"):
        for path in (ROOT / top).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts[1:] if parts[0] == "api" else parts
            name = ".".join(("moodstream", *parts))
            found[name.removesuffix(".__init__")] = path
    return found


def imports(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """Module → the modules that it imports anywhere, in functions and for types, too."""
    graph: dict[str, set[str]] = {}
    for name, path in files.items():
        graph[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names if alias.name in files}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: write imports in full"
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    target = whole if whole in files else node.module
                    if target in files and target is not None:
                        graph[name].add(target)
    return graph


def wing(module: str) -> str:
    """The part of the house that a module lies in."""
    parts = module.split(".")
    if len(parts) == 1 or parts[1] not in ("realtime", "trackers", "overlays", "samples"):
        return "api"
    if parts[1] != "realtime":
        return parts[1]
    return parts[2] if len(parts) > 2 and parts[2] in ALLOWED else "words"


def forbidden(graph: Graph) -> list[str]:
    """The arrows that the table does not allow."""
    return sorted(
        f"{source} imports {target}: {wing(source)} may not know {wing(target)}"
        for source, targets in graph.items()
        for target in targets
        if wing(source) != wing(target) and wing(target) not in ALLOWED[wing(source)]
    )


def circles(graph: Graph) -> list[list[str]]:
    """Groups of nodes that reach each other (Tarjan's strongly connected components)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in graph.get(node, ()):
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in order:
            visit(node)
    return found


def packages(graph: Graph, files: Mapping[str, Path]) -> dict[str, set[str]]:
    """The same arrows between the folders that modules lie in."""
    folders: dict[str, set[str]] = {}
    for source, targets in graph.items():
        own = _folder(source, files)
        folders.setdefault(own, set()).update(_folder(target, files) for target in targets)
    return folders


def _folder(module: str, files: Mapping[str, Path]) -> str:
    return str(files[module].parent.relative_to(ROOT))


FILES = modules()
GRAPH = imports(FILES)


def test_arrows_point_one_way() -> None:
    assert forbidden(GRAPH) == []


def test_no_file_imports_itself_by_a_detour() -> None:
    assert circles(GRAPH) == []


def test_no_package_imports_itself_by_a_detour() -> None:
    assert circles(packages(GRAPH, FILES)) == []


def test_only_words_lie_in_realtime_itself() -> None:
    own = {path.stem for path in (ROOT / "realtime").glob("*.py")} - {"__init__"}
    assert own <= WORDS


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("moodstream.realtime.maths", "moodstream.realtime.sources.files"),
        ("moodstream.realtime.sources.files", "moodstream.realtime.networks.load"),
        ("moodstream.realtime.analysis.group.aggregator", "moodstream.realtime.outputs.painter"),
        ("moodstream.realtime.outputs.painter", "moodstream.realtime.runs.offline.pipeline"),
        ("moodstream.realtime.runs.live.session", "moodstream.realtime.dashboard.app"),
        ("moodstream.trackers.faces", "moodstream.realtime.frames"),
        ("moodstream.overlays.scene", "moodstream.trackers.faces"),
        ("moodstream.realtime.dashboard.app", "moodstream.realtime.cli.options"),
        ("moodstream.realtime.runs.live.session", "moodstream"),
    ],
)
def test_an_arrow_turned_round_is_told(source: str, target: str) -> None:
    assert {source, target} <= set(FILES)
    turned = {**GRAPH, source: {*GRAPH[source], target}}
    assert [line for line in forbidden(turned) if line.startswith(f"{source} imports {target}")]


def test_a_circle_is_told() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [["a", "b", "c"]]
