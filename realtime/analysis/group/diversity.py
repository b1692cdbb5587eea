"""How diverse the emotions of groups are, by the number of people in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.sample import GroupSample
from moodstream.realtime.arrays import F64
from moodstream.realtime.emotions import EMOTIONS

BANDS = ((1, 2), (3, 5), (6, 10), (11, 20), (21, 50))
"""Fewest and most faces of the groups that are summed up together."""


@dataclass(frozen=True)
class Measured:
    """What was measured of G groups.

    Attributes:
        faces: (G,) number of faces.
        entropy: (G,) nats, of the weighted distributions.
        peak: (G,) largest share of each.
        dominant: (G,) its class, an index into EMOTIONS.
        true_entropy: (G,) nats, of the true shares; NaN where they are not known.
    """

    faces: npt.NDArray[np.int64]
    entropy: F64
    peak: F64
    dominant: npt.NDArray[np.int64]
    true_entropy: F64

    def __len__(self) -> int:
        return len(self.faces)

    def inside(self, low: int, high: int) -> Measured:
        """The groups of ``low`` to ``high`` faces."""
        return self.take((self.faces >= low) & (self.faces <= high))

    def take(self, rows: npt.NDArray[np.bool_]) -> Measured:
        """The groups that ``rows`` (G,) picks."""
        return Measured(
            self.faces[rows],
            self.entropy[rows],
            self.peak[rows],
            self.dominant[rows],
            self.true_entropy[rows],
        )


@dataclass(frozen=True)
class Row:
    """Some groups summed up; NaN where a figure is undefined.

    Attributes:
        groups: How many there are.
        entropy: Mean entropy in nats.
        entropy_sd: Its standard deviation over the groups.
        most: The largest entropy.
        peak: Mean of the largest share.
        true_entropy: Mean entropy of the true shares.
    """

    groups: int
    entropy: float
    entropy_sd: float
    most: float
    peak: float
    true_entropy: float


def measure(groups: Sequence[GroupSample]) -> Measured:
    """The entropy and peak of every group."""
    means = np.array([group.mean() for group in groups])
    truth = [np.nan if g.truth is None else maths.entropy(g.truth) for g in groups]
    return Measured(
        np.array([len(group) for group in groups], np.int64),
        np.array([maths.entropy(mean) for mean in means]),
        means.max(axis=1),
        means.argmax(axis=1).astype(np.int64),
        np.array(truth, np.float64),
    )


def row(some: Measured) -> Row:
    """Sum some groups up, at least one."""
    sd = float(some.entropy.std(ddof=1)) if len(some) > 1 else float("nan")
    return Row(
        len(some),
        float(some.entropy.mean()),
        sd,
        float(some.entropy.max()),
        float(some.peak.mean()),
        float(some.true_entropy.mean()),
    )


def by_size(all_groups: Measured) -> dict[tuple[int, int], Row]:
    """The groups of each number of faces in BANDS that occurs, summed up."""
    bins = {(low, high): all_groups.inside(low, high) for low, high in BANDS}
    return {size: row(some) for size, some in bins.items() if len(some)}


def by_dominant(all_groups: Measured) -> dict[str, Row]:
    """The groups that each emotion dominates summed up, where there are any."""
    classes = {name: all_groups.take(all_groups.dominant == k) for k, name in enumerate(EMOTIONS)}
    return {name: row(some) for name, some in classes.items() if len(some)}
