"""Groups to measure: made of labelled faces, of photos, or of a timeline's windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime import layout, maths
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation import groups
from moodstream.realtime.evaluation.groups import MIXES, Condition, Read
from moodstream.realtime.schemas import PROBS

Array = npt.NDArray[np.float64]
MOST_FACES = 40
"""The seed keeps at most so many faces of a photo, the best ones."""


@dataclass(frozen=True)
class Crowd:
    """The N ≥ 1 people of one photo or window: what they were read as, and what they weigh.

    probs: (N, 7); weights: (N,) above 0, best first; truth: the true shares (7,), None where
    they are not known.
    """

    name: str
    probs: Array
    weights: Array
    truth: Array | None = None

    def __len__(self) -> int:
        return len(self.weights)

    def mean(self, weighted: bool = True) -> Array:
        """The group distribution (7,), by weight or with everyone counting alike."""
        found = maths.weighted_mean(self.probs, self.weights if weighted else np.ones(len(self)))
        assert found is not None  # weights are above 0
        return found


def crowd(
    name: str, probs: npt.NDArray[Any], weights: npt.NDArray[Any], truth: Array | None = None
) -> Crowd:
    """The MOST_FACES people of most weight, out of probs (N, 7) and weights (N,)."""
    best = np.argsort(-np.asarray(weights), kind="stable")[:MOST_FACES]
    return Crowd(
        name, np.asarray(probs, np.float64)[best], np.asarray(weights, np.float64)[best], truth
    )


def made(read: Read, sizes: Sequence[int], each: int, degraded: float, seed: int) -> list[Crowd]:
    """``each`` groups of every size, of known faces, their mixes those of MIXES in turn.

    degraded: the share of the faces that is made small or blurred.
    """
    rng = np.random.default_rng(seed)
    draw = groups.Drawer(read)
    mixes = list(MIXES.values())
    found = []
    for size in sizes:
        for i in range(each):
            group = draw.group(rng, mixes[i % len(mixes)], size, Condition(degraded))
            name = f"{size} people, {i + 1}"
            found.append(crowd(name, group.calibrated, group.quality, group.truth))
    return found


def of_photos(folder: Path) -> list[Crowd]:
    """The photos of a folder that `photos` wrote, from its faces.parquet.

    Faces that were not read are left out, and photos without any. Raises MoodstreamError.
    """
    path = folder / layout.FACES
    table = _columns(path, ("photo", "quality", *PROBS))
    probs = np.stack([table[name] for name in PROBS], axis=1)
    known = ~np.isnan(probs).any(axis=1)
    weights = maths.seen_weights(np.nan_to_num(table["quality"]))
    photos, place = np.unique(table["photo"][known], return_inverse=True)
    rows = np.flatnonzero(known)
    found = [
        crowd(str(name), probs[rows[inside]], weights[rows[inside]])
        for name, inside in zip(photos, _by_place(place, len(photos)), strict=True)
    ]
    return _some(found, path)


def of_timeline(folder: Path, window: float) -> list[Crowd]:
    """The windows of ``window`` seconds of a folder of `process` or `export`.

    A person's probabilities are the mean over the rows of people.parquet in which they were read,
    their weight their mean quality × the share of the window's moments they were seen in. Raises
    MoodstreamError.
    """
    path = folder / layout.PEOPLE
    table = _columns(path, ("track_id", "t", "quality", *PROBS))
    probs = np.stack([table[name] for name in PROBS], axis=1)
    keep = ~(np.isnan(probs).any(axis=1) | np.isnan(table["quality"]))
    probs, quality = probs[keep], table["quality"][keep]
    who, when = table["track_id"][keep], table["t"][keep]
    windows, place = np.unique(np.floor(when / window), return_inverse=True)
    found = [
        _window(float(start) * window, probs[rows], quality[rows], who[rows], when[rows])
        for start, rows in zip(windows, _by_place(place, len(windows)), strict=True)
    ]
    return _some(found, path)


def _window(
    start: float, probs: Array, quality: Array, who: npt.NDArray[Any], when: Array
) -> Crowd:
    moments = len(np.unique(when))
    people, place = np.unique(who, return_inverse=True)
    means, weights = [], []
    for rows in _by_place(place, len(people)):
        means.append(probs[rows].mean(axis=0))
        weights.append(float(maths.seen_weights(quality[rows]).sum()) / moments)
    return crowd(f"{start:g} s", np.array(means), np.array(weights))


def _by_place(place: npt.NDArray[np.intp], n: int) -> Iterator[npt.NDArray[np.intp]]:
    """The rows of each of ``n`` places."""
    order = np.argsort(place, kind="stable")
    edges = np.searchsorted(place[order], np.arange(n + 1))
    for low, high in pairwise(edges):
        yield order[low:high]


def _columns(path: Path, names: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    """Columns of a Parquet file; raises MoodstreamError where it lacks one or is broken."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        missing = [name for name in names if name not in pq.read_schema(path).names]
        if missing:
            raise MoodstreamError(f"{path}: has no column {missing[0]}")
        table = pq.read_table(path, columns=list(names))
    except OSError as error:
        raise MoodstreamError(f"{path}: cannot be read ({error.strerror or error})") from None
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())
        raise MoodstreamError(f"{path}: not a Parquet file ({reason})") from None
    return {name: table[name].to_numpy() for name in names}


def _some(found: list[Crowd], path: Path) -> list[Crowd]:
    if not found:
        raise MoodstreamError(f"{path}: holds no face that was read")
    return found
