"""Whether there is anything to be seen in a picture."""

from __future__ import annotations

from moodstream.realtime.arrays import Image

_MEAN, _SPREAD = 12.0, 4.0


def is_dark(image: Image) -> bool:
    """Whether a picture is black all over, as a covered or failing camera sends it.

    A dim room keeps its lamps, screens and windows, and so its spread.
    """
    step = max(1, min(image.shape[:2]) // 60)
    sample = image[::step, ::step]
    return bool(sample.mean() < _MEAN and sample.std() < _SPREAD)
