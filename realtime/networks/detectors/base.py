"""What a face detector is, and a filter of what it finds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Detections


class FaceDetector(Protocol):
    """Finds faces in pictures."""

    name: str

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """One ``Detections`` for each (H, W, 3) uint8 BGR picture, in its own pixels."""
        ...


class FaceFilter(Protocol):
    """Decides which of the faces found in a picture count.

    A face that a filter drops is not followed, read or counted; where faces are hidden, it is
    hidden all the same.
    """

    def __call__(self, image: Image, faces: Detections, /) -> Detections | npt.NDArray[np.bool_]:
        """The faces that count, or a mask (N,) that is True for them.

        Args:
            image: The picture, (H, W, 3) uint8 BGR.
            faces: The N faces found in it; a filter is not called where there are none.
        """
        ...


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
