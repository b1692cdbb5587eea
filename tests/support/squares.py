"""A detector of light squares that is as blind to small ones as a network."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Detections

LEAST_PX = 20.0
"""The side that a square needs in the input to be detected."""

HINTED_PX = 7.0
"""From which side on there is a hint of it."""


def picture_of(spots: Sequence[tuple[int, int, int]], shape: tuple[int, int]) -> Image:
    """A dark picture (H, W, 3) with a light square at each (x, y, side)."""
    image = np.full((*shape, 3), 40, np.uint8)
    for x, y, side in spots:
        image[y : y + side, x : x + side] = 220
    return image


class Squares:
    """Detects light squares in a picture that it shrinks to ``max_side``, as a network does.

    Those cut by the edge are seen as far as they reach in.
    """

    name = "squares"

    def __init__(self, max_side: int = 1280, asked: list[tuple[int, int]] | None = None) -> None:
        self.max_side, self.asked = max_side, [] if asked is None else asked

    def full_side(self, shape: tuple[int, ...]) -> int:
        return min(max(shape[:2]), self.max_side)

    def reduced(self, side: int) -> Squares:
        return Squares(side, self.asked)

    def tile_reader(self, size: tuple[int, int]) -> tuple[Squares, tuple[int, int]]:
        height, width = (-(-side // 32) * 32 for side in size)
        return self.reduced(max(height, width)), (height, width)

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        return [self._detect(image, min_confidence) for image in images]

    def _detect(self, image: Image, min_confidence: float) -> Detections:
        scale = self.full_side(image.shape) / max(image.shape[:2])
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        self.asked.append(size)
        grey = cv2.resize(image[..., 1], size, interpolation=cv2.INTER_AREA)
        parts = cv2.connectedComponentsWithStats(np.asarray(grey > 130, np.uint8))[2][1:]
        boxes = parts[:, :4].astype(np.float32)
        boxes[:, 2:] += boxes[:, :2]
        sides = parts[:, 2:4].min(axis=1)
        scores = np.where(sides >= LEAST_PX, 0.9, np.where(sides >= HINTED_PX, 0.15, 0.0))
        faces = Detections(boxes / np.float32(scale), scores.astype(np.float32))
        return faces.take((scores > 0) & (scores >= min_confidence))
