"""A source in which people come, move and go by script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import EndOfSourceError, SourceGoneError
from moodstream.realtime.frames import Frame
from moodstream.realtime.sources.base import (
    LiveReader,
    OpenSettings,
    ReaderWatchdog,
    SourceInfo,
    SourceSpec,
)

Box: TypeAlias = tuple[float, float, float, float]
Event: TypeAlias = "Exception | threading.Event"

_BACKGROUND = 90


@dataclass(frozen=True)
class Person:
    """Someone who is in the picture from ``start`` to ``end``.

    Attributes:
        box: Where the face is, xyxy px; or a function of the time in seconds.
        emotion: One of ``EMOTIONS``; or a function of the time in seconds.
        start: Seconds at which they come.
        end: Seconds at which they go.
    """

    box: Box | Callable[[float], Box]
    emotion: str | Callable[[float], str] = "happy"
    start: float = 0.0
    end: float = float("inf")

    def is_there(self, t: float) -> bool:
        """Whether they are in the picture at ``t`` seconds."""
        return self.start <= t < self.end

    def box_at(self, t: float) -> Box:
        """Their face's box at ``t`` seconds."""
        return self.box(t) if callable(self.box) else self.box

    def emotion_at(self, t: float) -> str:
        """Their emotion at ``t`` seconds."""
        emotion = self.emotion(t) if callable(self.emotion) else self.emotion
        if emotion not in EMOTIONS:
            raise ValueError(f"expected one of {', '.join(EMOTIONS)}, got {emotion!r}")
        return emotion


def paint_face(image: Image, box: Sequence[float], emotion: str) -> None:
    """Paint a face into a picture (H, W, 3) uint8 BGR: a patch in the colour of its emotion."""
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), _colour(emotion), cv2.FILLED)
    width, height = x2 - x1, y2 - y1
    for share in (0.3, 0.7):  # eyes, so that there are edges to see
        middle = (round(x1 + share * width), round(y1 + 0.4 * height))
        cv2.circle(image, middle, max(1, min(width, height) // 12), (0, 0, 0), cv2.FILLED)


class ScriptedSource:
    """Pictures in which people come, move and go by a script.

    It makes pictures, frames and video files, and it opens as a live source: give the object as
    ``opener`` to ``Capture``, ``LiveSession`` or ``live_stream``. Each opening goes on where the
    one before it was left.

    Args:
        people: Who is there; their boxes must not touch for ``PaintedFaceDetector`` to tell them
            apart.
        size: Width and height in px.
        fps: Frames per second.
        seconds: How long it is; None for ever, which only a live source may be.
        events: What happens to the live source, as (picture number, event) in order: an error is
            raised in place of that picture, a ``threading.Event`` is waited for without regard
            to the order to stop, as a driver that hangs does.
        black: Spans of seconds in which the picture is black.

    Example:
        >>> from moodstream.testing import Person, ScriptedSource
        >>> source = ScriptedSource([Person((20, 20, 80, 90), "sad", start=1.0)], seconds=2.0)
        >>> [len(source.boxes(t)) for t in (0.5, 1.5)]
        [0, 1]
    """

    def __init__(
        self,
        people: Sequence[Person] = (),
        *,
        size: tuple[int, int] = (320, 240),
        fps: float = 25.0,
        seconds: float | None = 4.0,
        events: Sequence[tuple[int, Event]] = (),
        black: Sequence[tuple[float, float]] = (),
    ) -> None:
        self.people, self.size, self.fps, self.seconds = tuple(people), size, fps, seconds
        self.black = tuple(black)
        self.opened = self.closed = 0
        self._events = list(events)
        self._number = 0  # of the next picture of the live source

    def boxes(self, t: float) -> F32:
        """Where the faces are at ``t`` seconds, (N, 4) float32 xyxy px."""
        boxes = [p.box_at(t) for p in self.people if p.is_there(t)]
        return np.array(boxes, np.float32).reshape(-1, 4)

    def emotions(self, t: float) -> list[str]:
        """What they show at ``t`` seconds, in the order of ``boxes``."""
        return [p.emotion_at(t) for p in self.people if p.is_there(t)]

    def image(self, t: float) -> Image:
        """The picture at ``t`` seconds, (H, W, 3) uint8 BGR."""
        width, height = self.size
        if any(start <= t < end for start, end in self.black):
            return np.zeros((height, width, 3), np.uint8)
        image = np.full((height, width, 3), _BACKGROUND, np.uint8)
        for box, emotion in zip(self.boxes(t), self.emotions(t), strict=True):
            paint_face(image, box.tolist(), emotion)
        return image

    def frames(self) -> Iterator[Frame]:
        """Every frame, as a file would give them."""
        for number in range(self._count()):
            t = number / self.fps
            yield Frame(self.image(t), t, number)

    def write(self, path: str | Path) -> Path:
        """Write it as a video (H.264); its width and height should be even."""
        from fractions import Fraction

        from moodstream.realtime.outputs.video import VideoWriter

        rate = Fraction(self.fps).limit_denominator(1001)
        with closing(VideoWriter(Path(path), self.size, rate)) as writer:
            for frame in self.frames():
                writer.write(frame.image, frame.t)
        return Path(path)

    def _count(self) -> int:
        if self.seconds is None:
            raise ValueError("a source without an end has no count of frames")
        return round(self.seconds * self.fps)

    def __call__(
        self, spec: SourceSpec, settings: OpenSettings, control: ReaderWatchdog
    ) -> LiveReader:
        """Open it as a live source, which keeps the pace of its frame rate."""
        self.opened += 1
        return _ScriptedReader(self, spec, settings, control)

    def take(self, control: ReaderWatchdog, seconds: float) -> tuple[Image, float]:
        """The next picture of the live source and its time, after ``seconds`` or what happens."""
        while self._events and self._events[0][0] <= self._number:
            _, event = self._events.pop(0)
            if isinstance(event, Exception):
                raise event
            event.wait()
        if self.seconds is not None and self._number >= self._count():
            raise EndOfSourceError("the script is over")
        if not control.wait(seconds):
            raise SourceGoneError("stopped")
        t = self._number / self.fps
        self._number += 1
        return self.image(t), t


class _ScriptedReader:
    """A scripted source that was opened."""

    def __init__(
        self,
        source: ScriptedSource,
        spec: SourceSpec,
        settings: OpenSettings,
        control: ReaderWatchdog,
    ) -> None:
        width, height = source.size
        self.info = SourceInfo(spec.name, width, height, None, None, "script", False)
        self._source, self._control = source, control
        self._step = 1 / source.fps / settings.speed
        self._has_time = spec.kind == "file"

    def read(self) -> tuple[Image, float | None]:
        image, t = self._source.take(self._control, self._step)
        return image, t if self._has_time else None

    def close(self) -> None:
        self._source.closed += 1


def _colour(emotion: str) -> tuple[int, int, int]:
    """BGR of an emotion: equal steps around the circle of hues."""
    hue = round(180 * EMOTIONS.index(emotion) / len(EMOTIONS))
    bgr = cv2.cvtColor(np.array([[[hue, 230, 220]]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
    return int(bgr[0]), int(bgr[1]), int(bgr[2])
