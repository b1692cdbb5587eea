"""Several emotion networks whose probabilities are combined."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Protocol

import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import EmotionPredictions
from moodstream.realtime.maths import fold_to, row_jsd
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.engines.base import NetworkWrapper, with_networks


class Vote(Protocol):
    """How several classifiers' probabilities of the same faces become one."""

    def __call__(self, probs: F32, /) -> F32:
        """The joint probabilities (N, 7), rows sum to 1.

        Args:
            probs: What each of M classifiers predicts for N faces, (M, N, 7) over EMOTIONS.
        """
        ...


def mean_vote(probs: F32) -> F32:
    """The plain average (N, 7) of the members' probabilities (M, N, 7)."""
    return np.asarray(probs.mean(0), np.float32)


class Ensemble:
    """Several classifiers as one, over the seven emotions; contempt is left out.

    Their disagreement is the mean Jensen–Shannon divergence of each member to the vote, in nats:
    the model's own uncertainty, beside the entropy of the vote. Valence and arousal are averaged
    over the members that predict them.

    Args:
        members: Two classifiers or more.
        name: What to call it.
        vote: How the members' probabilities become one, by default their plain average.

    Raises:
        MoodstreamError: There are fewer than two members.
    """

    classes: tuple[str, ...] = EMOTIONS

    def __init__(
        self, members: Sequence[EmotionClassifier], name: str = "ensemble", vote: Vote = mean_vote
    ) -> None:
        if len(members) < 2:
            raise MoodstreamError(f"expected two or more members in {name}, got {len(members)}")
        self.members, self.name, self.vote = tuple(members), name, vote

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """The predictions for all faces, with the members' disagreement."""
        each = [member.classify(images, boxes) for member in self.members]
        probs = np.stack(
            [fold_to(r.probs, m.classes, EMOTIONS) for r, m in zip(each, self.members, strict=True)]
        )
        joint = self.vote(probs)
        affects = [r.affect for r in each if r.affect is not None]
        return EmotionPredictions(
            joint,
            np.mean(affects, axis=0, dtype=np.float32) if affects else None,
            np.mean([row_jsd(p, joint) for p in probs], axis=0, dtype=np.float32),
        )

    def with_networks(self, wrap: NetworkWrapper) -> Ensemble:
        """The same ensemble with ``wrap`` around each member's networks."""
        other = copy(self)
        other.members = tuple(with_networks(member, wrap) for member in self.members)
        return other
