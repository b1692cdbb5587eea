"""A video file read as if it were a live source."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import (
    EndOfSourceError,
    SourceError,
    SourceGoneError,
    SourceRefusedError,
)
from moodstream.realtime.frames import Frame
from moodstream.realtime.sources.base import OpenSettings, ReaderWatchdog, SourceSpec
from moodstream.realtime.sources.files import FileSource
from moodstream.realtime.sources.redact import redact


class FileReader:
    """A video file as if it were live: each picture when its time has come.

    With ``settings.loop`` it starts again at its end and its time goes on.
    """

    def __init__(self, spec: SourceSpec, settings: OpenSettings, control: ReaderWatchdog) -> None:
        try:
            self._source = FileSource(Path(str(spec.address)))
        except SourceError as error:
            raise SourceRefusedError(redact(str(error))) from None
        self.info = self._source.info
        self._name, self._settings, self._control = spec.name, settings, control
        self._frames: Iterator[Frame] = self._source.frames()
        self._start = time.monotonic()
        self._offset = 0.0  # media seconds of the rounds before
        self._last: float | None = None  # of this round

    def read(self) -> tuple[Image, float | None]:
        """The next picture when it is due, and its media time.

        Raises EndOfSource at the end, SourceGone when stopped.
        """
        frame = next(self._frames, None)
        if frame is None:
            self._next_round()
            frame = next(self._frames, None)
            if frame is None:
                raise SourceGoneError(f"{self._name}: can no longer be read")
        self._last = frame.t
        t = self._offset + frame.t
        due = self._start + t / self._settings.speed
        if not self._control.wait(due - time.monotonic()):
            raise SourceGoneError(f"{self._name}: stopped")
        return frame.image, t

    def _next_round(self) -> None:
        if not self._settings.loop or self._last is None:
            raise EndOfSourceError(f"{self._name}: has been played to its end")
        self._offset += self._last + 1 / float(self.info.fps or 25)
        self._last = None
        self._frames = self._source.frames()

    def close(self) -> None:
        """Close the file."""
        self._frames = iter(())  # a suspended decoder must not outlive its file
        self._source.close()
