"""A real network of the SSD face detector's shape, for OpenCV to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from moodstream.realtime.arrays import Image

_LAYERS = """
input: "data" input_shape { dim: 1 dim: 3 dim: 300 dim: 300 }
layer { name: "s" type: "Slice" bottom: "data" top: "b" top: "gr" slice_param { axis: 1 slice_point: 1 } }
layer { name: "p" type: "Pooling" bottom: "b" top: "p" pooling_param {
  pool: AVE kernel_h: 100 stride_h: 100 kernel_w: 43 stride_w: 43 } }
layer { name: "o" type: "Power" bottom: "p" top: "o" power_param { scale: 0.1 } }
"""  # noqa: E501


def make_ssd(folder: Path) -> Path:
    """Its two files in ``folder``; its rows are what is painted into the picture."""
    (folder / "deploy.prototxt").write_text(_LAYERS)
    (folder / "res10.caffemodel").write_bytes(b"")
    return folder / "res10.caffemodel"


def painted(rows: list[tuple[int, ...]]) -> Image:
    """A picture of which that network reads these rows of tenths."""
    blue = np.full((300, 300), 104.0)
    for i, row in enumerate(rows):
        for k, tenths in enumerate(row):
            blue[100 * i : 100 * (i + 1), 43 * k : 43 * (k + 1)] += tenths
    image = np.zeros((300, 300, 3), np.uint8)
    image[..., 0] = blue
    return image
