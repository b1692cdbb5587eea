"""What a face detector is, and a filter of what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from moodstream.realtime.frames import Detections, Image


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
