"""How far the distribution of some faces of a group is from that of all of them."""

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
DRAWS = 50


@dataclass(frozen=True)
class StabilityStep:
    """The mean JSD of ``faces`` faces to their whole group, over the groups that have more.

    Attributes:
        faces: How many are drawn.
        groups: How many groups have more faces than that.
        weighted: Mean JSD in nats of the quality-weighted distributions.
        unweighted: Mean JSD in nats of the unweighted ones.
        weighted_error: Standard error of ``weighted`` over the groups, NaN for one group.
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
) -> list[StabilityStep]:
    """The stability curve: for each size the divergence of random samples of each group.

    Args:
        groups: All groups.
        sizes: How many faces are drawn, ascending.
        draws: Samples of each size from each group.
        seed: Of the random numbers.
        on_progress: Called after each group.

    Returns:
        One step a size, without sizes that no group exceeds: all faces are no sample of a group.
    """
    rng = np.random.default_rng(seed)
    divergence = np.full((2, len(groups), len(sizes)), np.nan)
    for i, group in enumerate(groups):
        drawable = [k for k in sizes if k < len(group)]
        if drawable:
            order = rng.random((draws, len(group))).argsort(axis=1)
            for row, weighted in enumerate((True, False)):
                per_draw = divergences(group, order, drawable, weighted)
                divergence[row, i, : len(drawable)] = per_draw.mean(axis=0)
        on_progress("drawing faces", i + 1, len(groups))
    return [
        _step(k, divergence[:, :, place])
        for place, k in enumerate(sizes)
        if (~np.isnan(divergence[0, :, place])).any()
    ]


def divergences(
    group: GroupSample, order: npt.NDArray[np.intp], sizes: Sequence[int], weighted: bool
) -> F64:
    """How far the first faces of a group are from all of them.

    Args:
        group: N faces.
        order: (draws, N) permutations of them.
        sizes: How many faces are taken from the beginning of each permutation.
        weighted: By quality, or every face alike.

    Returns:
        JSD (draws, len(sizes)) in nats.
    """
    weights = group.weights if weighted else np.ones(len(group))
    mass = (weights[:, None] * group.probs)[order].cumsum(axis=1)
    drawn = mass[:, np.asarray(sizes) - 1]
    drawn = drawn / drawn.sum(axis=-1, keepdims=True)
    return maths.row_jsd(drawn, np.broadcast_to(group.mean(weighted), drawn.shape))


def _step(faces: int, divergence: F64) -> StabilityStep:
    known = divergence[:, ~np.isnan(divergence[0])]
    n = known.shape[1]
    errors = known.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.full(2, np.nan)
    means = known.mean(axis=1)
    return StabilityStep(
        faces=faces,
        groups=n,
        weighted=float(means[0]),
        unweighted=float(means[1]),
        weighted_error=float(errors[0]),
        unweighted_error=float(errors[1]),
    )
