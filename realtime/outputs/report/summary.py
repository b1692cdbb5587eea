"""The mood of a finished run for its summary.json, and the summary on the terminal."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.report.formatting import clock, duration
from moodstream.realtime.outputs.schemas import (
    PROBS,
    MeanExtras,
    MoodPart,
    RecordingCounts,
    ShiftEvent,
    Speed,
    Summary,
    VideoCounts,
)

_MAX_PARTS = 6  # on the terminal
_SHORT_S = 20.0  # runs below this have times with tenths of seconds


def mood_by_part(
    folder: Path, events: Sequence[ShiftEvent], window: float, end: float
) -> list[MoodPart]:
    """The dominant mood of each part between mood shifts (thirds where there was none).

    Each is the mean of the windows that lie wholly in the part. A part ends where the timeline has
    a hole longer than the window, without a picture.

    Args:
        folder: Where timeline.parquet is.
        events: The mood shifts.
        window: Seconds that the group is summed over.
        end: Seconds of media time at which the run ended.

    Returns:
        The parts in order; ``dominant`` is None where nobody was classified.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(folder / layout.TIMELINE, columns=["t", *PROBS])
    t = table["t"].to_numpy()
    probs = np.stack([table[name].to_numpy(zero_copy_only=False) for name in PROBS], 1)
    if len(t) == 0:
        return []
    stretches = _stretches(t, window, end)
    start = float(t[0])
    cuts = sorted({e["t"] for e in events if start < e["t"] < end})
    if not cuts and len(stretches) == 1:
        cuts = [start + (end - start) * k / 3 for k in (1, 2)]
    parts = []
    for first, last in stretches:
        edges = [first, *(cut for cut in cuts if first < cut < last), last]
        parts += [_part(a, b, t, probs, window) for a, b in itertools.pairwise(edges)]
    return parts


def _stretches(t: npt.NDArray[Any], hole: float, end: float) -> list[tuple[float, float]]:
    """From where to where there are rows, without the holes longer than ``hole`` seconds."""
    after = np.flatnonzero(np.diff(t) > max(hole, ROW_INTERVAL_S) + 1e-6)
    firsts = [float(t[0]), *t[after + 1].tolist()]
    lasts = [*t[after].tolist(), max(end, float(t[-1]))]
    return list(zip(firsts, lasts, strict=True))


def _part(
    a: float, b: float, t: npt.NDArray[Any], probs: npt.NDArray[Any], window: float
) -> MoodPart:
    inside = (t >= min(a + window, b - ROW_INTERVAL_S)) & (t <= b)
    rows = probs[inside]
    rows = rows[~np.isnan(rows).any(1)]
    part: MoodPart = {"start": round(a, 3), "end": round(b, 3), "dominant": None}
    if len(rows):
        mean = rows.mean(0)
        part["dominant"] = EMOTIONS[int(mean.argmax())]
        part["share"] = round(float(mean.max()), 4)
    return part


def mean_extras(folder: Path) -> MeanExtras:
    """Mean valence, arousal and disagreement over the steps of a run, where they are known."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(folder / layout.TIMELINE, columns=list(EXTRAS))
    means = {name: pc.mean(table[name]).as_py() for name in EXTRAS}
    known = {name: round(mean, 4) for name, mean in means.items() if mean is not None}
    return cast(MeanExtras, known)


def terminal_summary(summary: Summary) -> list[str]:
    """People, duration, dominant mood by part, biggest shift, and speed, a line each.

    For a recording, its gaps take the place of the speed.
    """
    counts, source = summary["counts"], summary["source"]
    short = counts["seconds"] < _SHORT_S

    def when(t: float) -> str:
        return f"{t:.1f} s" if short else clock(t)

    parts = [
        f"{when(p['start'])}–{when(p['end'])} "
        + (f"{p['dominant']} {p['share']:.0%}" if p["dominant"] else "nobody classified")
        for p in summary["mood"]["parts"]
    ]
    shift = summary["mood"]["biggest_shift"]
    moved = (
        f"{shift['from']} → {shift['to']} at {when(shift['t'])} (JSD {shift['size']:.2f})"
        if shift
        else "none"
    )
    frames = f"{counts['frames']} frames" if "frames" in counts else f"{counts['rows']} rows"
    return [
        f"People      {_people(counts)}",
        f"Duration    {when(counts['seconds'])} ({frames}, {source['name']})",
        f"Mood        {'; '.join(_shortened(parts)) or 'nobody classified'}",
        f"Shift       {moved}",
        _speed(summary["speed"])
        if "speed" in summary
        else f"Gaps        {_gaps(summary['counts'])}",
    ]


def _people(counts: VideoCounts | RecordingCounts) -> str:
    people, at_once = counts["people"], counts["people_at_once"]
    if people == 0 or (people is None and at_once == 0):
        return "none: no faces were found"
    at_most = f"at most {at_once} at once"
    if people is None:  # individuals were not recorded
        return at_most
    return f"{people} ({at_most})"


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
    return parts if more <= 0 else [*parts[:_MAX_PARTS], f"and {more} more parts"]
