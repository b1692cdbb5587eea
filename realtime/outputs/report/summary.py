"""What summary.json and the terminal say of a finished run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from moodstream.realtime.emotions import EXTRAS
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.report.formatting import clock, counted, duration, percent
from moodstream.realtime.outputs.schemas import (
    MeanExtras,
    MoodPart,
    RecordingCounts,
    ShiftEvent,
    Speed,
    Summary,
    VideoCounts,
)
from moodstream.realtime.privacy import Privacy

_MAX_PARTS = 6  # on the terminal
_SHORT_S = 20.0  # runs below this have times with tenths of seconds
_NOBODY_FOR_LONG = "nobody for a second or more"

NO_FACES = "no faces were found"
"""The note of a run in which nobody was seen."""


def mean_extras(folder: Path) -> MeanExtras:
    """Mean valence, arousal and disagreement over the steps of a run, where they are known."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(folder / layout.TIMELINE, columns=list(EXTRAS))
    means = {name: pc.mean(table[name]).as_py() for name in EXTRAS}
    known = {name: round(mean, 4) for name, mean in means.items() if mean is not None}
    return cast(MeanExtras, known)


def people_notes(people: int | None, at_once: int) -> list[str]:
    """What there is to note of how few people were seen: a sentence, or none.

    Args:
        people: Tracked for a second or more; None where individuals were not recorded.
        at_once: The most present at a time.
    """
    if at_once == 0:
        return [NO_FACES]
    return ["nobody was in view for a second or more"] if people == 0 else []


def stopped_at_once(interrupted: bool, rows: int) -> bool:
    """Whether a run was ended before there was anything to tell, even that nobody was there."""
    return interrupted and rows <= 1


def no_distribution(summary: Summary) -> str:
    """Why there is no distribution where there is none: as the overlay says it, too."""
    few = Privacy.of(str(summary.get("settings", {}).get("privacy") or "off")).min_group
    seen = summary.get("counts", {}).get("people_at_once", 0) > 0
    return f"fewer than {few} people" if few and seen else "nobody classified"


def terminal_summary(summary: Summary) -> list[str]:
    """People, duration, dominant mood by part, biggest shift, and speed, a line each.

    For a recording, its gaps take the place of the speed. Of a video that was stopped before
    there was anything to tell, one line says so.
    """
    counts, source = summary["counts"], summary["source"]
    if "frames" in counts and stopped_at_once(summary.get("interrupted", False), counts["rows"]):
        read = counted(counts["frames"], "frame")
        return [f"Stopped     after {read} of {source['name']}: too early to say anything"]
    short = counts["seconds"] < _SHORT_S

    def when(t: float) -> str:
        return f"{t:.1f} s" if short else clock(t)

    shift = summary["mood"]["biggest_shift"]
    moved = "none" if shift is None else _shift(shift, when)
    length = (
        counted(counts["frames"], "frame") if "frames" in counts else counted(counts["rows"], "row")
    )
    return [
        f"People      {_people(counts)}",
        f"Duration    {when(counts['seconds'])} ({length}, {source['name']})",
        f"Mood        {_moods(summary['mood']['parts'], when, no_distribution(summary))}",
        f"Shift       {moved}",
        _speed(summary["speed"])
        if "speed" in summary
        else f"Gaps        {_gaps(summary['counts'])}",
    ]


def part_share(part: MoodPart) -> str:
    """The share of the mood of a part, with its interval where that is known."""
    return percent(part["share"], (part["low"], part["high"]) if "low" in part else None)


def _moods(parts: list[MoodPart], when: Callable[[float], str], nobody: str) -> str:
    """The mood of every part; once what holds of all of them."""
    if not any(part["dominant"] for part in parts):
        return nobody
    moods = [f"{p['dominant']} {part_share(p)}" if p["dominant"] else nobody for p in parts]
    return "; ".join(
        _shortened(
            [
                f"{when(p['start'])}–{when(p['end'])} {mood}"
                for p, mood in zip(parts, moods, strict=True)
            ]
        )
    )


def _shift(shift: ShiftEvent, when: Callable[[float], str]) -> str:
    """A mood shift in words: when, from what to what, and how much of the group showed it."""
    words = f"from {shift['from']} to {shift['to']} at {when(shift['t'])}"
    if shift["before"] is None or shift["after"] is None:
        return words
    return f"{words}: {shift['to']} went from {shift['before']:.0%} to {shift['after']:.0%}"


def _people(counts: VideoCounts | RecordingCounts) -> str:
    people, at_once = counts["people"], counts["people_at_once"]
    if at_once == 0:
        return f"none: {NO_FACES}"
    at_most = f"at most {at_once} at once"
    if people is None:  # individuals were not recorded
        return at_most
    return f"{people or _NOBODY_FOR_LONG} ({at_most})"


def _speed(speed: Speed) -> str:
    return (
        f"Speed       {speed['times_real_time']:.1f} × real time "
        f"({speed['frames_per_second']:.0f} frames/s)"
    )


def _gaps(counts: RecordingCounts) -> str:
    if counts["gaps"] == 0:
        return "none"
    return f"{counts['gaps']}, {duration(counts['gap_seconds'])} in all without a picture"


def _shortened(parts: list[str]) -> list[str]:
    more = len(parts) - _MAX_PARTS
    return (
        parts
        if more <= 0
        else [
            *parts[:_MAX_PARTS],
            f"and {counted(more, 'more part')}",
        ]
    )
