"""What an emotion classifier is."""

from __future__ import annotations

from typing import Protocol

from moodstream.realtime.frames import F32, Image


class EmotionClassifier(Protocol):
    """Reads the emotion of faces."""

    name: str
    classes: tuple[str, ...]

    def classify(self, image: Image, boxes: F32) -> F32:
        """Probabilities (N, len(classes)) float32 of the faces at ``boxes`` (N, 4) xyxy px.

        ``image`` is the whole (H, W, 3) uint8 BGR picture; each classifier cuts the crops that
        it was trained on. Rows sum to 1. N = 0 gives (0, K).
        """
        ...
