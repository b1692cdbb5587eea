"""The capture thread where a source refuses, breaks or hangs."""

from __future__ import annotations

import itertools
import threading
import time

import numpy as np
import pytest
from support.sources import FAST, FAST_HANGS, NETWORK, Script, ScriptReader, watched
from support.waiting import SOON, wait_for

from moodstream.realtime.errors import EndOfSourceError, SourceGoneError, SourceRefusedError
from moodstream.realtime.sources.capture import Capture, CaptureSettings

GONE = SourceGoneError("gone")


# --- refusals ---


def test_a_refusal_before_the_first_frame_is_final(play):
    scene = Script([SourceRefusedError("rtsp://me:secret@cam/a: wrong password", denied=True)])
    before = threading.active_count()
    capture = play(scene)
    wait_for(lambda: capture.state().status == "failed")
    assert capture.state().detail == "rtsp://***@cam/a: wrong password"
    wait_for(lambda: threading.active_count() <= before)  # there is nobody left to try again
    assert scene.opened == 1
    assert capture.newest(0, 60.0) is None
    assert capture.error is None


@pytest.mark.parametrize(("denied", "attempts"), [(False, 14), (True, 6)])
def test_a_refusal_after_pictures_is_tried_again(play, denied, attempts):
    """A camera that starts may refuse for a while; one that knows no password is asked rarely."""
    scene = Script([5, GONE], [SourceRefusedError("no", denied)])
    settings = CaptureSettings(first_wait=0.05, longest_wait=0.1, refused_wait=30.0)
    capture = play(scene, settings)
    wait_for(lambda: scene.opened == attempts)  # minutes if the waits went on growing
    waits = np.subtract(scene.at[1:], scene.left[:-1])[-1:]
    assert (waits.min() > 0.3) == denied
    assert capture.state().status == "no signal"


def test_an_end_is_an_end(play):
    capture = play(Script([5, EndOfSourceError("played")]))
    wait_for(lambda: capture.state().status == "ended")
    assert capture.state().frames == 5
    assert capture.gaps() == []


def test_what_nobody_expected_reaches_the_owner(play):
    scene = Script([5, ZeroDivisionError("rtsp://me:secret@cam/a broke")])
    capture = play(scene)
    wait_for(lambda: capture.state().status == "failed")
    assert isinstance(capture.error, ZeroDivisionError)
    assert "secret" not in capture.state().detail
    assert scene.closed == 1


# --- the watchdog ---


def test_a_hanging_reader_is_replaced(play):
    hang = threading.Event()
    scene = Script([5, hang, 1000], [])
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
    later = Script([])

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
    scene = Script([hang])
    before = threading.active_count()
    capture = play(scene, FAST_HANGS)
    watched(capture, lambda: scene.opened == 3)
    begin = capture.state().t
    watched(capture, lambda: capture.state().t > begin + 1.0)  # several time-outs
    assert scene.opened == 3
    assert threading.active_count() - before == 3
    assert capture.state().status == "no signal"
    assert "hangs" in capture.state().detail
    scene.openings[0] = []
    hang.set()
    watched(capture, lambda: capture.state().status == "live")
    assert scene.opened == 4


def test_a_hanging_reader_does_not_hold_up_the_end():
    hang = threading.Event()
    capture = Capture(NETWORK, FAST, opener=Script([2, hang]))
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

    class Slow(ScriptReader):
        def read(self):
            self.control.wait(1.4)
            return super().read()

    scene = Script([])
    settings = CaptureSettings(open_timeout=0.4, read_timeout=0.4, hang_grace=0.3)

    def opener(spec, settings, control):
        scene(spec, settings, control)
        return Slow(scene, itertools.repeat(1), control)

    capture = play(opener, settings)
    watched(capture, lambda: capture.state().frames == 2)
    assert scene.opened == 1
