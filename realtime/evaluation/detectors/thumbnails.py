"""Small pictures of faces for contact sheets."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.sources.images import read_picture

SIDE_PX = 160
_FRAME_BGR = (0, 94, 213)


def thumbnail(file: Path, box: F32, colour: tuple[int, int, int] = _FRAME_BGR) -> Image:
    """A face (4,) with half its side around it, framed, as (SIDE_PX, SIDE_PX, 3)."""
    image = read_picture(file)
    x1, y1, x2, y2 = (float(value) for value in box)
    half = max(x2 - x1, y2 - y1, 8.0)
    left, top = (x1 + x2) / 2 - half, (y1 + y2) / 2 - half
    scale = SIDE_PX / (2 * half)
    move = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    part = cv2.warpAffine(
        image, move, (SIDE_PX, SIDE_PX), flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    corners = [((x1 - left) * scale, (y1 - top) * scale), ((x2 - left) * scale, (y2 - top) * scale)]
    a, b = (tuple(round(value) for value in corner) for corner in corners)
    return np.asarray(cv2.rectangle(part, a, b, colour, 2), np.uint8)
