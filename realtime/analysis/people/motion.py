"""Whether anything has moved around the people of a picture: where nothing has, nobody came."""

from __future__ import annotations

import cv2
import numpy as np

from moodstream.realtime.arrays import F32, Image

MOTION_THRESHOLD = 6
"""Grey levels by which the mean of a cell changes where a face has come or gone; noise and
compression change it by one or two."""

_ROWS, _COLUMNS = 24, 40  # of cells: one is no larger than the smallest faces that count
_LINES_PER_CELL = 4  # lines of the picture of which a cell is the mean


class BackgroundMotion:
    """Compares pictures with a reference, cell by cell, around the people that are known.

    The reference is the picture of the last detection pass at full size.
    """

    def __init__(self) -> None:
        self._reference: Image | None = None

    def set_reference(self, image: Image) -> None:
        """Compare with this picture (H, W, 3) uint8 from now on."""
        self._reference = _cells(image)

    def changed(self, image: Image, boxes: F32) -> bool:
        """Whether a picture differs from the reference other than where people are.

        What is up to a face's width beside a face or a face's height above, and all below, is
        head, hands and body, which move.

        Args:
            image: (H, W, 3) uint8.
            boxes: (N, 4) xyxy px of the faces that are known.

        Returns:
            Whether anything moved; True without a reference.
        """
        if self._reference is None:
            return True
        moved = cv2.absdiff(_cells(image), self._reference).max(axis=2) > MOTION_THRESHOLD
        height, width = image.shape[:2]
        cells = boxes * np.tile([_COLUMNS / width, _ROWS / height], 2)
        for x1, y1, x2, y2 in cells:
            left, right = max(0, int(2 * x1 - x2)), max(0, int(2 * x2 - x1) + 1)
            moved[max(0, int(2 * y1 - y2)) :, left:right] = False
        return bool(moved.any())


def _cells(image: Image) -> Image:
    """The mean colour (24, 40, 3) uint8 of each cell, of some of its lines."""
    lines = image[:: max(1, len(image) // (_ROWS * _LINES_PER_CELL))]
    size = _COLUMNS, _ROWS
    return np.asarray(cv2.resize(lines, size, interpolation=cv2.INTER_AREA), np.uint8)
