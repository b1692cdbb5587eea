"""OpenCV's bundled frontal cascade: no download, no network, frontal faces only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Detections

MARGIN_SCALE = 4.0
CASCADE = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"


class Haar:
    """The Viola-Jones frontal face cascade of OpenCV (2001); landmarks are None.

    ``detect`` is not safe to call from two threads at once, as the cascade keeps the picture it
    works on.

    Args:
        min_size: The smallest face that is detected, in px.

    Raises:
        MoodstreamError: OpenCV's file is missing or damaged.
    """

    name = "haar"

    def __init__(self, min_size: int = 20) -> None:
        self._min_size = min_size
        self._cascade = cv2.CascadeClassifier(str(CASCADE))
        if self._cascade.empty():
            raise MoodstreamError(f"OpenCV's face cascade cannot be read: {CASCADE}")

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces for each (H, W, 3) uint8 BGR picture, best score first."""
        return [self._detect(image, min_confidence) for image in images]

    def _detect(self, image: Image, min_confidence: float) -> Detections:
        corners, _, margins = self._cascade.detectMultiScale3(
            cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
            scaleFactor=1.1,
            minNeighbors=3,
            minSize=(self._min_size, self._min_size),
            outputRejectLevels=True,
        )
        if len(corners) == 0:
            return Detections.none()
        boxes = np.asarray(corners, np.float32)
        boxes[:, 2:] += boxes[:, :2]
        scores = pseudo_confidence(np.ravel(margins))
        order = np.argsort(-scores, kind="stable")
        faces = Detections(boxes, scores, None).take(order)
        return faces.take(faces.scores > min_confidence)


def pseudo_confidence(margins: npt.NDArray[Any]) -> F32:
    """A rank in [0, 1) from the last stage's margins (N,): 1 - exp(-margin / 4), at least 0.

    It is not a probability. The scale puts 0.5 at a margin of 2.8; on group photos true faces had
    a median margin of 7, false ones lay below 5.
    """
    rank: F32 = (1 - np.exp(-np.maximum(margins, 0) / MARGIN_SCALE)).astype(np.float32)
    return rank
