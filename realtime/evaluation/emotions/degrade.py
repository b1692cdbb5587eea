"""Faces made softer, as an unsharp camera would show them."""

from __future__ import annotations

import cv2
import numpy as np

from moodstream.realtime.arrays import Image


def blur(image: Image, sigma_share: float, side: float | None = None) -> Image:
    """A picture (H, W, 3) under a Gaussian with sigma = ``sigma_share`` of the face's side.

    ``side``: of the face in px, by default the smaller side of the picture.
    """
    sigma = sigma_share * (min(image.shape[:2]) if side is None else side)
    if sigma <= 0:
        return image
    return np.asarray(
        cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8
    )
