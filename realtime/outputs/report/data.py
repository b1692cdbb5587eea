"""The data of the report, read from a folder of results in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.outputs.schemas import INTERVALS, PROBS

MAX_POINTS = 2000
"""Of a chart's curve."""

MAX_LANES = 60
"""People with a lane of their own."""

_MAX_CELLS = 500  # of a lane
MAX_LEADING = 3
"""Moods whose intervals a chart shows at once: more bands cannot be told apart."""

_LEADS = 0.05  # of the time, from which a mood that is dominant leads
_HOLE_S = 1.0  # without rows, from which a chart shows a break
_MIN_LANE_S = 1.0  # of presence, from which a person has a lane
_CURVES = ("entropy", "entropy_share", "people", "effective_people", *EXTRAS)


@dataclass(frozen=True)
class Timeline:
    """The group over time; NaN where a figure is unknown.

    Attributes:
        t: (T,) seconds.
        probs: (T, 7), rows of NaN where nobody counted.
        lower: (T, 7) lower ends of the 90 % intervals of ``probs``; in rows that stand for several
            the mean of theirs.
        upper: (T, 7) upper ends.
        entropy: (T,) nats.
        entropy_share: (T,) of the largest possible.
        people: (T,).
        effective_people: (T,).
        valence: (T,) in [-1, 1].
        arousal: (T,) in [-1, 1].
        disagreement: (T,) nats.
    """

    t: F64
    probs: F64
    lower: F64
    upper: F64
    entropy: F64
    entropy_share: F64
    people: F64
    effective_people: F64
    valence: F64
    arousal: F64
    disagreement: F64

    @classmethod
    def read(cls, path: Path) -> Timeline:
        """Every row of a timeline.parquet."""
        shares = (PROBS, INTERVALS[: len(PROBS)], INTERVALS[len(PROBS) :])
        column = read_columns(path, ("t", *PROBS, *INTERVALS, *_CURVES))
        return cls(
            column["t"],
            *(np.stack([column[name] for name in each], 1) for each in shares),
            *(column[name] for name in _CURVES),
        )

    def __len__(self) -> int:
        return len(self.t)

    @property
    def diverse(self) -> bool:
        """Whether the diversity is known at any time."""
        return bool((self.entropy_share == self.entropy_share).any())

    @property
    def has_intervals(self) -> bool:
        """Whether the intervals are known at any time."""
        return bool((self.lower == self.lower).any())

    def leading(self, most: int = MAX_LEADING) -> list[str]:
        """The moods that were dominant for longest, at most so many, in the order of EMOTIONS."""
        known = self.probs[~np.isnan(self.probs[:, 0])]
        times = np.bincount(known.argmax(1), minlength=len(EMOTIONS)) if len(known) else np.zeros(7)
        often = np.argsort(-times, kind="stable")[:most]
        return [EMOTIONS[k] for k in sorted(often.tolist()) if times[k] >= _LEADS * len(known) > 0]

    def mean(self, start: float = -np.inf, end: float = np.inf) -> F64 | None:
        """Mean distribution (7,) over the rows from start to end; None where nobody counted."""
        rows = self.probs[(self.t >= start) & (self.t <= end) & ~np.isnan(self.probs[:, 0])]
        return rows.mean(0) if len(rows) else None

    def thinned(self, max_rows: int = MAX_POINTS) -> Timeline:
        """About ``max_rows`` rows at most, each the mean of the known values of its neighbours.

        Where there are no rows for longer than a second, a row of NaN breaks the curve.
        """
        size = max(1, -(-len(self) // max_rows))
        starts = np.flatnonzero(np.diff(self.t) > _HOLE_S) + 1
        stretches = np.split(np.arange(len(self)), starts)
        columns = []
        for f in fields(self):
            values = getattr(self, f.name)
            means = [_means(values[rows], size) for rows in stretches]
            hole = np.full((len(starts), *values.shape[1:]), np.nan)
            if f.name == "t":
                hole = (values[starts - 1] + values[starts]) / 2
            woven = itertools.zip_longest(means, hole[:, None], fillvalue=values[:0])
            columns.append(np.concatenate(list(itertools.chain(*woven))))
        return Timeline(*columns)


@dataclass(frozen=True)
class Lane:
    """One person, or all short tracks together, over the B cells of time.

    Attributes:
        name: Who it is.
        first: Seconds at which they were first seen.
        last: Seconds at which they were last seen.
        seconds: How long they were there in all.
        probs: (B, 7), NaN where absent or not classified.
        quality: (B,), NaN where absent or not classified.
    """

    name: str
    first: float
    last: float
    seconds: float
    probs: F64
    quality: F64

    @property
    def mostly(self) -> str | None:
        """The mood shown most, each cell counting alike; None where never classified."""
        known = self.probs[~np.isnan(self.probs[:, 0])]
        return EMOTIONS[int(known.mean(0).argmax())] if len(known) else None


@dataclass(frozen=True)
class Lanes:
    """The lanes of the people in a recording.

    Attributes:
        edges: (B + 1,) seconds at which their cells begin and end.
        lanes: In order of first appearance.
        hidden: People of a second or more for whom there was no room.
    """

    edges: F64
    lanes: tuple[Lane, ...] = ()
    hidden: int = 0


def read_columns(path: Path, names: tuple[str, ...]) -> dict[str, F64]:
    """Columns of a table of results, (T,) each; NaN where unknown, or not there in older files."""
    batches = [{n: np.zeros(0) for n in names}, *_batches(path, names)]
    return {n: np.concatenate([b[n] for b in batches]) for n in names}


def read_lanes(path: Path, start: float, end: float) -> Lanes:
    """The people between two times in seconds of a people.parquet.

    The file is read twice, row group by row group.
    """
    cells = max(1, min(_MAX_CELLS, round((end - start) / ROW_INTERVAL_S)))
    edges = np.linspace(start, max(end, start + ROW_INTERVAL_S), cells + 1)
    tracks = _tracks(path)
    long = [i for i, (n, _, _) in tracks.items() if n * ROW_INTERVAL_S >= _MIN_LANE_S - 1e-9]
    shown = sorted(long, key=lambda i: -tracks[i][0])[:MAX_LANES]
    shown.sort(key=lambda i: (tracks[i][1], i))
    short = sorted(tracks.keys() - set(long))
    sums = _Sums(shown, short, edges)
    for batch in _batches(path, ("track_id", "t", *PROBS, "quality")):
        sums.add(batch)
    groups = [(f"person {i}", [i]) for i in shown]
    if short:
        groups.append((f"other short tracks ({len(short)})", short))
    probs, quality = sums.means()
    lanes = []
    for k, (name, ids) in enumerate(groups):
        rows, first, last = zip(*(tracks[i] for i in ids), strict=True)
        lanes.append(
            Lane(name, min(first), max(last), sum(rows) * ROW_INTERVAL_S, probs[k], quality[k])
        )
    return Lanes(edges, tuple(lanes), len(long) - len(shown))


class _Sums:
    """Quality-weighted sums of probabilities per lane and cell; short tracks share the last."""

    def __init__(self, shown: list[int], short: list[int], edges: F64) -> None:
        lane_of = {i: k for k, i in enumerate(shown)} | dict.fromkeys(short, len(shown))
        self._ids: I64 = np.array(sorted(lane_of), np.int64)
        self._lanes: I64 = np.array([lane_of[i] for i in sorted(lane_of)], np.int64)
        self._edges = edges
        shape = (len(shown) + bool(short), len(edges) - 1)
        self._probs = np.zeros((*shape, len(EMOTIONS)))
        self._weight, self._quality, self._count = np.zeros((3, *shape))

    def add(self, batch: dict[str, npt.NDArray[Any]]) -> None:
        """Add rows of people.parquet; those not classified, or of no lane, count for nothing."""
        if len(self._ids) == 0:
            return
        ids, quality = batch["track_id"].astype(np.int64), np.nan_to_num(batch["quality"])
        probs = np.stack([batch[name] for name in PROBS], 1)
        index = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        keep = (self._ids[index] == ids) & ~np.isnan(probs).any(1)
        # rows are stamped with the end of their step, so the middle of it decides on the cell
        cell = np.searchsorted(self._edges, batch["t"] - ROW_INTERVAL_S / 2, side="right") - 1
        where = self._lanes[index], np.clip(cell, 0, len(self._edges) - 2)
        where = where[0][keep], where[1][keep]
        quality = quality[keep]
        # a face of no quality is still the only witness of its cell
        weight = quality + 1e-6
        np.add.at(self._probs, where, probs[keep] * weight[:, None])
        np.add.at(self._weight, where, weight)
        np.add.at(self._quality, where, quality)
        np.add.at(self._count, where, 1)

    def means(self) -> tuple[F64, F64]:
        """(L, B, 7) probabilities and (L, B) quality, NaN in empty cells."""
        with np.errstate(invalid="ignore"):
            return self._probs / self._weight[..., None], self._quality / self._count


def _tracks(path: Path) -> dict[int, tuple[int, float, float]]:
    """Rows, first and last time of each track."""
    tracks: dict[int, tuple[int, float, float]] = {}
    for batch in _batches(path, ("track_id", "t")):
        ids, inverse, counts = np.unique(
            batch["track_id"].astype(np.int64), return_inverse=True, return_counts=True
        )
        first, last = np.full(len(ids), np.inf), np.full(len(ids), -np.inf)
        np.minimum.at(first, inverse, batch["t"])
        np.maximum.at(last, inverse, batch["t"])
        for i, n, a, b in zip(
            ids.tolist(), counts.tolist(), first.tolist(), last.tolist(), strict=True
        ):
            before = tracks.get(i, (0, np.inf, -np.inf))
            tracks[i] = (before[0] + n, min(before[1], a), max(before[2], b))
    return tracks


def _batches(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Row group by row group, columns as float64; null, and what an older file lacks, as NaN."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for k in range(file.num_row_groups):
            table = file.read_row_group(k, columns=list(columns))
            present = set(table.column_names)
            yield {
                n: np.asarray(table[n].to_numpy(zero_copy_only=False), np.float64)
                if n in present
                else np.full(table.num_rows, np.nan)
                for n in columns
            }


def _means(values: F64, size: int) -> F64:
    """Means of ``size`` neighbours along the first axis, NaN left out."""
    cuts = np.arange(0, len(values), size)
    known = ~np.isnan(values)
    count = np.add.reduceat(known, cuts, axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        means: F64 = np.add.reduceat(np.where(known, values, 0.0), cuts, axis=0) / count
    return means
