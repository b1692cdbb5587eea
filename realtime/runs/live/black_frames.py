"""Whether there is anything to be seen in a picture."""

from __future__ import annotations

from moodstream.realtime.arrays import Image

_MAX_MEAN, _MAX_SPREAD = 12.0, 4.0  # grey levels of 255; the spread is a standard deviation
_SAMPLES = 60  # rows of the picture that are asked, at most twice as many


def is_black(image: Image) -> bool:
    """Whether a picture is black all over, as a covered or failing camera sends it.

    A dim room keeps its lamps, screens and windows, and so its spread.

    Args:
        image: The picture, (H, W, 3) uint8 BGR.
    """
    step = max(1, min(image.shape[:2]) // _SAMPLES)
    sample = image[::step, ::step]
    return bool(sample.mean() < _MAX_MEAN and sample.std() < _MAX_SPREAD)
