"""A group of people, as its faces were classified and weighted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.arrays import F64

MAX_FACES = 40
"""How many faces of a group count at most, the best by quality."""


@dataclass(frozen=True)
class GroupSample:
    """The N ≥ 1 people of one photo or window.

    Attributes:
        name: Of the photo or window.
        probs: (N, 7) the predicted probabilities over EMOTIONS.
        weights: (N,) above 0, best first.
        truth: (7,) the labelled shares of the emotions, None where they are not known.
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
    """The people of a group that count: the MAX_FACES of largest weight.

    Args:
        name: Of the group.
        probs: (N, 7) predicted probabilities.
        weights: (N,) above 0.
        truth: (7,) the labelled shares, where they are known.
    """
    best = np.argsort(-np.asarray(weights), kind="stable")[:MAX_FACES]
    return GroupSample(
        name, np.asarray(probs, np.float64)[best], np.asarray(weights, np.float64)[best], truth
    )
