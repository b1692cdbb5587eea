"""JPEG files in memory."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from moodstream.realtime.outputs.jpeg import QUALITY, encode_jpeg


def test_each_use_has_its_own_quality_and_colours_stay() -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    sizes = [len(encode_jpeg(image, use)) for use in ("stream", "report", "page", "file")]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(QUALITY)
    blue = np.zeros((16, 24, 3), np.uint8)
    blue[..., 0] = 250  # BGR
    with Pillow.open(io.BytesIO(encode_jpeg(blue, "file"))) as read:
        assert (read.format, read.size) == ("JPEG", (24, 16))
        pixel = read.convert("RGB").getpixel((5, 5))
    assert isinstance(pixel, tuple)
    red, _, blue_now = pixel
    assert red < 10
    assert blue_now > 240


@pytest.mark.parametrize("shape", [(4, 65_536, 3), (65_536, 4, 3), (0, 4, 3), (4, 0, 3)])
def test_a_picture_that_jpeg_cannot_hold_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="px a side"):
        encode_jpeg(np.zeros(shape, np.uint8), "file")
