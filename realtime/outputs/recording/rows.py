"""The columns and rows of the timeline, of people and of events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.arrays import F32, F64
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.outputs.schemas import (
    BOX,
    INTERVALS,
    PROBS,
    TIMELINE_COLUMNS,
    PersonRow,
    ShiftEvent,
    TimelineRow,
)

_K = len(EMOTIONS)


def timeline_row(t: float, state: GroupState) -> TimelineRow:
    """One row of the timeline; what is not known is None, never 0 or NaN."""
    row: dict[str, Any] = dict.fromkeys(TIMELINE_COLUMNS)
    row |= {
        "t": t,
        "entropy": state.entropy,
        "entropy_share": state.entropy_share,
        "people": state.people,
        "effective_people": state.effective_people,
        "dominant": state.dominant,
        "shift": state.shift,
    }
    for prefix, probs in (("p", state.probs), ("w", state.weighted), ("u", state.unweighted)):
        if probs is not None:
            row |= {f"{prefix}_{n}": float(v) for n, v in zip(EMOTIONS, probs, strict=True)}
    if state.interval is not None:
        row |= dict(zip(INTERVALS, state.interval.ravel().tolist(), strict=True))
    return cast(TimelineRow, row | _extras(state.extras))


def named_ends(interval: F64) -> dict[str, tuple[float, float]]:
    """Lower and upper end (2, 7) of each share by its emotion, rounded for JSON."""
    low, high = np.round(interval, 4).tolist()
    return dict(zip(EMOTIONS, zip(low, high, strict=True), strict=True))


def person_values(faces: Faces) -> F32:
    """(N, 16) float32 per person: the classes, quality, box (xyxy px), EXTRAS and the label.

    The label is an index into EMOTIONS; NaN is unknown.
    """
    extras = faces.extras
    if extras is None:
        extras = np.full((len(faces), len(EXTRAS)), np.nan, np.float32)
    labels = faces.shown_labels().astype(np.float32)[:, None]
    labels = np.where(labels < 0, np.float32(np.nan), labels)
    columns = [faces.probs, faces.quality[:, None], faces.boxes, extras, labels]
    values: F32 = np.concatenate(columns, axis=1).astype(np.float32, copy=False)
    return values


def person_row(t: float, track_id: int, values: Sequence[float]) -> PersonRow:
    """One row of people.parquet from a row of ``person_values``.

    Probabilities and label are None before the person's first prediction. Recordings of the first
    version have no label, which was the class of the largest probability.
    """
    probs, quality, (box, extras) = values[:_K], values[_K], _halves(values[_K + 1 :])
    known = not any(map(math.isnan, probs))
    row: dict[str, Any] = {
        "track_id": track_id,
        "t": t,
        "label": EMOTIONS[_label(values)] if known else None,
        "quality": quality,
    }
    row |= dict(zip(PROBS, probs if known else [None] * _K, strict=True))
    row |= dict(zip(BOX, box, strict=True))
    return cast(PersonRow, row | _extras(extras))


def _halves(rest: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    """Box and EXTRAS of what follows the quality."""
    return rest[: len(BOX)], rest[len(BOX) : len(BOX) + len(EXTRAS)]


def _label(values: Sequence[float]) -> int:
    probs, label = values[:_K], values[-1]
    has_label = len(values) > _K + 1 + len(BOX) + len(EXTRAS)
    return int(label) if has_label and not math.isnan(label) else probs.index(max(probs))


def people_rows(t: float, faces: Faces) -> Iterator[PersonRow]:
    """One row per person present."""
    everyone = person_values(faces).tolist()
    for track_id, values in zip(faces.track_ids.tolist(), everyone, strict=True):
        yield person_row(t, track_id, values)


def event_row(shift: MoodShift) -> ShiftEvent:
    """One entry of events.json; live also of what is provisional or withdrawn."""
    return {
        "t": round(shift.t, 3),
        "from": shift.start,
        "to": shift.end,
        "size": round(shift.size, 4),
        "noticed": round(shift.noticed, 3),
        "before": round(shift.before, 4),
        "after": round(shift.after, 4),
        "status": shift.status,
    }


def _extras(values: Iterable[float] | None) -> dict[str, float | None]:
    """Valence, arousal and disagreement; None where the model predicts none."""
    if values is None:
        return dict.fromkeys(EXTRAS)
    return {n: None if v != v else float(v) for n, v in zip(EXTRAS, values, strict=True)}
