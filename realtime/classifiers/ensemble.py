"""Several emotion networks that vote."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moodstream.realtime.classifiers.base import EmotionClassifier
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import EMOTIONS, F32, Image, Readings
from moodstream.realtime.maths import fold_to, row_jsd


class Ensemble:
    """The plain average of its members' probabilities over the seven emotions.

    Members are what ``EmotionClassifier`` describes; a class that only some of them know
    (contempt) is left out. Their disagreement is the mean Jensen–Shannon divergence of each
    member to the average, in nats: the model's own uncertainty, beside the entropy of the
    average. Valence and arousal are averaged over the members that read them. Raises
    MoodstreamError for fewer than two members.
    """

    classes: tuple[str, ...] = EMOTIONS

    def __init__(self, members: Sequence[EmotionClassifier], name: str = "ensemble") -> None:
        if len(members) < 2:
            raise MoodstreamError(f"expected two or more members in {name}, got {len(members)}")
        self.members, self.name = tuple(members), name

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> Readings:
        """Readings of all faces, with the members' disagreement."""
        read = [member.classify(images, boxes) for member in self.members]
        probs = np.stack(
            [fold_to(r.probs, m.classes, EMOTIONS) for r, m in zip(read, self.members, strict=True)]
        )
        average = probs.mean(0)
        affects = [r.affect for r in read if r.affect is not None]
        return Readings(
            average,
            np.mean(affects, axis=0, dtype=np.float32) if affects else None,
            np.mean([row_jsd(p, average) for p in probs], axis=0, dtype=np.float32),
        )
