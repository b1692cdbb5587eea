"""The parts of a run between its mood shifts, and the mood of each."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.report.data import read_columns
from moodstream.realtime.outputs.schemas import INTERVALS, PROBS, MoodPart, ShiftEvent

_TOLERANCE_S = 0.001  # by which equal times may differ: they are written to the millisecond


def mood_by_part(
    folder: Path, events: Sequence[ShiftEvent], window: float, end: float
) -> list[MoodPart]:
    """The dominant mood of each part between mood shifts (thirds where there was none).

    Each is the mean of the rows in the part: of a part longer than the window, of the rows whose
    windows lie wholly in it. A part ends where the timeline has a hole longer than the window,
    without a picture. There is no part without a row.

    Args:
        folder: Where timeline.parquet is.
        events: The mood shifts.
        window: Seconds that the group is summed over.
        end: Seconds of media time at which the run ended.

    Returns:
        The parts in order; ``dominant`` is None where nobody was classified.
    """
    column = read_columns(folder / layout.TIMELINE, ("t", *PROBS, *INTERVALS))
    t = column["t"]
    if len(t) == 0:
        return []
    rows = np.stack([column[name] for name in (*PROBS, *INTERVALS)], 1)
    spans = _spans(t, [event["t"] for event in events], window, end)
    index = part_of(t, [b for _, b in spans])
    return [_part(a, b, t[index == k], rows[index == k], window) for k, (a, b) in enumerate(spans)]


def part_of(t: npt.NDArray[Any], ends: Sequence[float]) -> I64:
    """To which part each row belongs: the first that does not end before it.

    Args:
        t: (T,) seconds of the rows.
        ends: (P,) seconds at which the parts end, in order.

    Returns:
        (T,) numbers of parts.
    """
    index = np.searchsorted(np.asarray(ends) + _TOLERANCE_S, t)
    return np.minimum(index, len(ends) - 1).astype(np.int64)


def _spans(
    t: npt.NDArray[Any], shifts: Sequence[float], window: float, end: float
) -> list[tuple[float, float]]:
    """From where to where each part goes; every one has a row."""
    stretches = _stretches(t, window, end)
    start = float(t[0])
    cuts = sorted({shift for shift in shifts if start < shift < end})
    if not cuts and len(stretches) == 1:
        cuts = [start + (end - start) * k / 3 for k in (1, 2)]
    spans = []
    for first, last in stretches:
        ends = [cut for cut in cuts if first < cut < last] + [last]
        # a cut with no row since the one before it makes no part
        filled = sorted(set(part_of(t[(t >= first) & (t <= last)], ends).tolist()))
        # the last of them goes on to the end
        edges = [first, *(ends[k] for k in filled[:-1]), last]
        spans += list(itertools.pairwise(edges))
    return spans


def _stretches(t: npt.NDArray[Any], hole: float, end: float) -> list[tuple[float, float]]:
    """From where to where there are rows, without the holes longer than ``hole`` seconds."""
    after = np.flatnonzero(np.diff(t) > max(hole, ROW_INTERVAL_S) + 1e-6)
    firsts = [float(t[0]), *t[after + 1].tolist()]
    lasts = [*t[after].tolist(), max(end, float(t[-1]))]
    return list(zip(firsts, lasts, strict=True))


def _part(a: float, b: float, t: F64, rows: F64, window: float) -> MoodPart:
    """The mood of a part from its rows (T, 21): shares, lower ends, upper ends."""
    part: MoodPart = {"start": round(a, 3), "end": round(b, 3), "dominant": None}
    known = ~np.isnan(rows[:, : len(EMOTIONS)]).any(1)
    settled = known & (t >= a + window - _TOLERANCE_S)
    rows = rows[settled if settled.any() else known]
    if not len(rows):
        return part
    shares, lower, upper = rows.mean(0).reshape(3, -1)
    mood = int(shares.argmax())
    part["dominant"] = EMOTIONS[mood]
    part["share"] = round(float(shares[mood]), 4)
    if np.isfinite(lower[mood]):
        # errors of neighbouring windows are much the same, so that a mean is hardly surer than
        # each of what it is made of; it is never less sure
        part["low"], part["high"] = round(float(lower[mood]), 4), round(float(upper[mood]), 4)
    return part
