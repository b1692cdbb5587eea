"""RetinaFace of the optional package retina-face, which fetches its own weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors.mtcnn import best_first

_POINTS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
"""In the picture's order, left to right: the package names them as the person has them."""


class RetinaFace:
    """RetinaFace by retina-face, on TensorFlow; ImportError where either is missing.

    Deng et al., RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild (2020).
    """

    name = "retinaface"

    def __init__(self) -> None:
        from retinaface import RetinaFace as Package

        self._package = Package
        self._network = Package.build_model()

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces with landmarks for each (H, W, 3) uint8 BGR picture, best score first."""
        return [self._detect(image, min_confidence) for image in images]

    def _detect(self, image: Image, min_confidence: float) -> Detections:
        by_name = self._package.detect_faces(image, threshold=min_confidence, model=self._network)
        # a dict of faces; an empty tuple or dict where there are none
        faces = list(by_name.values()) if isinstance(by_name, dict) else []
        if not faces:
            return Detections.none()
        return best_first(
            np.array([face["facial_area"] for face in faces], np.float32),
            np.array([face["score"] for face in faces], np.float32),
            np.array([[f["landmarks"][p] for p in _POINTS] for f in faces], np.float32),
            image.shape,
            min_confidence,
        )
