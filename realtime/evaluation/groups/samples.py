"""Groups to measure: made of labelled faces, of photos, or of a timeline's windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.sample import GroupSample, group_sample
from moodstream.realtime.arrays import F64
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.groups import drawing
from moodstream.realtime.evaluation.groups.drawing import DISTRIBUTIONS, Condition, FacePredictions
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.schemas import PROBS


def made(
    predictions: FacePredictions, sizes: Sequence[int], each: int, degraded: float, seed: int
) -> list[GroupSample]:
    """Groups of labelled faces, their emotions drawn from drawing.DISTRIBUTIONS in turn.

    Args:
        predictions: The faces.
        sizes: How many people a group has.
        each: Groups of each size.
        degraded: The share of the faces that is made small or blurred.
        seed: Of the random numbers.

    Raises:
        MoodstreamError: There are too few faces.
    """
    rng = np.random.default_rng(seed)
    sampler = drawing.GroupSampler(predictions)
    distributions = list(DISTRIBUTIONS.values())
    groups = []
    for size in sizes:
        for i in range(each):
            group = sampler.group(
                rng, distributions[i % len(distributions)], size, Condition(degraded)
            )
            name = f"{size} people, {i + 1}"
            groups.append(group_sample(name, group.calibrated, group.quality, group.truth))
    return groups


def of_photos(folder: Path) -> list[GroupSample]:
    """The photos of a folder that `photos` wrote, from its faces.parquet.

    Faces that were not classified are left out, and photos without any.

    Raises:
        MoodstreamError: The table cannot be read, or holds no such face.
    """
    path = folder / layout.FACES
    table = _columns(path, ("photo", "quality", *PROBS))
    probs = np.stack([table[name] for name in PROBS], axis=1)
    known = ~np.isnan(probs).any(axis=1)
    weights = maths.quality_weights(np.nan_to_num(table["quality"]))
    photos, place = np.unique(table["photo"][known], return_inverse=True)
    rows = np.flatnonzero(known)
    groups = [
        group_sample(str(name), probs[rows[inside]], weights[rows[inside]])
        for name, inside in zip(photos, _by_place(place, len(photos)), strict=True)
    ]
    return _some(groups, path)


def of_timeline(folder: Path, window: float) -> list[GroupSample]:
    """The windows of ``window`` seconds of a folder of `process` or `export`.

    A person's probabilities are the mean over the rows of people.parquet with a prediction, their
    weight is their mean quality × the share of the window's time steps they were seen in.

    Raises:
        MoodstreamError: The table cannot be read, or holds no such row.
    """
    path = folder / layout.PEOPLE
    table = _columns(path, ("track_id", "t", "quality", *PROBS))
    probs = np.stack([table[name] for name in PROBS], axis=1)
    keep = ~(np.isnan(probs).any(axis=1) | np.isnan(table["quality"]))
    probs, quality = probs[keep], table["quality"][keep]
    who, when = table["track_id"][keep], table["t"][keep]
    windows, place = np.unique(np.floor(when / window), return_inverse=True)
    groups = [
        _window(float(start) * window, probs[rows], quality[rows], who[rows], when[rows])
        for start, rows in zip(windows, _by_place(place, len(windows)), strict=True)
    ]
    return _some(groups, path)


def _window(
    start: float, probs: F64, quality: F64, who: npt.NDArray[Any], when: F64
) -> GroupSample:
    steps = len(np.unique(when))
    people, place = np.unique(who, return_inverse=True)
    means, weights = [], []
    for rows in _by_place(place, len(people)):
        means.append(probs[rows].mean(axis=0))
        weights.append(float(maths.quality_weights(quality[rows]).sum()) / steps)
    return group_sample(f"{start:g} s", np.array(means), np.array(weights))


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


def _some(groups: list[GroupSample], path: Path) -> list[GroupSample]:
    if not groups:
        raise MoodstreamError(f"{path}: holds no face that was classified")
    return groups
