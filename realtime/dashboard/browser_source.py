"""The webcam of a browser as a live source: its pictures come in over HTTP, the newest wins."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import (
    ImageTooLargeError,
    MoodstreamError,
    SourceGoneError,
    UnreadableImageError,
)
from moodstream.realtime.sources.base import (
    LiveReader,
    OpenSettings,
    ReaderWatchdog,
    SourceInfo,
    SourceSpec,
)
from moodstream.realtime.sources.images import opened

BROWSER = SourceSpec("camera", "browser", "this browser's camera")
MAX_JPEG_BYTES = 2_000_000
MAX_SIDE_PX = 1920
_EXPIRY_CHECK_INTERVAL_S = 0.25


class FrameSlot:
    """The newest JPEG that a browser has sent; one that was not taken in time is dropped.

    Attributes:
        dropped: How many were.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jpeg: bytes | None = None
        self.dropped = 0

    def put(self, jpeg: bytes) -> None:
        """Take the newest picture.

        Raises:
            MoodstreamError: It is not a JPEG, or too large for one of a webcam.
        """
        _check(jpeg)
        with self._changed:
            self.dropped += self._jpeg is not None
            self._jpeg = jpeg
            self._changed.notify_all()

    def take(self, timeout: float) -> bytes | None:
        """The newest picture, each only once.

        Args:
            timeout: Seconds to wait for one.

        Returns:
            The JPEG, None where none came in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._jpeg is not None, timeout)
            jpeg, self._jpeg = self._jpeg, None
            return jpeg

    def opener(self) -> Callable[[SourceSpec, OpenSettings, ReaderWatchdog], LiveReader]:
        """What opens this slot as a live source."""
        return lambda spec, settings, control: BrowserReader(self, spec, settings, control)


class BrowserReader:
    """A live source of what a browser sends.

    Args:
        slot: Where its pictures come in.
        spec: The source.
        settings: How long to wait for the first picture.
        control: How long to wait for each; it expires where the browser has fallen silent.

    Raises:
        SourceGoneError: The browser sends no pictures; it may do so later.
    """

    def __init__(
        self, slot: FrameSlot, spec: SourceSpec, settings: OpenSettings, control: ReaderWatchdog
    ) -> None:
        self._slot, self._control, self._name = slot, control, spec.name
        control.heartbeat(settings.open_timeout)
        self._first: Image | None = self._next()
        height, width = self._first.shape[:2]
        self.info = SourceInfo(spec.name, width, height, None, None, "mjpeg", False)

    def read(self) -> tuple[Image, float | None]:
        """The next picture, (H, W, 3) uint8 BGR; it has no media time of its own."""
        image, self._first = self._first, None
        return (self._next() if image is None else image), None

    def _next(self) -> Image:
        while not self._control.expired:
            jpeg = self._slot.take(_EXPIRY_CHECK_INTERVAL_S)
            if jpeg is None:
                continue
            image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                return np.asarray(image, np.uint8)
        raise SourceGoneError(f"{self._name}: sends no pictures")

    def close(self) -> None:
        """Nothing is held open."""


def _check(jpeg: bytes) -> None:
    """Refuse what would cost more to decode than a webcam's picture does."""
    if len(jpeg) > MAX_JPEG_BYTES:
        raise MoodstreamError(f"a picture of more than {MAX_JPEG_BYTES // 1_000_000} MB")
    try:
        with opened(jpeg, ["JPEG"]) as picture:
            size = picture.size
    except ImageTooLargeError:
        size = (MAX_SIDE_PX + 1, 1)
    except UnreadableImageError:
        raise MoodstreamError("not a JPEG picture") from None
    if max(size) > MAX_SIDE_PX:
        raise MoodstreamError(f"a picture of more than {MAX_SIDE_PX} px")
