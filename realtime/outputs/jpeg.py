"""The one place that encodes JPEG, with the quality for each use."""

from __future__ import annotations

from typing import Literal

import cv2

from moodstream.realtime.arrays import Image

Use = Literal["stream", "report", "page", "file"]

QUALITY: dict[Use, int] = {"stream": 80, "report": 82, "page": 88, "file": 90}
"""JPEG quality (0–100) by use: many a second, many in one page, one on a page, one to be kept."""

_MAX_SIDE_PX = 65_535  # by the format


def encode_jpeg(image: Image, use: Use) -> bytes:
    """A picture as the bytes of a JPEG file.

    Args:
        image: (H, W, 3) uint8 BGR, not empty, of at most 65,535 px a side.
        use: What it is for, which determines its quality.

    Raises:
        ValueError: JPEG cannot hold a picture of this size.
    """
    height, width = image.shape[:2]
    if not (0 < height <= _MAX_SIDE_PX and 0 < width <= _MAX_SIDE_PX):
        raise ValueError(f"expected 1 to {_MAX_SIDE_PX} px a side, got {image.shape}")
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY[use]])[1].tobytes()
