"""MTCNN of facenet-pytorch, which carries its weights, or of mtcnn; both optional packages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors.geometry import clip, solid

MIN_FACE = 20
"""px; the network's own default."""


class MtcnnTorch:
    """MTCNN by facenet-pytorch on the CPU; ImportError where the package is missing.

    Zhang et al., Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
    Networks (2016).
    """

    name = "mtcnn"

    def __init__(self) -> None:
        from facenet_pytorch import MTCNN

        self._network = MTCNN(keep_all=True, min_face_size=MIN_FACE, device="cpu")

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces with landmarks for each (H, W, 3) uint8 BGR picture, best score first."""
        return [
            self._detect(image, min_confidence) if holds_a_face(image) else Detections.none()
            for image in images
        ]

    def _detect(self, image: Image, min_confidence: float) -> Detections:
        boxes, scores, marks = self._network.detect(
            np.ascontiguousarray(image[..., ::-1]), landmarks=True
        )
        if boxes is None:
            return Detections.none()
        return best_first(
            np.asarray(boxes, np.float32),
            np.asarray(scores, np.float32),
            np.asarray(marks, np.float32),
            image.shape,
            min_confidence,
        )


class MtcnnKeras:
    """MTCNN by the package mtcnn, on TensorFlow; ImportError where either is missing."""

    name = "mtcnn"

    def __init__(self) -> None:
        from mtcnn import MTCNN

        self._network = MTCNN(device="CPU:0")

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces with landmarks for each (H, W, 3) uint8 BGR picture, best score first."""
        return [
            self._detect(image, min_confidence) if holds_a_face(image) else Detections.none()
            for image in images
        ]

    def _detect(self, image: Image, min_confidence: float) -> Detections:
        faces: list[dict[str, Any]] = self._network.detect_faces(
            np.ascontiguousarray(image[..., ::-1]), min_face_size=MIN_FACE
        )
        if not faces:
            return Detections.none()
        points = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
        sides = np.array([face["box"] for face in faces], np.float32)
        boxes = np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], axis=1)
        scores = np.array([face["confidence"] for face in faces], np.float32)
        marks = np.array([[f["keypoints"][p] for p in points] for f in faces], np.float32)
        return best_first(boxes, scores, marks, image.shape, min_confidence)


def holds_a_face(image: Image) -> bool:
    """Whether a picture is large enough for any face; the packages fail on smaller ones."""
    return bool(min(image.shape[:2]) >= MIN_FACE)


def best_first(
    boxes: F32, scores: F32, marks: F32, shape: tuple[int, ...], min_confidence: float
) -> Detections:
    """The faces (N, 4), (N,), (N, 5, 2) above a score, clipped to the picture, best first."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > min_confidence]
    inside = clip(boxes[order], *shape[:2])
    return Detections(inside, scores[order], marks[order]).take(solid(inside))
