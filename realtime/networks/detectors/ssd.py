"""OpenCV's SSD face detector (res10, 300×300), from its Caffe or TensorFlow files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors.geometry import clip, solid

SIZE = 300
MEAN = (104.0, 177.0, 123.0)
_LAYOUTS = {".caffemodel": (".prototxt",), ".pb": (".pbtxt",)}


class Ssd:
    """The SSD network of OpenCV's samples; landmarks are None.

    Every picture is squeezed to 300×300, so small faces are lost.

    Args:
        weights: The .caffemodel or .pb file, its .prototxt or .pbtxt beside it (of the same
            name, or the only one there).

    Raises:
        MoodstreamError: A file is missing, or it is another network.
    """

    name = "ssd"

    def __init__(self, weights: Path) -> None:
        layout = _layout(weights)
        try:
            self._network = cv2.dnn.readNet(str(weights), str(layout))
            output = self._run(np.zeros((SIZE, SIZE, 3), np.uint8))
        except cv2.error as error:
            reason = " ".join(str(error.err or error).split())[:120]
            raise MoodstreamError(f"{weights}: cannot be read by OpenCV ({reason})") from None
        if output.ndim != 4 or output.shape[3] != 7:
            raise MoodstreamError(
                f"{weights}: expected an SSD with an output (1, 1, N, 7), got {output.shape}"
            )

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces for each (H, W, 3) uint8 BGR picture, best score first."""
        return [self._detect(image, min_confidence) for image in images]

    def _detect(self, image: Image, min_confidence: float) -> Detections:
        height, width = image.shape[:2]
        rows = np.asarray(self._run(image), np.float32)[0, 0]
        rows = rows[rows[:, 2] > min_confidence]
        rows = rows[np.argsort(-rows[:, 2], kind="stable")]
        scale = np.array([width, height] * 2, np.float32)
        boxes = clip(rows[:, 3:7] * scale, height, width)
        return Detections(boxes, rows[:, 2], None).take(solid(boxes))

    def _run(self, image: Image) -> npt.NDArray[Any]:
        self._network.setInput(cv2.dnn.blobFromImage(image, 1.0, (SIZE, SIZE), MEAN))
        return np.asarray(self._network.forward())


def _layout(weights: Path) -> Path:
    """The file that describes the layers."""
    endings = _LAYOUTS.get(weights.suffix.casefold())
    if endings is None:
        raise MoodstreamError(f"{weights}: expected a .caffemodel or .pb file")
    if not weights.is_file():
        raise MoodstreamError(f"{weights}: no such file")
    same = weights.with_suffix(endings[0])
    others = sorted(weights.parent.glob(f"*{endings[0]}"))
    if same.is_file():
        return same
    if len(others) == 1:
        return others[0]
    raise MoodstreamError(f"{weights}: needs its {endings[0]} file beside it (deploy{endings[0]})")
