"""What an emotion classifier is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.frames import EmotionPredictions


class EmotionClassifier(Protocol):
    """Predicts the emotion of faces."""

    name: str
    classes: tuple[str, ...]

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """The predictions for the faces of several pictures.

        Args:
            images: Whole pictures, (H, W, 3) uint8 BGR; each classifier cuts the crops that it
                was trained on.
            boxes: ``boxes[i]`` (N_i, 4) xyxy px are the faces of ``images[i]``.

        Returns:
            ΣN_i rows, those of the first picture first; none where there are no faces.
        """
        ...
