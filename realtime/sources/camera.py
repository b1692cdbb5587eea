"""Cameras of this machine, by OpenCV."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import SourceGoneError, SourceRefusedError
from moodstream.realtime.sources.base import OpenSettings, ReaderWatchdog, SourceInfo, SourceSpec

_GIVE_UP_AFTER_S = 1.0  # without a picture
_RETRY_INTERVAL_S = 0.02
_LOG_LEVEL_SILENT = 0  # of OpenCV, whose warnings our error replaces


class CameraReader:
    """A camera by its number or device path; it has no media time.

    Args:
        spec: The camera.
        settings: Time-outs.
        watchdog: The tie to the owner of the reader.

    Raises:
        SourceRefusedError: There is no such camera, or it cannot be opened.
        SourceGoneError: It gives no picture.
    """

    def __init__(self, spec: SourceSpec, settings: OpenSettings, watchdog: ReaderWatchdog) -> None:
        self._name, self._watchdog, self._settings = spec.name, watchdog, settings
        watchdog.heartbeat(settings.open_timeout)
        self._capture = _open(spec)
        self._first: Image | None = self._next()
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self.info = SourceInfo(
            name=spec.name,
            width=self._first.shape[1],
            height=self._first.shape[0],
            fps=Fraction(fps).limit_denominator(1001) if 1 <= fps <= 1000 else None,
            duration=None,
            codec=self._codec(),
            audio=False,
        )

    def _codec(self) -> str:
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC))
        name = code.to_bytes(4, "little", signed=False).decode("ascii", "ignore").strip("\0 ")
        return name.lower() if name.isprintable() and name else "raw"

    def read(self) -> tuple[Image, float | None]:
        """The next picture; raises SourceGoneError where the camera gives none for a second."""
        image, self._first = self._first, None
        if image is None:
            self._watchdog.heartbeat(self._settings.read_timeout)
            image = self._next()
        return image, None

    def _next(self) -> Image:
        end = time.monotonic() + _GIVE_UP_AFTER_S
        while True:
            good, picture = self._capture.read()
            if good and picture is not None:
                return np.ascontiguousarray(picture, np.uint8)
            if time.monotonic() > end or not self._watchdog.wait(_RETRY_INTERVAL_S):
                self.close()
                raise SourceGoneError(f"{self._name}: gives no pictures; was it unplugged?")

    def close(self) -> None:
        """Close the camera."""
        self._capture.release()


@contextmanager
def _silent_opencv() -> Iterator[None]:
    """Without OpenCV's warnings."""
    log: Any = getattr(cv2.utils, "logging", cv2)  # newer releases have its functions there
    before = log.getLogLevel()
    log.setLogLevel(_LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(before)


def _open(spec: SourceSpec) -> Any:
    linux = sys.platform.startswith("linux")
    device = f"/dev/video{spec.address}" if isinstance(spec.address, int) else spec.address
    if linux and not Path(device).exists():  # OpenCV would print five lines
        raise SourceRefusedError(f"{spec.name}: no such camera ({device} does not exist)")
    with _silent_opencv():
        capture = cv2.VideoCapture(spec.address, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
    if not capture.isOpened():
        capture.release()
        raise SourceRefusedError(
            f"{spec.name}: cannot be opened; is it a camera, and is no other program using it?"
        )
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture
