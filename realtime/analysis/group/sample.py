"""A group of people as one sample: of a photo, or of a window of a video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.arrays import F64

MAX_FACES = 40
"""So many faces of a photo count at most, those of the largest weight."""


@dataclass(frozen=True)
class GroupSample:
    """The N ≥ 1 people of one photo or window.

    Attributes:
        name: Of the photo or window.
        probs: Predicted probabilities (N, 7).
        weights: (N,) above 0, the largest first.
        truth: The true shares (7,), None where they are not known.
    """

    name: str
    probs: F64
    weights: F64
    truth: F64 | None = None

    def __len__(self) -> int:
        return len(self.weights)

    def mean(self, weighted: bool = True) -> F64:
        """The group distribution (7,), by weight or with everyone counting alike."""
        mean = maths.weighted_mean(self.probs, self.weights if weighted else np.ones(len(self)))
        assert mean is not None  # weights are above 0
        return mean


def group_sample(
    name: str, probs: npt.NDArray[Any], weights: npt.NDArray[Any], truth: F64 | None = None
) -> GroupSample:
    """The MAX_FACES people of the largest weight, out of probs (N, 7) and weights (N,)."""
    best = np.argsort(-np.asarray(weights), kind="stable")[:MAX_FACES]
    return GroupSample(
        name, np.asarray(probs, np.float64)[best], np.asarray(weights, np.float64)[best], truth
    )
