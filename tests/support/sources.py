"""Live sources that follow a script, and real ones opened and read as the tests of them do."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import SourceGoneError
from moodstream.realtime.sources.addresses import parse_source
from moodstream.realtime.sources.base import OpenSettings, ReaderWatchdog, SourceInfo, SourceSpec
from moodstream.realtime.sources.capture import Capture, CaptureSettings
from moodstream.realtime.sources.readers import open_reader
from support.waiting import SOON, wait_for

QUICK = OpenSettings(open_timeout=1.0, read_timeout=1.0)
PATIENT = OpenSettings(open_timeout=60.0, read_timeout=60.0)
NETWORK = SourceSpec("network", "rtsp://me:secret@cam/a", "rtsp://cam/a")
FAST = CaptureSettings(first_wait=0.02, longest_wait=0.1, silent=0.3, hang_grace=0.2)
FAST_HANGS = CaptureSettings(
    open_timeout=0.2, read_timeout=0.2, first_wait=0.02, silent=0.3, hang_grace=0.2
)

Step = Any
"""A picture, an error to raise, an event to wait for, or a number of pictures."""


class Script:
    """An opener whose readers follow a script.

    Each opening has its steps; the last one's are used for all that come after. A picture is
    shown, a number is so many pictures of 8×6 whose grey level is their number, an error is raised,
    an event is waited for without regard to any order to stop. An error in front is raised by the
    opening itself. When the steps are done, numbered pictures come for ever. Where the opening is a
    function, it gives the step of each picture number, counted over all openings.

    Args:
        openings: The steps of each opening, or a function from numbers to steps.
        fps: Pictures a second.
        info: What the readers say of their source.
    """

    def __init__(
        self,
        *openings: Iterable[Step] | Callable[[int], Step],
        fps: float = 50.0,
        info: SourceInfo | None = None,
    ) -> None:
        self.openings, self.wait = list(openings), 1 / fps
        self.info = info or SourceInfo("whatever", 8, 6, Fraction(50), None, "none", False)
        self.opened, self.closed, self.pictures = 0, 0, 0
        self.at: list[float] = []  # when each reader was asked for
        self.left: list[float] = []  # when each was gone
        self._numbers = itertools.count()

    def __call__(
        self, spec: SourceSpec, settings: OpenSettings, control: ReaderWatchdog
    ) -> ScriptReader:
        opening = self.openings[min(self.opened, len(self.openings) - 1)]
        self.opened += 1
        self.at.append(time.monotonic())
        if callable(opening):
            return ScriptReader(self, map(opening, self._numbers), control)
        steps = list(opening)
        if steps and isinstance(steps[0], Exception):
            self.left.append(time.monotonic())
            raise steps[0]
        return ScriptReader(self, _one_by_one(steps), control)

    def count(self) -> int:
        """The number of the next picture."""
        self.pictures += 1
        return self.pictures


class ScriptReader:
    """One opening of a :class:`Script`."""

    def __init__(self, script: Script, steps: Iterator[Step], control: ReaderWatchdog) -> None:
        self.script, self.steps, self.control = script, steps, control
        self.info = script.info

    def read(self) -> tuple[Image, float | None]:
        """What the next step says."""
        step = next(self.steps)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, threading.Event):
            step.wait(60)
        elif not self.control.wait(self.script.wait):
            raise SourceGoneError("stopped")
        number = self.script.count()
        if isinstance(step, np.ndarray):
            return step, None
        return np.full((6, 8, 3), number % 256, np.uint8), None

    def close(self) -> None:
        """Note that it is gone."""
        self.script.closed += 1
        self.script.left.append(time.monotonic())


def _one_by_one(script: list[Step]) -> Iterator[Step]:
    for step in script:
        if isinstance(step, int):
            yield from range(step)
        else:
            yield step
    yield from itertools.repeat(1)


def watched(capture: Capture, condition: Callable[[], object], timeout: float = SOON) -> None:
    """Wait for it as an owner would: looking after the reader."""

    def look() -> object:
        capture.check()
        return condition()

    wait_for(look, timeout)


def opened(
    text: object, settings: OpenSettings = QUICK, control: ReaderWatchdog | None = None
) -> Any:
    """A reader of what a user would type."""
    return open_reader(parse_source(str(text)), settings, control or ReaderWatchdog())


def read(reader: Any, n: int) -> tuple[list[Image], list[float | None]]:
    """So many pictures and their times; the reader is closed."""
    got = [reader.read() for _ in range(n)]
    reader.close()
    return [image for image, _ in got], [t for _, t in got]


def read_on(reader: Any, at: list[float] | None = None) -> None:
    """Read until it raises; ``at`` takes the time of each picture."""
    while True:
        reader.read()
        if at is not None:
            at.append(time.monotonic())
