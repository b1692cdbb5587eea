"""Detectors and classifiers that recognise painted faces, or answer by a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Detections, EmotionPredictions

T = TypeVar("T")

_MIN_SIDE_PX = 4  # of a painted face that is detected
_COLOURFUL, _BRIGHT = 110, 90  # saturation and value from which a pixel is of a painted face


class PaintedFaceDetector:
    """Detects the faces that ``paint_face`` painted, to a pixel or two after a video codec.

    Args:
        score: The score of every face, in [0, 1].
    """

    name = "painted faces"

    def __init__(self, score: float = 1.0) -> None:
        self.score = score

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """The painted faces of each picture; none where ``score`` is below ``min_confidence``."""
        if self.score < min_confidence:
            return [Detections.none() for _ in images]
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Detections:
        colourful = _hsv(image)
        mask = ((colourful[..., 1] > _COLOURFUL) & (colourful[..., 2] > _BRIGHT)).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        left, top, width, height = (stats[1:, k].astype(np.float32) for k in range(4))
        boxes = np.stack([left, top, left + width, top + height], axis=1)
        boxes = boxes[np.minimum(width, height) >= _MIN_SIDE_PX]
        return Detections(boxes, np.full(len(boxes), self.score, np.float32))


class PaintedFaceClassifier:
    """Predicts the emotion of painted faces from their colour.

    Args:
        confidence: The probability of the emotion that is painted; the others share the rest.
    """

    name = "painted faces"
    classes: tuple[str, ...] = EMOTIONS

    def __init__(self, confidence: float = 0.9) -> None:
        self.confidence = confidence

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """Probabilities (ΣN, 7); a row of NaN where no colour is in the box."""
        k = len(EMOTIONS)
        rows = [
            self._classify(image, box)
            for image, where in zip(images, boxes, strict=True)
            for box in where
        ]
        return EmotionPredictions(np.array(rows, np.float32).reshape(-1, k))

    def _classify(self, image: Image, box: F32) -> npt.NDArray[np.float64]:
        k = len(EMOTIONS)
        height, width = image.shape[:2]
        x1, y1, x2, y2 = np.clip(np.rint(box), 0, [width, height, width, height]).astype(int)
        part = _hsv(image[y1:y2, x1:x2]).reshape(-1, 3)
        hues = part[(part[:, 1] > _COLOURFUL) & (part[:, 2] > _BRIGHT), 0].astype(np.float64)
        if not len(hues):
            return np.full(k, np.nan)
        turn = np.angle(np.exp(2j * np.pi * hues / 180).mean()) / (2 * np.pi)  # hue is a circle
        row = np.full(k, (1 - self.confidence) / (k - 1))
        row[round(turn % 1 * k) % k] = self.confidence
        return row


class ScriptedDetector:
    """Answers by a script, picture after picture; the last answer is repeated.

    Args:
        script: Boxes (N, 4) xyxy px for every picture; a sequence of such arrays, one for each
            picture in the order in which they come; or a function of the picture.
        score: The score of every face, in [0, 1].
        landmarks: Whether there are five points at fixed places of each box.
    """

    name = "scripted"

    def __init__(
        self,
        script: npt.ArrayLike | Sequence[npt.ArrayLike] | Callable[[Image], npt.ArrayLike],
        *,
        score: float = 1.0,
        landmarks: bool = False,
    ) -> None:
        self.score, self.landmarks = score, landmarks
        self.shapes: list[tuple[int, ...]] = []
        """Of the pictures that were shown to it."""
        self._script = script
        self._lock = threading.Lock()

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """The next answers of the script."""
        with self._lock:
            answers = [self._answer(image) for image in images]
        return [each.take(each.scores >= min_confidence) for each in answers]

    def _answer(self, image: Image) -> Detections:
        number = len(self.shapes)
        self.shapes.append(image.shape)
        if callable(self._script):
            entry: Any = self._script(image)
        elif isinstance(self._script, (list, tuple)) and _depth(self._script) > 2:
            entry = _nth(self._script, number)
        else:
            entry = self._script
        boxes = np.array(entry, np.float32).reshape(-1, 4)
        marks = _landmarks(boxes) if self.landmarks else None
        return Detections(boxes, np.full(len(boxes), self.score, np.float32), marks)


class ScriptedClassifier:
    """Answers by a script, call after call, the same for every face; the last answer is repeated.

    Args:
        script: An emotion; its probabilities by name or (K,); or a sequence of these, one for
            each call that has faces.
        classes: Names of the K classes.
        affect: Valence and arousal of every face; None where it does not predict them.
        name: Its name.
    """

    def __init__(
        self,
        script: str | Mapping[str, float] | npt.ArrayLike | Sequence[str | Mapping[str, float]],
        *,
        classes: tuple[str, ...] = EMOTIONS,
        affect: tuple[float, float] | None = None,
        name: str = "scripted",
    ) -> None:
        self.name, self.classes, self.affect = name, classes, affect
        self.batches: list[int] = []
        """How many faces each call had."""
        self._lock = threading.Lock()
        one = isinstance(script, (str, Mapping)) or (_depth(script) == 1 and not _has_names(script))
        self._rows = [self._row(each) for each in ([script] if one else list(script))]  # type: ignore[arg-type]

    def _row(self, entry: str | Mapping[str, float] | npt.ArrayLike) -> F32:
        if isinstance(entry, str):
            entry = {entry: 1.0}
        if isinstance(entry, Mapping):
            entry = [entry.get(name, 0.0) for name in self.classes]
        row = np.asarray(entry, np.float32)
        if row.shape != (len(self.classes),) or abs(float(row.sum()) - 1) > 1e-3:
            raise ValueError(f"expected probabilities of {self.classes}, got {entry!r}")
        return row

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """The next answer of the script for every face."""
        n = sum(map(len, boxes))
        with self._lock:
            row = _nth(self._rows, sum(size > 0 for size in self.batches))
            self.batches.append(n)
        affect = None if self.affect is None else np.full((n, 2), self.affect, np.float32)
        return EmotionPredictions(np.tile(row, (n, 1)), affect)


def _hsv(image: Image) -> Image:
    if image.size == 0:
        return image
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2HSV), np.uint8)


def _landmarks(boxes: F32) -> F32:
    """Eyes, nose and corners of the mouth, (N, 5, 2) px, of upright faces."""
    shares = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
    return boxes[:, None, :2] + shares * (boxes[:, 2:] - boxes[:, :2])[:, None]


def _depth(value: object) -> int:
    """How deep sequences of numbers, dicts or names are nested; arrays by their dimensions."""
    if isinstance(value, np.ndarray):
        return value.ndim
    if isinstance(value, (list, tuple)):
        return 1 + max((_depth(each) for each in value), default=0)
    return 0


def _has_names(value: object) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(v, (str, Mapping)) for v in value)


def _nth(script: Sequence[T], number: int) -> T:
    """The entry of a number, or the last one."""
    return script[min(number, len(script) - 1)]
