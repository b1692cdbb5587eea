"""What may be done to a face before it is classified: turned upright, or enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from moodstream.realtime.arrays import F32, F64, Image
from moodstream.realtime.frames import EmotionPredictions
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.detectors.geometry import iou
from moodstream.realtime.networks.engines.base import NetworkWrapper, with_networks

NAMES = ("align", "enlarge")
"""The face transforms that can be asked for by name."""


class FaceTransform(Protocol):
    """Changes the picture of a face before its emotion is classified."""

    def __call__(self, image: Image, box: F32, /) -> tuple[Image, F32]:
        """The picture after the change, and the box of the face in it.

        Args:
            image: A face with its surroundings, (H, W, 3) uint8 BGR.
            box: Where the face is in it, (4,) float32 xyxy px.
        """
        ...


MARGIN = 0.5
"""What a face transform sees around a face, as a share of the box's longer side: turned by up to
45° the square of the box still has pixels for its corners."""

UPRIGHT: F64 = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])
"""Eyes, nose and corners of the mouth of an upright face (5, 2), as of ArcFace's crops; only their
shape matters.
"""

_ENLARGED_SIDE_PX = 96  # of the smaller side: twice what the networks of this package take
_MIN_LANDMARK_CONFIDENCE = 0.3
_MIN_LANDMARK_IOU = 0.3  # of the box that the landmarks come with and the face's own
_MAX_UPRIGHT_DEG = 10.0  # up to which a face is left as it is: turning so little brings nothing
LANDMARK_SIDE = 128
"""px of the longer side at which the landmarks of a single face are detected."""


class WithPreprocessing:
    """A classifier that gets each face after a face transform; else as ``inner``.

    Args:
        inner: The classifier.
        change: Changes a face, which it gets cut out of its picture with MARGIN around it.
    """

    def __init__(self, inner: EmotionClassifier, change: FaceTransform) -> None:
        self.inner, self.change = inner, change
        self.name, self.classes = inner.name, inner.classes
        self.prior: tuple[float, ...] | None = getattr(inner, "prior", None)

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """The predictions of ``inner`` for the faces, each cut out with MARGIN and changed."""
        faces = [
            self.change(*cut(image, box))
            for image, where in zip(images, boxes, strict=True)
            for box in where
        ]
        return self.inner.classify([face for face, _ in faces], [box[None] for _, box in faces])

    def with_networks(self, wrap: NetworkWrapper) -> WithPreprocessing:
        """The same with ``wrap`` around the networks of ``inner`` and of the transform."""
        return WithPreprocessing(with_networks(self.inner, wrap), with_networks(self.change, wrap))


def cut(image: Image, box: F32) -> tuple[Image, F32]:
    """The part of a picture around a face, and the box (4,) in it; the edge is not repeated."""
    height, width = image.shape[:2]
    reach = MARGIN * max(box[2] - box[0], box[3] - box[1])
    corner = np.floor(np.clip(box[:2] - reach, 0, [width - 1, height - 1])).astype(int)
    far = np.ceil(np.clip(box[2:] + reach, corner + 1, [width, height])).astype(int)
    part = image[corner[1] : far[1], corner[0] : far[0]]
    return part, (box - np.tile(corner, 2)).astype(np.float32)


def enlarge(image: Image, box: F32) -> tuple[Image, F32]:
    """A face of less than 96 px on its smaller side enlarged to that, by Lanczos."""
    factor = _ENLARGED_SIDE_PX / max(1.0, float(min(box[2] - box[0], box[3] - box[1])))
    if factor <= 1:
        return image, box
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    large = cv2.resize(image, (width, height), interpolation=cv2.INTER_LANCZOS4)
    ratio = np.array([width / image.shape[1], height / image.shape[0]], np.float32)
    return np.asarray(large, np.uint8), box * np.tile(ratio, 2)


class Align:
    """Turns a face upright about the middle of its box, by its landmarks.

    A face without landmarks, and one that is upright, stays as it is.

    Args:
        detector: Detects landmarks in pictures of single faces.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self.detector = detector

    def with_networks(self, wrap: NetworkWrapper) -> Align:
        """The same with ``wrap`` around the detector's networks."""
        return Align(with_networks(self.detector, wrap))

    def __call__(self, image: Image, box: F32) -> tuple[Image, F32]:
        """The picture turned, of the same size; what comes in at its corners repeats the edge."""
        marks = self._marks(image, box)
        angle = 0.0 if marks is None else roll(marks)
        if abs(angle) <= _MAX_UPRIGHT_DEG:
            return image, box
        middle = ((box[:2] + box[2:]) / 2).tolist()
        turn = cv2.getRotationMatrix2D(middle, angle, 1.0)
        turned = cv2.warpAffine(
            image, turn, image.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(turned, np.uint8), box

    def _marks(self, image: Image, box: F32) -> F32 | None:
        """The landmarks (5, 2) px of the face that lies on the box best; None without any."""
        faces = self.detector.detect([image], _MIN_LANDMARK_CONFIDENCE)[0]
        if faces.landmarks is None or not len(faces):
            return None
        overlaps = iou(faces.boxes, box[None])[:, 0]
        best = int(overlaps.argmax())
        return faces.landmarks[best] if overlaps[best] > _MIN_LANDMARK_IOU else None


def roll(marks: F32) -> float:
    """Degrees by which to turn a face with these landmarks (5, 2) px anticlockwise, to be upright.

    The rotation of the similarity transform that fits them to UPRIGHT best (least squares).
    """
    # as complex numbers a similarity is a product, and its angle that of the factor
    there, here = (points @ np.array([1, 1j]) for points in (UPRIGHT, marks.astype(np.float64)))
    there, here = there - there.mean(), here - here.mean()
    return float(-np.degrees(np.angle(np.vdot(here, there))))
