"""Entropy and peak of groups, by how many people they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.sample import GroupSample
from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.emotions import EMOTIONS

SIZE_BINS = ((1, 2), (3, 5), (6, 10), (11, 20), (21, 50))
"""The fewest and the most faces of each bin of groups."""


@dataclass(frozen=True)
class GroupDiversity:
    """How diverse each of G groups is.

    Attributes:
        faces: (G,) how many.
        entropy: (G,) nats, of the weighted distributions.
        peak: (G,) their largest shares.
        dominant: (G,) the emotions of those, index into EMOTIONS.
        true_entropy: (G,) nats, of the labels; NaN where they are not known.
    """

    faces: I64
    entropy: F64
    peak: F64
    dominant: I64
    true_entropy: F64

    def __len__(self) -> int:
        return len(self.faces)

    def of_size(self, low: int, high: int) -> GroupDiversity:
        """The groups of ``low`` to ``high`` faces."""
        return self.take((self.faces >= low) & (self.faces <= high))

    def take(self, rows: npt.NDArray[np.bool_]) -> GroupDiversity:
        """The groups that the mask ``rows`` (G,) selects."""
        return GroupDiversity(
            self.faces[rows],
            self.entropy[rows],
            self.peak[rows],
            self.dominant[rows],
            self.true_entropy[rows],
        )


@dataclass(frozen=True)
class DiversityRow:
    """Some groups summed up.

    Attributes:
        groups: How many.
        entropy: Their mean entropy in nats.
        entropy_sd: Its standard deviation, NaN for one group.
        most: The largest entropy.
        peak: Their mean peak.
        true_entropy: The mean entropy of the labels, NaN where they are not known.
    """

    groups: int
    entropy: float
    entropy_sd: float
    most: float
    peak: float
    true_entropy: float


def measure(groups: Sequence[GroupSample]) -> GroupDiversity:
    """The entropy and peak of every group."""
    means = np.array([group.mean() for group in groups])
    truth = [np.nan if g.truth is None else maths.entropy(g.truth) for g in groups]
    return GroupDiversity(
        np.array([len(group) for group in groups], np.int64),
        np.array([maths.entropy(mean) for mean in means]),
        means.max(axis=1),
        means.argmax(axis=1).astype(np.int64),
        np.array(truth, np.float64),
    )


def summarize(groups: GroupDiversity) -> DiversityRow:
    """The means of some groups, at least one."""
    return DiversityRow(
        groups=len(groups),
        entropy=float(groups.entropy.mean()),
        entropy_sd=float(groups.entropy.std(ddof=1)) if len(groups) > 1 else float("nan"),
        most=float(groups.entropy.max()),
        peak=float(groups.peak.mean()),
        true_entropy=float(groups.true_entropy.mean()),
    )


def by_size(groups: GroupDiversity) -> dict[tuple[int, int], DiversityRow]:
    """The groups of each of SIZE_BINS, where there are any."""
    bins = {size: groups.of_size(*size) for size in SIZE_BINS}
    return {size: summarize(inside) for size, inside in bins.items() if len(inside)}


def by_dominant(groups: GroupDiversity) -> dict[str, DiversityRow]:
    """The groups that each emotion dominates, where there are any."""
    dominated = {name: groups.take(groups.dominant == k) for k, name in enumerate(EMOTIONS)}
    return {name: summarize(inside) for name, inside in dominated.items() if len(inside)}
