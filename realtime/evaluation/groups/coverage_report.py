"""How often intervals hold, for groups.json, the terminal and the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from moodstream.realtime.analysis.group.intervals import ERRORS, LEVEL
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.emotions.report import plain
from moodstream.realtime.evaluation.groups.coverage import SHARE_EDGES, Coverage, CoverageStudy
from moodstream.realtime.evaluation.markdown import table

_KINDS = {"groups": "made groups", "timelines": "windows of made timelines"}


def figures(covered: CoverageStudy) -> dict[str, Any]:
    """All figures for groups.json; what is undefined is None."""
    found: dict[str, Any] = plain(
        {
            "level": LEVEL,
            "errors": asdict(ERRORS),
            "fitted": None if covered.fitted is None else asdict(covered.fitted),
            "groups": [_row(one) for one in covered.groups],
            "timelines": [_row(one) for one in covered.timelines],
        }
    )
    return found


def _row(one: Coverage) -> dict[str, Any]:
    bins = [f"{low:g}-{high:g}" for low, high in pairwise(SHARE_EDGES)]
    return {
        "people": one.people,
        "groups": one.groups,
        "inside": round(one.inside, 4),
        "width": round(one.width, 4),
        "by_mood": dict(zip(EMOTIONS, one.by_mood.round(4).tolist(), strict=True)),
        "by_share": dict(zip(bins, one.by_share.round(4).tolist(), strict=True)),
    }


def lines(intervals: Mapping[str, Any]) -> list[str]:
    """A few lines of text: how often intervals hold by the number of people."""
    printed = []
    for kind, words in _KINDS.items():
        rows: Sequence[Mapping[str, Any]] = intervals[kind]
        printed += [
            f"Intervals   of {intervals['level']:.0%}, {words}",
            f"  {'people':40}" + "".join(f"{row['people']:8}" for row in rows),
            f"  {'the truth lies inside':40}" + "".join(f"{row['inside']:8.1%}" for row in rows),
            f"  {'width about the largest share':40}" + "".join(f"{r['width']:8.2f}" for r in rows),
        ]
    if intervals["fitted"]:
        fitted = intervals["fitted"]
        printed.append(f"  fitted here: own {fitted['own']}, common {fitted['common']}")
    return printed


def sections(intervals: Mapping[str, Any]) -> Iterator[str]:
    """The section of the report."""
    yield "## Intervals"
    yield (
        f"How often the raters' mean shares lie inside the {intervals['level']:.0%} intervals, "
        "over all moods, by the size of the share and by mood; width: that of the interval about "
        "the largest share. A third of the groups is as it is, in a third some faces are degraded, "
        "in a third all alike."
    )
    for kind, words in _KINDS.items():
        rows = intervals[kind]
        bins, moods = list(rows[0]["by_share"]), list(rows[0]["by_mood"])
        yield table(
            [words, "people", "inside", "width", *(f"share {b}" for b in bins), *moods],
            (
                [
                    row["groups"],
                    row["people"],
                    f"{row['inside']:.1%}",
                    f"{row['width']:.2f}",
                    *(_percent(row["by_share"][b]) for b in bins),
                    *(_percent(row["by_mood"][m]) for m in moods),
                ]
                for row in rows
            ),
        )
    errors, fitted = intervals["errors"], intervals["fitted"]
    yield f"Errors that intervals assume: own {errors['own']}, common {errors['common']}."
    if fitted:
        yield f"Fitted on these groups: own {fitted['own']}, common {fitted['common']}."


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
