"""Face detectors, one file each, and what is done to every detector's answer."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from moodstream.realtime.detectors.base import FaceFilter
from moodstream.realtime.frames import Detections, Image

NAMES = (
    "centerface",
    "haar",
    "yolov8n-face",
    "yolov8s-face",
    "yolov8m-face",
    "yolov8l-face",
)
"""The detectors that can be asked for by name."""


def filter_faces(detections: Detections, min_face: float, max_faces: int) -> Detections:
    """Drop faces whose smaller side is under ``min_face`` px, keep the best ``max_faces``.

    Best means by score, and of equal scores the larger box; the result is in that order.
    """
    sides = detections.boxes[:, 2:] - detections.boxes[:, :2]
    large = np.flatnonzero(sides.min(axis=1) >= min_face)
    area = sides[large].prod(axis=1)
    order = np.lexsort((-area, -detections.scores[large]))
    return detections.take(large[order[:max_faces]])


def apply_filters(image: Image, faces: Detections, filters: Iterable[FaceFilter]) -> Detections:
    """The faces of a picture (H, W, 3) uint8 BGR that pass every filter, in their order."""
    for each in filters:
        if len(faces) == 0:
            break
        kept = each(image, faces)
        faces = kept if isinstance(kept, Detections) else faces.take(kept)
    return faces
