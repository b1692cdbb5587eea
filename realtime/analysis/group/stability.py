"""How far what is said of a group moves when only some of its faces are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.sample import GroupSample
from moodstream.realtime.arrays import F64
from moodstream.realtime.progress import ProgressCallback

SIZES = tuple(range(2, 21))
DRAWS = 50


@dataclass(frozen=True)
class Step:
    """The mean JSD (nats) of so many faces to the whole group, over the groups that have more.

    error: of the mean over the groups, NaN for one group.
    """

    faces: int
    groups: int
    weighted: float
    unweighted: float
    weighted_error: float
    unweighted_error: float


def stability(
    crowds: Sequence[GroupSample],
    sizes: Sequence[int] = SIZES,
    draws: int = DRAWS,
    seed: int = 42,
    on_progress: ProgressCallback = lambda *_: None,
) -> list[Step]:
    """The stability curve: for each size the divergence of random parts of each group.

    Sizes of which no group has more faces are left out: all faces of a group are no part of it.
    """
    rng = np.random.default_rng(seed)
    far = np.full((2, len(crowds), len(sizes)), np.nan)
    for i, crowd in enumerate(crowds):
        reached = [k for k in sizes if k < len(crowd)]
        if reached:
            order = rng.random((draws, len(crowd))).argsort(axis=1)
            for row, weighted in enumerate((True, False)):
                far[row, i, : len(reached)] = parts(crowd, order, reached, weighted).mean(axis=0)
        on_progress("drawing faces", i + 1, len(crowds))
    return [
        _step(k, far[:, :, at]) for at, k in enumerate(sizes) if (~np.isnan(far[0, :, at])).any()
    ]


def parts(crowd: GroupSample, order: F64, sizes: Sequence[int], weighted: bool) -> F64:
    """JSD (draws, len(sizes)) in nats of the first k faces of each order (draws, N) to all N."""
    weights = crowd.weights if weighted else np.ones(len(crowd))
    mass = (weights[:, None] * crowd.probs)[order].cumsum(axis=1)
    some = mass[:, np.asarray(sizes) - 1]
    some = some / some.sum(axis=-1, keepdims=True)
    return maths.row_jsd(some, np.broadcast_to(crowd.mean(weighted), some.shape))


def _step(faces: int, far: F64) -> Step:
    known = far[:, ~np.isnan(far[0])]
    n = known.shape[1]
    errors = known.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.full(2, np.nan)
    means = known.mean(axis=1)
    return Step(faces, n, *means.tolist(), *errors.tolist())
