"""What a face detector is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from moodstream.realtime.frames import Detections, Image


class FaceDetector(Protocol):
    """Finds faces in pictures."""

    name: str

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """One ``Detections`` for each (H, W, 3) uint8 BGR picture, in its own pixels."""
        ...
