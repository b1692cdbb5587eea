"""The section of report.md about the attributes of the people: whom it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.markdown import table

NAMES = {
    "detected": "detected",
    "quality": "quality",
    "right": "right",
    "jsd": "JSD",
}
"""The figures of a group, by their names in metrics.json."""

CAVEAT = (
    "Groups may show other moods, or be photographed otherwise: a difference says that it fails "
    "more often there, not why. Several pictures of one person count as several people."
)


def sections(attributes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Nothing without attributes; otherwise a heading, a chart, and tables for each attribute."""
    if not attributes:
        return
    yield "## Whom it fails"
    judged = (
        "*Right* is the share of faces with the true emotion, or with that of most raters; JSD is "
        "to the shares of the raters, in nats; *lean* the mean predicted minus the mean true share."
    )
    blind = (
        "What is true of the faces is not known: groups that are predicted otherwise may well "
        "show other moods."
    )
    yield (
        f"Means with 90 % intervals. {judged if attributes[0]['judged'] else blind} The intervals "
        "of the largest differences hold for all pairs of groups together; where one is above 0, "
        f"the difference is more than chance. {CAVEAT}"
    )
    yield "![By attribute](by_attribute.png)"
    for attribute in attributes:
        yield f"### By {attribute['name']}"
        if attribute["unknown"]:
            yield f"{attribute['unknown']} faces have no value."
        yield _groups(attribute)
        yield _shares(attribute)
        yield _differences(attribute)


def lines(attribute: Mapping[str, Any]) -> list[str]:
    """One attribute on a terminal."""
    keys = measured(attribute)
    wide = max(12, *(len(value_name(g)) + 2 for g in attribute["groups"]))
    head = f"{'By ' + attribute['name']:{wide}}{'faces':>7}"
    printed = [head + "".join(f"{NAMES[key]:>24}" for key in keys)]
    for group in attribute["groups"]:
        cells = (written(group["figures"].get(key)) for key in keys)
        row = f"{value_name(group):{wide}}{group['n']:>7}"
        printed.append(row + "".join(f"{cell:>24}" for cell in cells))
    shown = [d for d in attribute["differences"] if d["figure"] in keys or d["beyond_chance"]]
    printed += [f"  {difference(one, attribute['judged'])}" for one in shown]
    if not attribute["differences"]:
        printed.append("  fewer than two groups have 30 faces: they are not compared")
    return printed


def measured(attribute: Mapping[str, Any]) -> list[str]:
    """Which of NAMES are known of any group."""
    return [key for key in NAMES if any(key in g["figures"] for g in attribute["groups"])]


def written(estimate: Mapping[str, Any] | None, digits: int = 3, sign: str = "") -> str:
    """A mean and its interval."""
    if estimate is None:
        return "–"
    mean = f"{estimate['mean']:{sign}.{digits}f}"
    if estimate["low"] is None:
        return mean
    return f"{mean} ({estimate['low']:{sign}.{digits}f} to {estimate['high']:{sign}.{digits}f})"


def difference(one: Mapping[str, Any], judged: bool) -> str:
    """The largest difference in one figure, in a line."""
    name = NAMES.get(one["figure"], f"{_share_name(judged)} {one['figure']}")
    chance = "" if one["beyond_chance"] else ", may be chance"
    return (
        f"{name}: {one['higher']} above {one['lower']} by {one['size']:.3f} "
        f"({one['low']:.3f} to {one['high']:.3f}{chance})"
    )


def value_name(group: Mapping[str, Any]) -> str:
    """The value of a group, marked where it has few faces."""
    return f"{group['value']} (few)" if group["few"] else str(group["value"])


def _groups(attribute: Mapping[str, Any]) -> str:
    keys = measured(attribute)
    rows = [
        (value_name(g), g["n"], *(written(g["figures"].get(key)) for key in keys))
        for g in attribute["groups"]
    ]
    names = [NAMES[key] for key in keys]
    few = any(g["few"] for g in attribute["groups"])
    note = "\n\nGroups marked *few* have fewer than 30 faces and prove little." if few else ""
    return table((attribute["name"], "faces", *names), rows) + note


def _share_name(judged: bool) -> str:
    """What figures by emotion are."""
    return "lean to" if judged else "predicted share of"


def _shares(attribute: Mapping[str, Any]) -> str:
    judged = attribute["judged"]
    sign = "+" if judged else ""
    rows = [
        (value_name(g), *(written(g["figures"].get(emotion), sign=sign) for emotion in EMOTIONS))
        for g in attribute["groups"]
    ]
    return table((f"{_share_name(judged)}, by {attribute['name']}", *EMOTIONS), rows)


def _differences(attribute: Mapping[str, Any]) -> str:
    if not attribute["differences"]:
        return "Fewer than two groups have 30 faces: they are not compared."
    each = [f"- {difference(one, attribute['judged'])}" for one in attribute["differences"]]
    return "\n".join(["The largest differences:", "", *each])
