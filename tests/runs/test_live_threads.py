"""A live session whose source ends or goes black, and one that must hide more than before."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from support.fakes import HAPPY, OneFace, Says
from support.live_stage import BLACK, BRIGHT, CAMERA, Now, is_empty
from support.waiting import SOON, wait_for

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import EndOfSourceError, SourceGoneError, SourceRefusedError
from moodstream.realtime.networks.models import Models
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.presenter import Presenter, PresenterControls
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.state import session_state
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources.base import SourceInfo
from moodstream.realtime.sources.capture import Capture, CaptureSettings

pytestmark = pytest.mark.usefixtures("no_thread_is_left_over")

LIMIT = 500  # calls that only a busy loop makes


class Waits(threading.Event):
    """An order to stop that comes by itself at the n-th wait for it; no wait takes any time."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.count, self.limit = 0, limit

    def wait(self, timeout: float | None = None) -> bool:
        self.count += 1
        if self.count >= self.limit:
            self.set()
        return self.is_set()


class Script:
    """An opener of a camera that does what ``play(k)`` says at picture k."""

    info = SourceInfo("camera 0", 160, 120, Fraction(50), None, "", False)

    def __init__(self, play: Callable[[int], object]) -> None:
        self.play, self.count = play, itertools.count()

    def __call__(self, spec, settings, control):
        self.control = control
        return self

    def read(self):
        if not self.control.wait(0.01):
            raise SourceGoneError("stopped")
        now = self.play(next(self.count))
        if isinstance(now, Exception):
            raise now
        return now, None

    def close(self):
        pass


@pytest.mark.parametrize("privacy", [Privacy.OFF, Privacy.BLUR])
@pytest.mark.parametrize("end", [EndOfSourceError("over"), SourceRefusedError("no such camera")])
def test_the_presenter_of_a_source_that_is_over_waits(privacy, end):
    asked = itertools.count(1)
    errors: list[BaseException] = []
    pictures: list[Image] = []

    def current():
        assert next(asked) < LIMIT, "a busy loop"
        return privacy

    stop = Waits(6)
    play = lambda k: BRIGHT if k < 3 and isinstance(end, EndOfSourceError) else end  # noqa: E731
    with Capture(CAMERA, opener=Script(play)) as capture:
        wait_for(lambda: capture.over)
        presenter = Presenter(
            capture,
            PresenterControls(stop, threading.Event(), current, lambda: True, errors.append),
            window=5.0,
            show=lambda image, t: pictures.append(image),
            clock=Now(),
        )
        presenter.start()
        assert presenter.join(SOON)
    assert errors == []
    assert next(asked) <= 2 * stop.count + 4  # a turn, and the one picture, ask for the mode
    assert len(pictures) == 1  # "ended" or "no signal"


def test_the_analysis_of_a_source_that_is_over_waits(monkeypatch):
    session = session_of(lambda k: BRIGHT if k < 3 else EndOfSourceError("over"))
    capture, asked = session.streams[0].capture, itertools.count(1)

    def newest(after, timeout):
        assert next(asked) < LIMIT, "a busy loop"
        return Capture.newest(capture, after, timeout)

    monkeypatch.setattr(capture, "newest", newest)
    with capture:
        wait_for(lambda: capture.over)
        session._stop = stop = Waits(10)
        session._analyse()
    assert session.streams[0].analysed == 3
    assert next(asked) <= stop.count + 3


def session_of(play, pictures=None, privacy=Privacy.OFF) -> LiveSession:
    show = None if pictures is None else lambda source, image, t: pictures.append(image)
    return LiveSession(
        [CAMERA],
        Models(OneFace(), Says(HAPPY), {}),
        LiveSettings(capture=CaptureSettings(silent=60.0), privacy=privacy),
        show=show,
        opener=Script(play),
    )


@pytest.mark.parametrize("privacy", list(Privacy))
def test_a_black_picture_is_reported_in_every_privacy_mode(privacy):
    pictures: list[np.ndarray] = []
    black = threading.Event()
    session = session_of(lambda k: BLACK + 3 if black.is_set() else BRIGHT, pictures, privacy)
    state = lambda: session_state(session)["sources"][0]  # noqa: E731
    with session:
        wait_for(lambda: state()["status"] == "live" and state()["people"] == 1 and pictures)
        black.set()
        wait_for(lambda: state()["detail"] == "black picture")
        assert (state()["status"], state()["people"]) == ("no signal", None)
        seen = len(pictures)
        wait_for(lambda: len(pictures) > seen + 2)
        picture = pictures[-1][:, :480]  # the panel stands beside it
        assert picture.mean() < 30  # what was seen before is gone
        assert picture.max() > 120  # and a line says so
        if privacy.hides_faces:  # nobody looked for faces in what a black picture still shows
            assert picture[100:340, 20:460].max() == 0
        black.clear()
        wait_for(lambda: state()["status"] == "live" and state()["people"] == 1)
        seen = len(pictures)
        wait_for(lambda: len(pictures) > seen + 2 and pictures[-1][:, :480].mean() > 60)


def test_a_looser_mode_keeps_what_is_there(monkeypatch):
    pictures: list[np.ndarray] = []
    session = session_of(lambda k: BRIGHT, pictures, Privacy.OFF)
    forgotten = []
    monkeypatch.setattr(Presenter, "forget", lambda self: forgotten.append(session.privacy))
    for privacy in (Privacy.BLUR, Privacy.OFF, Privacy.GROUP, Privacy.BLUR, Privacy.BLUR):
        session.set_privacy(privacy)
    assert forgotten == [Privacy.BLUR, Privacy.GROUP]


def test_in_a_running_session_a_switch_shows_only_what_was_captured_after_it():
    def numbered(k):
        image = BRIGHT.copy()
        image[108:, 148:] = min(k, 250)  # far from face and edge, so that enlarging keeps it
        return image

    pictures: list[np.ndarray] = []
    session = session_of(numbered, pictures, Privacy.OFF)
    with session:
        wait_for(lambda: len(pictures) > 5)
        captured = session.streams[0].capture.state().frames
        session.set_privacy(Privacy.BLUR)
        seen = len(pictures)
        wait_for(lambda: len(pictures) > seen + 3)
    assert any(is_empty(picture) for picture in pictures[:seen])
    oldest = min(int(picture[349, 469, 0]) for picture in pictures[seen:])
    assert oldest >= min(captured, 250) - 1  # drawing may round


def test_silence_is_measured_by_the_clock():
    now, go = Now(), threading.Event()

    def play(k):
        if k == 2:
            go.wait(60)
        return BRIGHT

    settings = CaptureSettings(silent=2.0, read_timeout=60.0)
    capture = Capture(CAMERA, settings, opener=Instant(play), clock=now)
    with capture:
        wait_for(lambda: capture.state().frames == 2)
        assert capture.state().status == "live"
        now.seconds += 1.9
        assert capture.state().status == "live"
        now.seconds += 0.2
        assert capture.state().status == "no signal"
        now.seconds += 70.0  # past every time-out: its reader counts as hung
        capture.check()
        go.set()
        wait_for(lambda: capture.state().frames > 2)
        assert capture.state().reconnects == 1


class Instant(Script):
    """The same, but each picture comes at once: its clock stands still."""

    def read(self):
        now = self.play(next(self.count))
        if self.control.stopped:
            raise SourceGoneError("stopped")
        return now, None


def test_a_run_ends_and_gives_up_by_the_clock():
    now = Now()
    session = LiveSession(
        [CAMERA],
        Models(OneFace(), Says(HAPPY), {}),
        LiveSettings(duration=3600.0),
        opener=Script(lambda k: SourceGoneError("away")),
        clock=now,
    )
    assert session.tick()
    now.seconds += 3599.0
    assert session.tick()
    now.seconds += 1.0
    assert not session.tick()
    assert session.reason == "duration"
