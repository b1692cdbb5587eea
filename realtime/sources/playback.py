"""A video file played as if it were a live source."""

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
    """A video file as if it were live: each picture when it is due.

    With ``settings.loop`` it starts again at its end, and its time goes on.

    Args:
        spec: The file.
        settings: Speed, and whether it is repeated.
        watchdog: The tie to the owner of the reader.

    Raises:
        SourceRefusedError: The file cannot be read.
    """

    def __init__(self, spec: SourceSpec, settings: OpenSettings, watchdog: ReaderWatchdog) -> None:
        try:
            self._source = FileSource(Path(str(spec.address)))
        except SourceError as error:
            raise SourceRefusedError(redact(str(error))) from None
        self.info = self._source.info
        self._name, self._settings, self._watchdog = spec.name, settings, watchdog
        self._frames: Iterator[Frame] = self._source.frames()
        self._start = time.monotonic()
        self._offset = 0.0  # media seconds of the repetitions before this one
        self._last: float | None = None  # media seconds of the last picture, in this repetition

    def read(self) -> tuple[Image, float | None]:
        """The next picture when it is due, and its media time in seconds.

        Raises:
            EndOfSourceError: The file is at its end.
            SourceGoneError: The reader was stopped, or the file can no longer be read.
        """
        frame = next(self._frames, None)
        if frame is None:
            self._repeat()
            frame = next(self._frames, None)
            if frame is None:
                raise SourceGoneError(f"{self._name}: can no longer be read")
        self._last = frame.t
        t = self._offset + frame.t
        due = self._start + t / self._settings.speed
        if not self._watchdog.wait(due - time.monotonic()):
            raise SourceGoneError(f"{self._name}: stopped")
        return frame.image, t

    def _repeat(self) -> None:
        """Start again, or raise EndOfSourceError."""
        if not self._settings.loop or self._last is None:
            raise EndOfSourceError(f"{self._name}: has been played to its end")
        self._offset += self._last + 1 / float(self.info.fps or 25)
        self._last = None
        self._frames = self._source.frames()

    def close(self) -> None:
        """Close the file."""
        self._frames = iter(())  # the suspended generator must end before its file
        self._source.close()
