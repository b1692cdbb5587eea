"""What an emotion classifier is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.frames import EmotionPredictions


class EmotionClassifier(Protocol):
    """Reads the emotion of faces."""

    name: str
    classes: tuple[str, ...]

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """What is read from the faces at ``boxes[i]`` (N_i, 4) xyxy px of ``images[i]``.

        The pictures are whole ones, (H, W, 3) uint8 BGR; each classifier cuts the crops that it
        was trained on. The readings of all pictures follow each other, ΣN_i rows; no faces give
        none.
        """
        ...
