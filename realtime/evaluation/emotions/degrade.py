"""Faces as a bad camera would show them: unsharp, in the dark, saved too small."""

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


def darken(image: Image, light: float, noise: float, seed: int = 0) -> Image:
    """A picture (H, W, 3) in a share ``light`` of its light.

    Args:
        image: The picture.
        light: What is left of every grey level.
        noise: Standard deviation of the sensor's noise in grey levels, alike in all channels.
        seed: Of the noise.
    """
    grain = np.random.default_rng(seed).normal(0.0, noise, image.shape[:2])
    dark = light * image.astype(np.float32) + grain[:, :, None].astype(np.float32)
    return np.asarray(np.clip(np.rint(dark), 0, 255), np.uint8)


def compress(image: Image, quality: int) -> Image:
    """A picture (H, W, 3) after JPEG of a ``quality`` from 0 to 100."""
    _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
