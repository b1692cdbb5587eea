"""The capture thread: newest frame, losses, gaps, the watchdog, and a clean end."""

from __future__ import annotations

import threading
import time
from fractions import Fraction

import numpy as np
import pytest
from media import moving_blob, write_video

from moodstream.realtime.capture import Backoff, Capture, CaptureSettings
from moodstream.realtime.live_sources import (
    EndOfSource,
    SourceGone,
    SourceRefused,
    SourceSpec,
    parse_source,
)
from moodstream.realtime.sources import SourceInfo

SPEC = SourceSpec("network", "rtsp://me:secret@cam/a", "rtsp://cam/a")
INFO = SourceInfo("whatever", 8, 6, Fraction(50), None, "none", False)
FAST = CaptureSettings(first_wait=0.02, longest_wait=0.1, silent=0.3, hang_grace=0.2)
FAST_HANGS = CaptureSettings(
    open_timeout=0.2, read_timeout=0.2, first_wait=0.02, silent=0.3, hang_grace=0.2
)
GONE = SourceGone("gone")
SOON = 10.0


class Scene:
    """An opener whose readers follow a script: one list of steps for each opening.

    A number is so many pictures at 50 a second, an error is raised, an event is waited for without
    regard to any order to stop. An error in front is raised by the opening itself.
    """

    def __init__(self, *scripts):
        self.scripts, self.opened, self.closed = list(scripts), 0, 0
        self.at, self.left = [], []  # when each reader was asked for, and when it was gone
        self.value = 0

    def __call__(self, spec, settings, control):
        script = self.scripts[min(self.opened, len(self.scripts) - 1)]
        self.opened += 1
        self.at.append(time.monotonic())
        if script and isinstance(script[0], Exception):
            self.left.append(time.monotonic())
            raise script[0]
        return Actor(self, script, control)


class Actor:
    info = INFO

    def __init__(self, scene, script, control):
        self.scene, self.control, self.steps = scene, control, iter(expand(script))

    def read(self):
        step = next(self.steps)
        if isinstance(step, Exception):
            raise step
        if isinstance(step, threading.Event):
            step.wait(60)
        elif not self.control.wait(0.02):
            raise SourceGone("stopped")
        self.scene.value += 1
        return np.full((6, 8, 3), self.scene.value % 256, np.uint8), None

    def close(self):
        self.scene.closed += 1
        self.scene.left.append(time.monotonic())


def expand(script):
    for step in script:
        if isinstance(step, int):
            yield from range(step)
        else:
            yield step
    while True:
        yield 1


@pytest.fixture(autouse=True)
def no_thread_is_left_over():
    before = threading.active_count()
    yield
    wait_for(lambda: threading.active_count() <= before)


def wait_for(condition, timeout=SOON):
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


@pytest.fixture
def play():
    """Start a capture of a scene; stopped at the end whatever happens."""
    captures = []

    def start(scene, settings=FAST, spec=SPEC):
        captures.append(Capture(spec, settings, opener=scene))
        captures[-1].start()
        return captures[-1]

    yield start
    for capture in captures:
        assert capture.stop(SOON)


def watched(capture, condition):
    """Wait for it as an owner would: looking after the reader."""

    def look():
        capture.check()
        return condition()

    wait_for(look)


# --- frames ---


def test_frames_are_numbered_and_later_each_time(play):
    capture = play(Scene([]))
    got = []
    while len(got) < 20:
        captured = capture.newest(got[-1].number if got else 0, SOON)
        got.append(captured)
    numbers = [c.number for c in got]
    assert numbers == sorted(set(numbers))
    assert all(np.diff([c.frame.t for c in got]) > 0)
    assert all(c.frame.index == c.number - 1 for c in got)
    assert all(c.frame.image[0, 0, 0] == c.number % 256 for c in got)
    state = capture.state()
    assert state.status == "live"
    assert (state.info.width, state.info.name) == (8, SPEC.name)
    assert 5 < state.fps < 60
    assert got[-1].at == pytest.approx(time.monotonic() - state.t + got[-1].frame.t, abs=1e-3)


def test_the_newest_frame_wins_for_each_consumer(play):
    capture = play(Scene([]))
    fast, slow = [0], [0]
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        fast.append(capture.newest(fast[-1], SOON).number)
        if len(fast) % 10 == 0:
            slow.append(capture.newest(slow[-1], SOON).number)
    assert max(np.diff(slow)) >= 9  # what lay between is not waited for
    assert slow[-1] >= fast[-1] - 9


def test_waiting_for_a_frame_has_an_end(play):
    hang = threading.Event()
    capture = play(Scene([hang]), CaptureSettings())
    begin = time.monotonic()
    assert capture.newest(0, 0.2) is None
    assert 0.15 < time.monotonic() - begin < SOON
    assert capture.state().status == "connecting"
    assert capture.state().fps is None
    hang.set()


def test_several_cameras_share_one_time(play):
    origin = time.monotonic() - 100.0
    capture = Capture(SPEC, FAST, origin, Scene([]))
    capture.start()
    assert 100.0 <= capture.newest(0, SOON).frame.t < 100.0 + SOON
    assert capture.stop(SOON)


def test_a_capture_starts_once(play):
    capture = play(Scene([]))
    with pytest.raises(RuntimeError, match="once"):
        capture.start()


# --- files ---


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_blob(25))


def test_a_file_plays_to_its_end(clip):
    capture = Capture(parse_source(str(clip)), CaptureSettings(speed=2.0))
    capture.start()
    wait_for(lambda: capture.state().status == "ended")
    state = capture.state()
    assert (state.frames, state.detail, capture.gaps()) == (25, None, [])
    assert state.t == pytest.approx(0.96)
    assert capture.newest(0, 0).frame.t == pytest.approx(0.96)  # the last one stays
    begin = time.monotonic()
    assert capture.newest(25, 60.0) is None  # and nothing more is waited for
    assert time.monotonic() - begin < SOON
    assert capture.stop()


def test_a_looped_file_goes_on_in_time(clip):
    capture = Capture(parse_source(str(clip)), CaptureSettings(speed=10.0, loop=True))
    capture.start()
    wait_for(lambda: capture.state().frames > 100)
    captured = capture.newest(0, 0)
    assert captured.frame.t == pytest.approx((captured.number - 1) / 25, abs=1e-3)
    assert capture.stop()


def test_pictures_that_lie_far_apart_are_no_silence(tmp_path):
    path = write_video(
        tmp_path / "slow.mp4", [(0.8 * k, im) for k, (_, im) in enumerate(moving_blob(3))]
    )
    capture = Capture(parse_source(str(path)), CaptureSettings(silent=0.3, hang_grace=0.1))
    capture.start()
    seen = set()
    while (state := capture.state()).status != "ended":
        capture.check()
        seen.add(state.status)
        time.sleep(0.02)
    assert seen <= {"connecting", "live"}
    assert (state.frames, state.reconnects) == (3, 0)
    assert capture.stop()


def test_a_broken_file_fails_in_one_line(tmp_path):
    path = tmp_path / "x.mp4"
    path.write_text("hello")
    capture = Capture(parse_source(str(path)))
    capture.start()
    wait_for(lambda: capture.state().status == "failed")
    assert "not a video" in capture.state().detail
    assert capture.error is None  # it is no fault of ours
    assert capture.stop()


# --- losses ---


def test_a_lost_source_is_found_again_and_the_gap_told(play):
    gone = SourceGone("rtsp://me:secret@cam/a: lost")
    scene = Scene([10, gone], [gone], [gone], [20, gone], [])
    capture = play(scene)
    wait_for(lambda: capture.state().frames > 45)
    state = capture.state()
    assert (state.status, state.reconnects, state.detail) == ("live", 2, None)
    assert scene.closed == 2
    gaps = capture.gaps()
    assert [gap.reason for gap in gaps] == ["rtsp://***@cam/a: lost"] * 2
    assert all(0 < gap.start < gap.end < state.t for gap in gaps)
    assert gaps[0].end - gaps[0].start > 0.05  # three waits
    assert gaps[0].end < gaps[1].start
    assert state.since == gaps[1].end
    assert capture.gaps() == []


def test_no_signal_since_the_last_frame(play):
    silence = threading.Event()
    capture = play(Scene([5, silence, 1000]), CaptureSettings(silent=0.3))
    wait_for(lambda: capture.state().status == "no signal")
    state, last = capture.state(), capture.newest(0, 0)
    assert (state.since, state.fps) == (last.frame.t, None)
    assert state.t - state.since > 0.3
    assert state.detail == "rtsp://cam/a: sends no pictures"
    silence.set()
    wait_for(lambda: capture.state().status == "live")
    (gap,) = capture.gaps()
    assert gap.start == last.frame.t
    assert gap.end == capture.state().since
    assert capture.state().reconnects == 0


def test_a_gap_that_is_open_at_the_end_is_told():
    capture = Capture(SPEC, FAST, opener=Scene([SourceGone("not there")]))
    capture.start()
    wait_for(lambda: capture.state().status == "no signal")
    time.sleep(0.1)
    assert capture.stop(SOON)
    (gap,) = capture.gaps()
    assert (gap.start, gap.reason) == (0.0, "not there")
    assert gap.end == capture.state().t > 0.1
    assert capture.state().status == "ended"


def test_an_ordinary_end_is_no_gap():
    capture = Capture(SPEC, FAST, opener=Scene([]))
    capture.start()
    assert capture.newest(5, SOON)
    assert capture.stop(SOON)
    assert capture.gaps() == []
    frames = capture.state().frames
    time.sleep(0.1)
    assert capture.state().frames == frames
    assert capture.stop(SOON)  # again does no harm


def test_waits_grow_to_their_ceiling():
    backoff = Backoff(0.25)
    waits = [backoff.next(3.0) for _ in range(10)]
    ceilings = [0.25, 0.5, 1.0, 2.0, *[3.0] * 6]
    assert all(0.8 * c <= w <= c for w, c in zip(waits, ceilings, strict=True))
    assert backoff.next(30.0) > 3.0
    backoff.reset()
    assert backoff.next(3.0) <= 0.25


def test_only_a_good_stretch_makes_the_waits_short_again(play):
    gone = SourceGone("lost")
    settings = CaptureSettings(first_wait=0.05, longest_wait=5.0, good_after=0.5)
    scene = Scene([gone], [gone], [gone], [3, gone], [75, gone], [])
    capture = play(scene, settings)
    wait_for(lambda: scene.opened == 6 and capture.state().status == "live", 20)
    waits = np.subtract(scene.at[1:], scene.left[:5])
    assert waits[2] > 0.15
    assert waits[3] > 0.3  # three frames are no good stretch
    assert waits[4] < waits[3]  # a first wait, not the double of the last


def test_a_long_wait_ends_when_stopped():
    settings = CaptureSettings(first_wait=60, longest_wait=60)
    capture = Capture(SPEC, settings, opener=Scene([GONE]))
    capture.start()
    wait_for(lambda: capture.state().status == "no signal")
    assert capture.stop(3.0)


# --- refusals ---


def test_a_refusal_before_the_first_frame_is_final(play):
    scene = Scene([SourceRefused("rtsp://me:secret@cam/a: wrong password", denied=True)])
    capture = play(scene)
    wait_for(lambda: capture.state().status == "failed")
    assert capture.state().detail == "rtsp://***@cam/a: wrong password"
    time.sleep(0.3)
    assert scene.opened == 1
    assert capture.newest(0, 60.0) is None
    assert capture.error is None


@pytest.mark.parametrize(("denied", "attempts"), [(False, (8, 60)), (True, (2, 6))])
def test_a_refusal_after_pictures_is_tried_again(play, denied, attempts):
    scene = Scene([5, GONE], [SourceRefused("no", denied)])
    settings = CaptureSettings(first_wait=0.05, longest_wait=0.1, refused_wait=30.0)
    capture = play(scene, settings)
    time.sleep(1.5)
    assert attempts[0] <= scene.opened <= attempts[1]
    assert capture.state().status == "no signal"


def test_an_end_is_an_end(play):
    capture = play(Scene([5, EndOfSource("played")]))
    wait_for(lambda: capture.state().status == "ended")
    assert capture.state().frames == 5
    assert capture.gaps() == []


def test_what_nobody_expected_reaches_the_owner(play):
    scene = Scene([5, ZeroDivisionError("rtsp://me:secret@cam/a broke")])
    capture = play(scene)
    wait_for(lambda: capture.state().status == "failed")
    assert isinstance(capture.error, ZeroDivisionError)
    assert "secret" not in capture.state().detail
    assert scene.closed == 1


# --- the watchdog ---


def test_a_hanging_reader_is_replaced(play):
    hang = threading.Event()
    scene = Scene([5, hang, 1000], [])
    capture = play(scene, FAST_HANGS)
    watched(capture, lambda: capture.state().reconnects == 1)
    assert capture.state().status == "live"
    (gap,) = capture.gaps()
    assert "hangs" in gap.reason
    before = capture.newest(0, 0)
    hang.set()  # it comes back too late: it ends, and what it brings is not taken
    wait_for(lambda: scene.closed == 1)
    after = capture.newest(before.number, SOON)
    assert after.frame.t > before.frame.t
    assert scene.opened == 2


def test_a_hanging_opening_is_replaced(play):
    hang, opened = threading.Event(), []
    later = Scene([])

    def opener(spec, settings, control):
        opened.append(1)
        if len(opened) == 1:
            hang.wait(60)
        return later(spec, settings, control)

    capture = play(opener, FAST_HANGS)
    watched(capture, lambda: capture.state().status == "live")
    assert len(opened) == 2
    hang.set()
    wait_for(lambda: later.closed == 1)


def test_no_more_than_three_hanging_readers(play):
    hang = threading.Event()
    scene = Scene([hang])
    before = threading.active_count()
    capture = play(scene, FAST_HANGS)
    watched(capture, lambda: scene.opened == 3)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        capture.check()
        time.sleep(0.02)
    assert scene.opened == 3
    assert threading.active_count() - before == 3
    assert capture.state().status == "no signal"
    assert "hangs" in capture.state().detail
    scene.scripts[0] = []
    hang.set()
    watched(capture, lambda: capture.state().status == "live")
    assert scene.opened == 4


def test_a_hanging_reader_does_not_hold_up_the_end():
    hang = threading.Event()
    capture = Capture(SPEC, FAST, opener=Scene([2, hang]))
    capture.start()
    wait_for(lambda: capture.state().frames == 2)
    begin = time.monotonic()
    assert not capture.stop(0.3)  # and it says so
    assert time.monotonic() - begin < SOON
    hang.set()
    assert capture.stop(SOON)
    assert capture.state().frames == 2


def test_frames_long_apart_are_no_hanging(play):
    """Twice the time-out, but signs of life between: the watchdog leaves it alone."""

    class Slow(Actor):
        def read(self):
            self.control.wait(0.6)
            return super().read()

    scene = Scene([])
    capture = play(lambda *a: (scene(*a), Slow(scene, [], a[2]))[1], FAST_HANGS)
    watched(capture, lambda: capture.state().frames == 3)
    assert scene.opened == 1
