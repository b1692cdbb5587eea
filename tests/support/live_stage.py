"""A live session in the hands of a test: made frames, a made clock, and no thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Frame
from moodstream.realtime.networks.models import Models
from moodstream.realtime.runs.live import presenter, session
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.state import session_state
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import CapturedFrame, CaptureState, SignalGap, Status
from support.fakes import Rows

CAMERA = SourceSpec("camera", 0, "camera 0")
BRIGHT: Image = np.random.default_rng(0).integers(60, 200, (120, 160, 3)).astype(np.uint8)
BLACK: Image = np.zeros((120, 160, 3), np.uint8)


class Now:
    """A clock that stands still until it is moved."""

    def __init__(self, seconds: float = 100.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class HandedFrames:
    """A capture whose frames are handed in; ``during`` happens while the newest is waited for."""

    over = False
    error = None

    def __init__(self, clock: Callable[[], float] = Now()) -> None:  # noqa: B008
        self._clock = clock
        self.last: CapturedFrame | None = None
        self.status: Status = "live"
        self.detail: str | None = None
        self.during: Callable[[], object] = lambda: None
        self.ended: list[SignalGap] = []

    def take(self, image: Image, t: float) -> CapturedFrame:
        """A frame has come."""
        number = 1 + (self.last.number if self.last else 0)
        self.last = CapturedFrame(Frame(image, t, number - 1), self._clock(), number)
        return self.last

    def newest(self, after: int, timeout: float) -> CapturedFrame | None:
        """As ``Capture``, but without waiting."""
        self.during()
        return self.last if self.last and self.last.number > after else None

    def gaps(self) -> list[SignalGap]:
        """As ``Capture``."""
        ended, self.ended = self.ended, []
        return ended

    def state(self) -> CaptureState:
        """As ``Capture``."""
        t = self.last.frame.t if self.last else 0.0
        number = self.last.number if self.last else 0
        return CaptureState(self.status, t, t, number, None, 0, self.detail, None)


def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presenters do not wait for what nobody will bring."""
    monkeypatch.setattr(presenter, "_POLL_S", 0.0)


def handed(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], float]) -> HandedFrames:
    """What every session made from now on captures."""
    capture = HandedFrames(clock)
    monkeypatch.setattr(session, "Capture", lambda *_: capture)
    without_waiting(monkeypatch)
    return capture


@dataclass
class LiveStage:
    """A session of one camera, turn by turn, and all that comes out of it."""

    session: LiveSession
    capture: HandedFrames
    now: Now
    rows: Rows
    pictures: list[Image] = field(default_factory=list)
    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    @classmethod
    def of(
        cls, monkeypatch: pytest.MonkeyPatch, models: Models, rows: Any = None, **settings: Any
    ) -> LiveStage:
        """A session with these networks and settings; ``rows`` takes what is recorded."""
        now = Now()
        capture = handed(monkeypatch, now)
        rows = Rows() if rows is None else rows
        pictures: list[Image] = []
        events: list[tuple[str, dict[str, object]]] = []
        live = LiveSession(
            [CAMERA],
            models,
            LiveSettings(**settings),
            record=lambda source: rows,
            show=lambda source, image, t: pictures.append(image),
            notify=lambda kind, content: events.append((kind, content)),
            clock=now,
        )
        return cls(live, capture, now, rows, pictures, events)

    def turn(self, seconds: float = 0.1) -> None:
        """Time passes, and each thread has its turn."""
        self.now.seconds += seconds
        turn(self.session)

    def play(self, image: Image, seconds: float, step: float = 0.1) -> None:
        """The camera shows this for a while."""
        for _ in range(round(seconds / step)):
            self.now.seconds += step
            self.capture.take(image, round(self.now.seconds - self.session.origin, 6))
            turn(self.session)

    def lose(self, reason: str = "unplugged") -> None:
        """The camera has gone."""
        self.capture.status, self.capture.detail = "no signal", reason

    def come_back(self, image: Image, reason: str = "unplugged") -> None:
        """The camera is there again, with a first picture."""
        last = self.capture.last
        assert last is not None
        self.now.seconds += 0.1
        t = self.now.seconds - self.session.origin
        self.capture.ended.append(SignalGap(last.frame.t, t, reason))
        self.capture.status, self.capture.detail = "live", None
        self.capture.take(image, t)
        turn(self.session)

    def state(self) -> dict[str, Any]:
        """What /state says of the camera."""
        return dict(session_state(self.session)["sources"][0])


def turn(live: LiveSession) -> None:
    """Analysis and presenters of a session do what there is to do."""
    live.analyse_next()
    for stream in live.streams:
        stream.presenter.present_next()


def camera_part(picture: Image) -> Image:
    """What an overlay shows of the 160×120 px of the camera, without the panel beside it."""
    return picture[:360, :480]


def is_empty(picture: Image) -> bool:
    """Whether there is nothing of a camera in it; a line of text may stand at the top."""
    return bool(picture[100:340, 20:460].max() == 0)
