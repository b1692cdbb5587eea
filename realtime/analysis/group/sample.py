"""Samples of k faces drawn from a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.arrays import F64

MOST_FACES = 40
"""The seed keeps at most so many faces of a photo, the best ones."""


@dataclass(frozen=True)
class GroupSample:
    """The N ≥ 1 people of one photo or window: what they were read as, and what they weigh.

    probs: (N, 7); weights: (N,) above 0, best first; truth: the true shares (7,), None where
    they are not known.
    """

    name: str
    probs: F64
    weights: F64
    truth: F64 | None = None

    def __len__(self) -> int:
        return len(self.weights)

    def mean(self, weighted: bool = True) -> F64:
        """The group distribution (7,), by weight or with everyone counting alike."""
        found = maths.weighted_mean(self.probs, self.weights if weighted else np.ones(len(self)))
        assert found is not None  # weights are above 0
        return found


def group_sample(
    name: str, probs: npt.NDArray[Any], weights: npt.NDArray[Any], truth: F64 | None = None
) -> GroupSample:
    """The MOST_FACES people of most weight, out of probs (N, 7) and weights (N,)."""
    best = np.argsort(-np.asarray(weights), kind="stable")[:MOST_FACES]
    return GroupSample(
        name, np.asarray(probs, np.float64)[best], np.asarray(weights, np.float64)[best], truth
    )
