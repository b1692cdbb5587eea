"""The compact emotion network that ships with the package."""

from __future__ import annotations

import cv2
import numpy as np

from moodstream.realtime import weights
from moodstream.realtime.engines.openvino import OpenVinoNetwork
from moodstream.realtime.frames import EMOTIONS, F32, Image

SIZE = 48
BATCH = 16


def square_crop(grey: Image, box: F32, size: int = SIZE) -> Image:
    """The square around a box (xyxy px) of a grey picture (H, W), as (size, size) uint8.

    The side is the box's longer one; beyond the picture its edge is repeated, as in training.
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    side = max(x2 - x1, y2 - y1, 1.0)
    left, top = round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2)
    side = max(1, round(side))
    height, width = grey.shape
    pads = max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width)
    inside = grey[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    if inside.size == 0:
        return np.full((size, size), 127, np.uint8)
    if any(pads):
        inside = np.asarray(cv2.copyMakeBorder(inside, *pads, cv2.BORDER_REPLICATE), np.uint8)
    shrinks = side > size
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inside, (size, size), interpolation=way), np.uint8)


class EmbeddedClassifier:
    """Seven emotions from 48×48 grey faces, calibrated probabilities, OpenVINO on the CPU."""

    name = "embedded"
    classes: tuple[str, ...] = EMOTIONS

    def __init__(self) -> None:
        self._network = OpenVinoNetwork(weights.embedded())

    def classify(self, image: Image, boxes: F32) -> F32:
        """Probabilities (N, 7) of the faces at ``boxes`` (N, 4) of a (H, W, 3) BGR picture."""
        if len(boxes) == 0:
            return np.zeros((0, len(self.classes)), np.float32)
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        crops = np.stack([square_crop(grey, box) for box in boxes])[:, None].astype(np.float32)
        parts = [self._network(crops[i : i + BATCH])[0] for i in range(0, len(crops), BATCH)]
        return np.concatenate(parts)
