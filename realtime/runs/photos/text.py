"""Text recognition (OCR) in photos: signs, badges, banners."""

from __future__ import annotations

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import MoodstreamError

MIN_CONFIDENCE = 0.7
"""Confidence from which words count; below it most are patterns that look like letters."""


class TextReader:
    """PP-OCR, whose networks come inside the package rapidocr.

    Raises:
        MoodstreamError: It is not installed; says how to get it.
    """

    def __init__(self) -> None:
        try:
            import onnxruntime  # noqa: F401  # rapidocr itself does without, and fails later
            from rapidocr import RapidOCR
        except ImportError:
            raise MoodstreamError(
                "--text: needs rapidocr (pip install 'moodstream[text]')"
            ) from None
        self._reader = RapidOCR(params={"Global.log_level": "error"})

    def read(self, image: Image) -> list[str]:
        """The lines of text in a picture (H, W, 3) uint8 BGR, from top to bottom."""
        result = self._reader(image)
        lines = zip(result.txts or (), result.scores or (), strict=True)
        return [str(words).strip() for words, score in lines if float(score) >= MIN_CONFIDENCE]
