"""What a live picture shows when its source ends, goes black, or must hide more than before."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from support.fakes import OneFace, Says, make_faces

from moodstream.realtime.errors import EndOfSourceError, SourceGoneError, SourceRefusedError
from moodstream.realtime.frames import Faces, Frame, GroupState
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.painter import Painter
from moodstream.realtime.runs.live import presenter as presenters
from moodstream.realtime.runs.live.presenter import Presenter, PresenterControls
from moodstream.realtime.runs.live.rows import PrivacyFilteredSink
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.snapshot import Snapshot
from moodstream.realtime.runs.live.state import session_state
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources.base import SourceInfo, SourceSpec
from moodstream.realtime.sources.capture import (
    Capture,
    CapturedFrame,
    CaptureSettings,
    CaptureState,
)

CAMERA = SourceSpec("camera", 0, "camera 0")
HAPPY = np.eye(7, dtype=np.float32)[3]
BRIGHT = np.random.default_rng(0).integers(60, 200, (120, 160, 3)).astype(np.uint8)
BLACK = np.zeros((120, 160, 3), np.uint8)
LIMIT = 500  # calls that only a busy loop makes


class Now:
    """A clock that stands still until it is moved."""

    def __init__(self, seconds: float = 100.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


class Waits(threading.Event):
    """An order to stop that comes by itself at the n-th wait for it; no wait takes any time."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.count, self.most = 0, most

    def wait(self, timeout: float | None = None) -> bool:
        self.count += 1
        if self.count >= self.most:
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


def until(true: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def no_thread_is_left_over():
    before = set(threading.enumerate())
    yield
    until(lambda: set(threading.enumerate()) <= before, 10.0)


def switches(privacy: Callable[[], str], failed=None, stop=None) -> PresenterControls:
    return PresenterControls(
        stop or threading.Event(), threading.Event(), privacy, lambda: True, failed or raise_it
    )


def raise_it(error: BaseException) -> None:
    raise error


# --- a source that is over ---


@pytest.mark.parametrize("privacy", ["off", "blur"])
@pytest.mark.parametrize("end", [EndOfSourceError("over"), SourceRefusedError("no such camera")])
def test_the_presenter_of_a_source_that_is_over_waits(privacy, end):
    asked, errors, pictures = itertools.count(1), [], []

    def current():
        assert next(asked) < LIMIT, "a busy loop"
        return privacy

    stop = Waits(6)
    play = lambda k: BRIGHT if k < 3 and isinstance(end, EndOfSourceError) else end  # noqa: E731
    with Capture(CAMERA, opener=Script(play)) as capture:
        until(lambda: capture.over)
        rows = PrivacyFilteredSink(0, "camera 0", None, current)
        presenter = Presenter(
            capture,
            rows,
            switches(current, errors.append, stop),
            window=5.0,
            show=lambda image, t: pictures.append(image),
            clock=Now(),
        )
        presenter.start()
        assert presenter.join(30)
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
        until(lambda: capture.over)
        session._stop = stop = Waits(10)
        session._analyse()
    assert session.streams[0].analysed == 3
    assert next(asked) <= stop.count + 3


# --- a camera that goes black ---


def session_of(play, pictures=None, privacy="off", detector=None) -> LiveSession:
    show = None if pictures is None else lambda source, image, t: pictures.append(image)
    return LiveSession(
        [CAMERA],
        Models(detector or OneFace(), Says(HAPPY), {}),
        LiveSettings(capture=CaptureSettings(silent=60.0), privacy=privacy),
        show=show,
        opener=Script(play),
    )


@pytest.mark.parametrize("privacy", ["off", "blur", "group"])
def test_a_black_picture_is_told_of_in_every_privacy_mode(privacy):
    pictures: list[np.ndarray] = []
    black = threading.Event()
    session = session_of(lambda k: BLACK + 3 if black.is_set() else BRIGHT, pictures, privacy)
    state = lambda: session_state(session)["sources"][0]  # noqa: E731
    with session:
        until(lambda: state()["status"] == "live" and state()["people"] == 1 and pictures)
        black.set()
        until(lambda: state()["detail"] == "black picture")
        assert (state()["status"], state()["people"]) == ("no signal", None)
        seen = len(pictures)
        until(lambda: len(pictures) > seen + 2)
        picture = pictures[-1][:, :480]  # the panel stands beside it
        assert picture.mean() < 30  # what was seen before is gone
        assert picture.max() > 120  # and a line says so
        if privacy != "off":  # nobody looked for faces in what a black picture still shows
            assert picture[100:340, 20:460].max() == 0
        black.clear()
        until(lambda: state()["status"] == "live" and state()["people"] == 1)
        seen = len(pictures)
        until(lambda: len(pictures) > seen + 2 and pictures[-1][:, :480].mean() > 60)


# --- a switch to a stricter mode ---


class Hand:
    """A capture whose frames are handed in; ``during`` happens while the newest is waited for."""

    over = False

    def __init__(self) -> None:
        self.last: CapturedFrame | None = None
        self.status = "live"
        self.during: Callable[[], object] = lambda: None

    def take(self, image: np.ndarray, t: float) -> CapturedFrame:
        number = 1 + (self.last.number if self.last else 0)
        self.last = CapturedFrame(Frame(image, t, number - 1), 100.0, number)
        return self.last

    def newest(self, after: int, timeout: float) -> CapturedFrame | None:
        self.during()
        return self.last if self.last and self.last.number > after else None

    def state(self) -> CaptureState:
        t = self.last.frame.t if self.last else 0.0
        number = self.last.number if self.last else 0
        return CaptureState(self.status, 0.0, t, number, None, 0, None, None)


class Owner:
    """A presenter in the hands of its owner, turn by turn, and all that it shows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, privacy: str) -> None:
        self.privacy, self.capture, self.now = privacy, Hand(), Now()
        self.pictures: list[np.ndarray] = []
        self.scenes: list[tuple[str, object]] = []
        scenes = self.scenes

        class Noting(Painter):
            def paint(self, moment):
                scenes.append((self.privacy, moment))
                return super().paint(moment)

        monkeypatch.setattr(presenters, "Painter", Noting)
        self.presenter = Presenter(
            self.capture,
            PrivacyFilteredSink(0, "camera 0", None, lambda: self.privacy),
            switches(lambda: self.privacy),
            window=5.0,
            show=lambda image, t: self.pictures.append(image),
            clock=self.now,
        )

    def switch(self, privacy: str) -> None:
        self.privacy = privacy
        self.presenter.forget()

    def turn(self, seconds: float = 1.0) -> int:
        """How many pictures one turn shows."""
        self.now.seconds += seconds
        before = len(self.pictures)
        self.presenter._turn()
        return len(self.pictures) - before


def snapshot(captured: CapturedFrame, faces: Faces | None = None, looked: bool = True) -> Snapshot:
    state = GroupState(
        t=captured.frame.t, people=1, effective_people=1.0, probs=HAPPY, dominant="happy"
    )
    nobody = np.zeros((0, 4), np.float32)
    return Snapshot(captured.frame, faces or Faces.none(), state, looked, nobody)


def is_empty(picture: np.ndarray) -> bool:
    """Whether there is nothing of a camera in it; a line of text may stand at the top."""
    return picture[100:340, 20:460].max() == 0


def test_nothing_from_before_a_stricter_mode_is_shown(monkeypatch):
    owner = Owner(monkeypatch, "off")
    first = owner.capture.take(BRIGHT, 1.0)
    owner.presenter.analysed(first, snapshot(first))
    assert owner.turn() == 1
    assert not is_empty(owner.pictures[-1])
    late = owner.capture.take(BRIGHT, 1.1)

    owner.switch("blur")
    assert is_empty(owner.pictures[-1])  # at once, so that nobody is given the one before
    assert owner.turn() == 0
    owner.presenter.analysed(late, snapshot(late))  # a look that was under way
    assert owner.turn() == 0

    new = owner.capture.take(BRIGHT, 1.2)
    owner.presenter.analysed(new, snapshot(new))
    assert owner.turn() == 1
    assert owner.scenes[-1][0] == "blur"
    history = owner.presenter._painter._history  # figures of the group may stay
    assert history[0][0] == 1.0
    assert owner.scenes[-1][1].frame is new.frame


def test_a_frozen_picture_from_before_a_stricter_mode_is_gone(monkeypatch):
    owner = Owner(monkeypatch, "off")
    first = owner.capture.take(BRIGHT, 1.0)
    owner.presenter.analysed(first, snapshot(first))
    owner.turn()
    owner.capture.status = "no signal"
    assert owner.turn() == 1
    assert not is_empty(owner.pictures[-1])
    owner.switch("blur")
    assert is_empty(owner.pictures[-1])
    assert owner.turn() == 1  # still with the line that says what is the matter
    assert is_empty(owner.pictures[-1])
    assert owner.scenes[-1][1].notice.startswith("no signal since 0:00")


def test_a_picture_chosen_before_the_switch_is_not_shown_after_it(monkeypatch):
    owner = Owner(monkeypatch, "off")
    first = owner.capture.take(BRIGHT, 1.0)
    owner.presenter.analysed(first, snapshot(first))
    owner.turn()

    def in_between():
        owner.capture.during = lambda: None
        owner.switch("blur")
        captured = owner.capture.take(BRIGHT, 1.1)
        owner.presenter.analysed(captured, snapshot(captured, looked=False))

    owner.capture.during = in_between
    owner.turn()
    assert is_empty(owner.pictures[-1])
    assert owner.presenter.dropped == 1


def test_one_persons_mood_is_not_shown_as_a_groups(monkeypatch):
    owner = Owner(monkeypatch, "blur")
    first = owner.capture.take(BRIGHT, 1.0)
    owner.presenter.analysed(first, snapshot(first))
    owner.turn()
    assert owner.scenes[-1][1].state.probs is not None
    owner.switch("group")
    new = owner.capture.take(BRIGHT, 1.1)
    faces = make_faces([1], HAPPY[None], [1.0])
    owner.presenter.analysed(new, snapshot(new, faces))  # its state was summed up before
    assert owner.turn() == 1
    assert owner.scenes[-1][1].state.probs is None
    history = owner.presenter._painter._history  # nor is what was drawn of the last minute
    assert all(np.isnan(row).all() for _, row in history)


def test_a_looser_mode_keeps_what_is_there(monkeypatch):
    pictures: list[np.ndarray] = []
    session = session_of(lambda k: BRIGHT, pictures, "off")
    forgotten = []
    monkeypatch.setattr(Presenter, "forget", lambda self: forgotten.append(session.privacy))
    for privacy in ("blur", "off", "group", "blur", "blur"):
        session.set_privacy(privacy)
    assert forgotten == ["blur", "group"]


def test_in_a_running_session_a_switch_shows_only_what_was_captured_after_it():
    def numbered(k):
        image = BRIGHT.copy()
        image[108:, 148:] = min(k, 250)  # far from face and edge, so that enlarging keeps it
        return image

    pictures: list[np.ndarray] = []
    session = session_of(numbered, pictures, "off")
    with session:
        until(lambda: len(pictures) > 5)
        captured = session.streams[0].capture.state().frames
        session.set_privacy("blur")
        seen = len(pictures)
        until(lambda: len(pictures) > seen + 3)
    assert any(is_empty(picture) for picture in pictures[:seen])
    oldest = min(int(picture[349, 469, 0]) for picture in pictures[seen:])
    assert oldest >= min(captured, 250) - 1  # drawing may round


# --- the clock ---


def test_frames_too_late_by_the_clock_are_dropped(monkeypatch):
    owner = Owner(monkeypatch, "off")
    owner.presenter._max_latency = 0.5
    for number, late in enumerate((0.4, 0.6, 0.5), 1):
        owner.now.seconds = 100.0 + late
        captured = owner.capture.take(BRIGHT, float(number))
        owner.presenter.analysed(captured, snapshot(captured))
        owner.turn(0.0)
    assert len(owner.pictures) == 2
    assert owner.presenter.dropped == 1


def test_silence_is_told_by_the_clock():
    now, go = Now(), threading.Event()

    def play(k):
        if k == 2:
            go.wait(60)
        return BRIGHT

    settings = CaptureSettings(silent=2.0, read_timeout=60.0)
    capture = Capture(CAMERA, settings, opener=Instant(play), clock=now)
    with capture:
        until(lambda: capture.state().frames == 2)
        assert capture.state().status == "live"
        now.seconds += 1.9
        assert capture.state().status == "live"
        now.seconds += 0.2
        assert capture.state().status == "no signal"
        now.seconds += 70.0  # past every time-out: its reader counts as hung
        capture.check()
        go.set()
        until(lambda: capture.state().frames > 2)
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
