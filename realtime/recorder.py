"""Timeline files: rows of fixed steps of media time, written as they come."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime.frames import EMOTIONS, EXTRAS, F32, Faces
from moodstream.realtime.group import GroupState, MoodShift

STEP = 0.2
"""Seconds of media time from row to row."""

_K = len(EMOTIONS)
_PROBS = tuple(f"p_{name}" for name in EMOTIONS)
_FLUSH_ROWS = 250  # 50 s of the timeline: memory has settled within the first minute
_MOST_ROWS = 10_000  # of people: each row group costs memory until the end, so they are few

TIMELINE_COLUMNS = (
    "t",
    *_PROBS,
    "entropy",
    "entropy_share",
    "people",
    "effective_people",
    "dominant",
    "shift",
    *(f"w_{name}" for name in EMOTIONS),
    *(f"u_{name}" for name in EMOTIONS),
    *EXTRAS,
)
PEOPLE_COLUMNS = (
    "track_id",
    "t",
    *_PROBS,
    "label",
    "quality",
    "x1",
    "y1",
    "x2",
    "y2",
    *EXTRAS,
)


def _schema(columns: tuple[str, ...]) -> Any:
    import pyarrow as pa

    kinds = {"t": pa.float64(), "people": pa.int32(), "track_id": pa.int64()}
    words = {"dominant": pa.string(), "label": pa.string()}
    return pa.schema([(name, {**kinds, **words}.get(name, pa.float32())) for name in columns])


def timeline_row(t: float, state: GroupState) -> dict[str, Any]:
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
    return row | _extras(state.extras)


def person_values(faces: Faces) -> F32:
    """(N, 15) float32 per person: the classes, quality, box (xyxy px) and EXTRAS; NaN: unknown."""
    extras = faces.extras
    if extras is None:
        extras = np.full((len(faces), len(EXTRAS)), np.nan, np.float32)
    parts = [faces.probs, faces.quality[:, None], faces.boxes, extras]
    values: F32 = np.concatenate(parts, axis=1).astype(np.float32, copy=False)
    return values


def person_row(t: float, track_id: int, values: Sequence[float]) -> dict[str, Any]:
    """One row of people.parquet from a row of ``person_values``.

    Probabilities and label are None for who was not read yet.
    """
    probs, quality, box, extras = values[:_K], values[_K], values[_K + 1 : -3], values[-3:]
    read = not any(map(math.isnan, probs))
    row: dict[str, Any] = {
        "track_id": track_id,
        "t": t,
        "label": EMOTIONS[probs.index(max(probs))] if read else None,
        "quality": quality,
    }
    row |= dict(zip(_PROBS, probs if read else [None] * _K, strict=True))
    row |= dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))
    return row | _extras(extras)


def people_rows(t: float, faces: Faces) -> Iterator[dict[str, Any]]:
    """One row per person present."""
    everyone = person_values(faces).tolist()
    for track_id, values in zip(faces.track_ids.tolist(), everyone, strict=True):
        yield person_row(t, track_id, values)


def event_row(shift: MoodShift) -> dict[str, Any]:
    """One entry of events.json."""
    return {
        "t": round(shift.t, 3),
        "from": shift.start,
        "to": shift.end,
        "size": round(shift.size, 4),
        "noticed": round(shift.noticed, 3),
    }


def _extras(values: Iterable[float] | None) -> dict[str, float | None]:
    """Valence, arousal and disagreement; None where the model reads none."""
    if values is None:
        return dict.fromkeys(EXTRAS)
    return {n: None if v != v else float(v) for n, v in zip(EXTRAS, values, strict=True)}


@dataclass
class _Table:
    """A Parquet file that grows by row groups, in bounded memory."""

    path: Path
    columns: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        import pyarrow.parquet as pq

        # opened at once, so that a run's memory does not jump minutes after its start
        self.writer = pq.ParquetWriter(self.path, _schema(self.columns), compression="zstd")

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        if len(self.rows) >= _MOST_ROWS:
            self.flush()

    def flush(self) -> None:
        import pyarrow as pa

        if self.rows:
            self.writer.write_table(pa.Table.from_pylist(self.rows, schema=_schema(self.columns)))
            self.rows.clear()

    def close(self) -> None:
        self.flush()
        self.writer.close()


class TimelineWriter:
    """Writes timeline.parquet, timeline.csv, people.parquet and events.json into a folder.

    Files carry ``.part`` until ``close`` gives them their names; ``discard`` removes them.
    With ``individuals`` False there is no people.parquet.
    """

    def __init__(self, folder: Path, individuals: bool = True) -> None:
        self._names = ["timeline.parquet", "timeline.csv", "events.json"]
        self._names += ["people.parquet"] if individuals else []
        self._folder = folder
        self._timeline = _Table(self._part("timeline.parquet"), TIMELINE_COLUMNS)
        self._people = _Table(self._part("people.parquet"), PEOPLE_COLUMNS) if individuals else None
        self._csv_file = self._part("timeline.csv").open("w", newline="", encoding="utf-8")
        self._csv = csv.DictWriter(self._csv_file, TIMELINE_COLUMNS)
        self._csv.writeheader()
        self.events: list[dict[str, Any]] = []
        self.rows = self.people_at_once = 0
        self._steps_seen: Counter[int] = Counter()

    @property
    def people(self) -> int:
        """People followed for a second or more in all; shorter tracks are mostly passing errors."""
        return sum(steps * STEP >= 1.0 - 1e-9 for steps in self._steps_seen.values())

    def _part(self, name: str) -> Path:
        return self._folder / f"{name}.part"

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        """Add the row of time ``t``."""
        self.add(timeline_row(t, state), people_rows(t, faces))

    def add(self, row: dict[str, Any], people: Iterable[dict[str, Any]]) -> None:
        """Add a row of the timeline and the rows of the people present."""
        self._timeline.add(row)
        self._csv.writerow({k: _csv_value(v) for k, v in row.items()})
        for person in people:
            if self._people is not None:
                self._people.add(person)
            self._steps_seen[person["track_id"]] += 1
        self.rows += 1
        if self.rows % _FLUSH_ROWS == 0:
            self._flush()
        self.people_at_once = max(self.people_at_once, row["people"])

    def _flush(self) -> None:
        self._timeline.flush()
        if self._people is not None:
            self._people.flush()

    def event(self, shift: MoodShift) -> None:
        """Add a mood shift."""
        self.events.append(event_row(shift))

    def close(self) -> None:
        """Finish the files and give them their names."""
        self._finish()
        self._part("events.json").write_text(json.dumps(self.events, indent=2) + "\n")
        for name in self._names:
            self._part(name).replace(self._folder / name)

    def discard(self) -> None:
        """Close the files and remove them."""
        with suppress(OSError):  # on a full disk the end of a file cannot be written
            self._finish()
        for name in self._names:
            self._part(name).unlink(missing_ok=True)

    def _finish(self) -> None:
        self._csv_file.close()
        self._timeline.close()
        if self._people is not None:
            self._people.close()


def _csv_value(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
