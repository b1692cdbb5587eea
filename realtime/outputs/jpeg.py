"""JPEG files in memory: the one place that encodes them, and how good each kind of them is."""

from __future__ import annotations

from typing import Literal

import cv2

from moodstream.realtime.arrays import Image

Use = Literal["stream", "report", "page", "file"]

QUALITY: dict[Use, int] = {"stream": 80, "report": 82, "page": 88, "file": 90}
"""JPEG quality (0–100) by use: many a second, many in one page, one on a page, one to be kept."""

_MOST_SIDE = 65_535  # px, by the format


def encode_jpeg(image: Image, use: Use) -> bytes:
    """A picture as the bytes of a JPEG file.

    Args:
        image: (H, W, 3) uint8 BGR, not empty, of at most 65,535 px a side.
        use: What it is for, which decides on its quality.

    Raises:
        ValueError: JPEG cannot hold a picture of this size.
    """
    height, width = image.shape[:2]
    if not (0 < height <= _MOST_SIDE and 0 < width <= _MOST_SIDE):
        raise ValueError(f"expected 1 to {_MOST_SIDE} px a side, got {image.shape}")
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY[use]])[1].tobytes()
