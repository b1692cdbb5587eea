"""What a face detector is, and filters of its detections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Detections


class FaceDetector(Protocol):
    """Detects faces in pictures."""

    name: str

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """The faces of several pictures.

        Args:
            images: Pictures (H, W, 3) uint8 BGR, of any shapes.
            min_confidence: The score, 0 to 1, below which faces are left out.

        Returns:
            One ``Detections`` per picture, in px of that picture.
        """
        ...


class FaceFilter(Protocol):
    """Decides which of the faces detected in a picture count.

    A face that a filter drops is not tracked, classified or counted; where faces are hidden, it
    is hidden all the same.
    """

    def __call__(self, image: Image, faces: Detections, /) -> Detections | npt.NDArray[np.bool_]:
        """The faces that count, or a mask (N,) that is True for them.

        Args:
            image: The picture, (H, W, 3) uint8 BGR.
            faces: The N faces detected in it; a filter is not called where there are none.
        """
        ...


def filter_faces(detections: Detections, min_face: float, max_faces: int) -> Detections:
    """Drop small faces and keep the best ones.

    Args:
        detections: The faces of a picture.
        min_face: The smallest width or height in px that a face may have.
        max_faces: How many to keep.

    Returns:
        The faces that are left, best first: by score, and of equal scores the larger box.
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
