"""The compact emotion networks that ship with the package."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import cv2
import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import EmotionPredictions
from moodstream.realtime.maths import softmax
from moodstream.realtime.networks.engines.base import Network, NetworkWrapper, Precision
from moodstream.realtime.networks.engines.compile import compile_model
from moodstream.realtime.networks.engines.precision import choose
from moodstream.realtime.networks.weights import packaged

SIZE = 48
BATCH = 16

PROVEN: tuple[Precision, ...] = ("int8", "bf16")
"""In what the networks answer as in float32 (within 0.0001 nats), quickest first."""


def square(box: F32) -> tuple[int, int, int, int]:
    """The square around a box (xyxy px) whose side is the box's longer one, xyxy whole px."""
    x1, y1, x2, y2 = (float(v) for v in box)
    side = max(x2 - x1, y2 - y1, 1.0)
    left, top = round((x1 + x2 - side) / 2), round((y1 + y2 - side) / 2)
    side = max(1, round(side))
    return left, top, left + side, top + side


def square_crop(picture: Image, box: F32, size: int = SIZE) -> Image:
    """The square around a box (xyxy px) of a grey or BGR picture (H, W[, 3]), (size, size) grey.

    Beyond the picture its edge is repeated, as in training.
    """
    left, top, right, bottom = square(box)
    height, width = picture.shape[:2]
    pads = max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width)
    inside = picture[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    if inside.size == 0:
        return np.full((size, size), 127, np.uint8)
    if inside.ndim == 3:
        inside = np.asarray(cv2.cvtColor(inside, cv2.COLOR_BGR2GRAY), np.uint8)
    if any(pads):
        inside = np.asarray(cv2.copyMakeBorder(inside, *pads, cv2.BORDER_REPLICATE), np.uint8)
    shrinks = right - left > size
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(inside, (size, size), interpolation=way), np.uint8)


class EmbeddedClassifier:
    """Emotions from 48×48 grey faces by a network of this package, OpenVINO on the CPU.

    Probabilities are the shares of people who would name each emotion, as the network gives
    them, before calibration; contempt is among them.

    Args:
        name: One of ``packaged.network_manifest().networks``.
        precision: None for int8 or bfloat16 where the CPU is quicker with it; on FER2013's
            PublicTest either is within 0.0001 nats (mean JSD) of float32.
        streams: Calls that run side by side.

    Raises:
        WeightsError: There is no such network, or its file is damaged.
    """

    classes: tuple[str, ...] = (*EMOTIONS, "contempt")

    def __init__(
        self, name: str = "embedded", precision: Precision | None = None, streams: int = 1
    ) -> None:
        self.name = name
        self.precision: Precision = precision or choose("auto", "cpu", PROVEN)
        path = packaged.embedded(name, int8=self.precision == "int8")
        self._network: Network = compile_model(
            path, "cpu", precision=self.precision, streams=streams
        )

    def with_networks(self, wrap: NetworkWrapper) -> EmbeddedClassifier:
        """The same classifier with ``wrap`` around its network."""
        other = copy(self)
        other._network = wrap(self._network)
        return other

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """Probabilities (ΣN, 8) of the faces at ``boxes[i]`` (N_i, 4) of ``images[i]``."""
        return EmotionPredictions(softmax(self._logits(images, boxes)))

    def _logits(self, images: Sequence[Image], boxes: Sequence[F32]) -> F32:
        crops = [
            square_crop(image, box)
            for image, faces in zip(images, boxes, strict=True)
            for box in faces
        ]
        if not crops:
            return np.zeros((0, len(self.classes)), np.float32)
        batch = np.stack(crops)[:, None].astype(np.float32)
        chunks = [self._network(batch[i : i + BATCH])[0] for i in range(0, len(batch), BATCH)]
        return np.concatenate(chunks)
