"""How far the distribution of a group moves when only some of its faces are seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.sample import GroupSample
from moodstream.realtime.arrays import F64
from moodstream.realtime.progress import ProgressCallback

SIZES = tuple(range(2, 21))
"""Numbers of faces that are drawn."""

DRAWS = 50
"""Draws per group and number of faces."""


@dataclass(frozen=True)
class Step:
    """A point of the stability curve: the distance of some faces of a group to all of them.

    Attributes:
        faces: How many faces were drawn.
        groups: How many groups have more.
        weighted: Mean JSD in nats over the groups, faces counting by their weight.
        unweighted: The same, all faces counting alike.
        weighted_error: Standard error of ``weighted``, NaN for one group.
        unweighted_error: Standard error of ``unweighted``, NaN for one group.
    """

    faces: int
    groups: int
    weighted: float
    unweighted: float
    weighted_error: float
    unweighted_error: float


def stability(
    groups: Sequence[GroupSample],
    sizes: Sequence[int] = SIZES,
    draws: int = DRAWS,
    seed: int = 42,
    on_progress: ProgressCallback = lambda *_: None,
) -> list[Step]:
    """The stability curve: for each size the divergence of random subsets from each group.

    Args:
        groups: The groups.
        sizes: How many faces to draw, ascending. Sizes of which no group has more are left out,
            as all faces of a group are no sample of it.
        draws: Draws per group and size.
        seed: Of the random draws.
        on_progress: Called after each group.
    """
    rng = np.random.default_rng(seed)
    jsd = np.full((2, len(groups), len(sizes)), np.nan)
    for i, group in enumerate(groups):
        reached = [k for k in sizes if k < len(group)]
        if reached:
            order = rng.random((draws, len(group))).argsort(axis=1)
            for row, weighted in enumerate((True, False)):
                each = subset_divergences(group, order, reached, weighted)
                jsd[row, i, : len(reached)] = each.mean(axis=0)
        on_progress("drawing faces", i + 1, len(groups))
    return [
        _step(k, jsd[:, :, at]) for at, k in enumerate(sizes) if (~np.isnan(jsd[0, :, at])).any()
    ]


def subset_divergences(
    group: GroupSample, order: npt.NDArray[np.intp], sizes: Sequence[int], weighted: bool
) -> F64:
    """JSD (draws, len(sizes)) in nats of the first k faces of each order (draws, N) to all N."""
    weights = group.weights if weighted else np.ones(len(group))
    mass = (weights[:, None] * group.probs)[order].cumsum(axis=1)
    some = mass[:, np.asarray(sizes) - 1]
    some = some / some.sum(axis=-1, keepdims=True)
    return maths.row_jsd(some, np.broadcast_to(group.mean(weighted), some.shape))


def _step(faces: int, jsd: F64) -> Step:
    """The point of the curve for JSD (2, groups), weighted and not, NaN for too small groups."""
    known = jsd[:, ~np.isnan(jsd[0])]
    n = known.shape[1]
    errors = known.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.full(2, np.nan)
    means = known.mean(axis=1)
    return Step(faces, n, *means.tolist(), *errors.tolist())
