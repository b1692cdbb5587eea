"""The HTML report: one file that shows a folder of results without any network."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import read_json
from moodstream.realtime.outputs.report.formatting import clock, counted
from moodstream.realtime.outputs.report.stills import KeyStill
from moodstream.realtime.outputs.report.summary import NO_FACES, no_distribution, stopped_at_once
from moodstream.realtime.outputs.report.template import details, template
from moodstream.realtime.outputs.schemas import ShiftEvent, Summary

if TYPE_CHECKING:
    from moodstream.realtime.outputs.report.data import Lanes, Timeline

_PAGE = Path(__file__).parent / "report.html"
_MAX_TABLE_ROWS = 500


def write_report(
    folder: Path, out: Path, stills: Sequence[KeyStill], embed_js: bool = True
) -> None:
    """Write the report of a folder that `moodstream process` filled.

    Reads timeline.parquet, events.json, summary.json and, where it exists, people.parquet.

    Args:
        folder: Where the results are.
        out: The page to write.
        stills: Pictures to show in it.
        embed_js: Whether plotly.js (4.6 MB) is part of the page; else it is written beside it,
            shared by all reports there.

    Raises:
        MoodstreamError: The folder has no readable results.
    """
    from plotly.offline import get_plotlyjs

    library = get_plotlyjs()
    if not embed_js:
        (out.parent / layout.PLOTLY).write_text(library, encoding="utf-8")
    view = _view(folder, stills) | {"library": library if embed_js else None}
    out.write_text(template(_PAGE).render(view), encoding="utf-8")


def _view(folder: Path, stills: Sequence[KeyStill]) -> dict[str, Any]:
    """The variables of the template."""
    from moodstream.overlays.palette import hex_of
    from moodstream.realtime.outputs.report.data import Timeline, read_lanes

    summary: Summary = read_json(folder / layout.SUMMARY)
    events: list[ShiftEvent] = read_json(folder / layout.EVENTS)
    if not (folder / layout.TIMELINE).is_file():
        raise MoodstreamError(f"{folder}: holds no {layout.TIMELINE}")
    line = Timeline.read(folder / layout.TIMELINE)
    seconds = float(summary.get("counts", {}).get("seconds") or 0)
    start = max(0.0, float(line.t[0])) if len(line) else 0.0
    end = max(start + seconds, float(line.t[-1]) if len(line) else 0.0)
    people = None
    if (folder / layout.PEOPLE).is_file() and len(line):
        people = read_lanes(folder / layout.PEOPLE, start, end)
    seen = bool(people and people.lanes) or bool(len(line) and (line.people > 0).any())
    return {
        "source": str(summary.get("source", {}).get("name", "unnamed source")),
        "seconds": end - start,
        "seen": seen,
        "too_early": stopped_at_once(summary.get("interrupted", False), len(line)),
        "facts": _facts(summary, line, events, people, end - start),
        "notes": [n for n in summary.get("notes", []) if seen or n != NO_FACES],
        "nobody": no_distribution(summary),
        "diverse": line.diverse,
        "notice": summary.get("notice"),
        "parts": _parts(folder, summary, line, events, end),
        "shifts": sorted(events, key=lambda e: e["t"])[:_MAX_TABLE_ROWS],
        "shift_count": len(events),
        "gaps": summary.get("counts", {}).get("gaps", 0),
        "people": people,
        "stills": [
            {"caption": s.caption, "jpeg": base64.b64encode(s.jpeg).decode()} for s in stills
        ],
        "charts": _charts(line, events, people, (start, end)) if seen else {},
        "moods": [(name, hex_of(name)) for name in EMOTIONS],
        "colour": {name: hex_of(name) for name in EMOTIONS},
        "small": not len(line) or not (line.people >= 3).any(),
        "window": _window(summary),
        "details": details(summary, "source"),
    }


def _window(summary: Summary) -> float:
    """Seconds of the group's window."""
    window: float = summary.get("settings", {}).get("group", {}).get("window", 5.0)
    return window


def _charts(
    line: Timeline,
    events: Sequence[ShiftEvent],
    people: Lanes | None,
    span: tuple[float, float],
) -> dict[str, Any]:
    from moodstream.realtime.outputs.report.charts import (
        affect_chart,
        context_chart,
        group_chart,
        interval_chart,
        lanes_chart,
    )

    if not len(line):
        return {}
    thin = line.thinned()
    charts = {}
    if line.mean() is not None:
        charts["group"] = group_chart(thin, events, span)
    if line.has_intervals:
        charts["intervals"] = interval_chart(thin, events, span)
    charts["context"] = context_chart(thin, events, span)
    if (line.valence == line.valence).any():
        charts["affect"] = affect_chart(thin, events, span)
    if people and people.lanes:
        charts["lanes"] = lanes_chart(people, span)
    return charts


def _facts(
    summary: Summary,
    line: Timeline,
    events: Sequence[ShiftEvent],
    people: Lanes | None,
    seconds: float,
) -> list[tuple[str, str, str, str | None]]:
    """The figures at the top of the page: (name, figure, remark, mood that colours it)."""
    at_once = int(line.people.max()) if len(line) else 0
    count = summary.get("counts", {}).get("people")
    if count is None or people is None:  # without single people, only who was there at once
        count = at_once
    at_most = f"at most {at_once} at once"
    if count == 0 < at_once:
        at_most = f"nobody for a second or more, {at_most}"
    steps = counted(len(line), "step")
    facts: list[tuple[str, str, str, str | None]] = [
        ("Duration", clock(seconds), f"{steps} of the timeline", None),
        ("People", str(count), at_most, None),
    ]
    mean = line.mean()
    if mean is not None:
        mood = EMOTIONS[int(mean.argmax())]
        facts.append(("Mood shown most", mood, f"{mean.max():.0%} of the group on average", mood))
    biggest = max(events, key=lambda e: e["size"], default=None)
    if biggest:
        change = f"{biggest['from']} → {biggest['to']}"
        remark = f"at {clock(biggest['t'])}, {biggest['size']:.2f} nats"
        facts.append(("Biggest shift", change, remark, biggest["to"]))
    elif mean is not None:
        facts.append(("Biggest shift", "none", "the mood stayed much the same", None))
    disagreement = summary.get("mood", {}).get("disagreement")
    if disagreement is not None:
        remark = "between the networks, of at most 0.69"
        facts.append(("Disagreement", f"{disagreement:.3f} nats", remark, None))
    return facts


def _parts(
    folder: Path,
    summary: Summary,
    line: Timeline,
    events: Sequence[ShiftEvent],
    end: float,
) -> list[dict[str, Any]]:
    """The stretches between mood shifts, with their mean diversity and people."""
    from moodstream.realtime.outputs.report.parts import mood_by_part, part_of

    parts = summary.get("mood", {}).get("parts")
    if parts is None:
        parts = mood_by_part(folder, events, _window(summary), end)
    if not parts:
        return []
    rows, index = [], part_of(line.t, [part["end"] for part in parts])
    for k, part in enumerate(parts[:_MAX_TABLE_ROWS]):
        inside = index == k
        known = inside & (line.entropy_share == line.entropy_share)
        rows.append(
            part
            | {
                "diversity": float(line.entropy_share[known].mean()) if known.any() else None,
                "people": float(line.people[inside].mean()) if inside.any() else None,
            }
        )
    return rows
