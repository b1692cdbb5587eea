"""Cameras of this machine, by OpenCV."""

from __future__ import annotations

import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import SourceGoneError, SourceRefusedError
from moodstream.realtime.sources.base import OpenSettings, ReaderWatchdog, SourceInfo, SourceSpec

_GLITCH = 1.0  # seconds for which a camera may fail to give a picture
_PAUSE = 0.02
_SILENT = 0  # LOG_LEVEL_SILENT: our one line says it better


class CameraReader:
    """A camera by its number or device path; it has no media time."""

    def __init__(self, spec: SourceSpec, settings: OpenSettings, control: ReaderWatchdog) -> None:
        self._name, self._control, self._settings = spec.name, control, settings
        control.expect(settings.open_timeout)
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
        """The next picture; raises SourceGone where the camera gives none for a second."""
        image, self._first = self._first, None
        if image is None:
            self._control.expect(self._settings.read_timeout)
            image = self._next()
        return image, None

    def _next(self) -> Image:
        end = time.monotonic() + _GLITCH
        while True:
            good, picture = self._capture.read()
            if good and picture is not None:
                return np.ascontiguousarray(picture, np.uint8)
            if time.monotonic() > end or not self._control.wait(_PAUSE):
                self.close()
                raise SourceGoneError(f"{self._name}: gives no pictures; was it unplugged?")

    def close(self) -> None:
        """Let go of the camera."""
        self._capture.release()


def _open(spec: SourceSpec) -> Any:
    linux = sys.platform.startswith("linux")
    device = f"/dev/video{spec.address}" if isinstance(spec.address, int) else spec.address
    if linux and not Path(device).exists():  # OpenCV would say so in five lines of its own
        raise SourceRefusedError(f"{spec.name}: no such camera ({device} does not exist)")
    logs: Any = getattr(cv2.utils, "logging", cv2)  # newer releases of OpenCV have moved it
    before = logs.getLogLevel()
    logs.setLogLevel(_SILENT)
    try:
        capture = cv2.VideoCapture(spec.address, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
    finally:
        logs.setLogLevel(before)
    if not capture.isOpened():
        capture.release()
        raise SourceRefusedError(
            f"{spec.name}: cannot be opened; is it a camera, and is no other program using it?"
        )
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    return capture
