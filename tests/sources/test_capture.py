"""The capture thread: newest frame, files, losses, gaps, and a clean end."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from support.media import moving_blob, write_video
from support.sources import FAST, NETWORK, Script, watched
from support.waiting import SOON, wait_for

from moodstream.realtime.errors import SourceGoneError
from moodstream.realtime.sources.addresses import parse_source
from moodstream.realtime.sources.backoff import Backoff
from moodstream.realtime.sources.capture import Capture, CapturedFrame, CaptureSettings

pytestmark = pytest.mark.usefixtures("no_thread_is_left_over")


# --- frames ---


def test_frames_are_numbered_and_later_each_time(play):
    capture = play(Script([]))
    got: list[CapturedFrame] = []
    while len(got) < 20:
        captured = capture.newest(got[-1].number if got else 0, SOON)
        got.append(captured)
    numbers = [c.number for c in got]
    assert numbers == sorted(set(numbers))
    assert all(np.diff([c.frame.t for c in got]) > 0)
    assert all(c.frame.index == c.number - 1 for c in got)
    assert all(c.frame.image[0, 0, 0] == c.number % 256 for c in got)
    earlier, state, later = time.monotonic(), capture.state(), time.monotonic()
    assert state.status == "live"
    assert (state.info.width, state.info.name) == (8, NETWORK.name)
    assert 0 < state.fps < 60
    at = got[-1].at - got[-1].frame.t + state.t  # the same moment by both clocks
    assert earlier - 1e-3 <= at <= later + 1e-3


def test_the_newest_frame_wins_for_each_consumer(play):
    capture = play(Script([]))
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
    capture = play(Script([hang]), CaptureSettings())
    begin = time.monotonic()
    assert capture.newest(0, 0.2) is None
    assert 0.15 < time.monotonic() - begin < SOON
    assert capture.state().status == "connecting"
    assert capture.state().fps is None
    hang.set()


def test_several_cameras_share_one_time(play):
    origin = time.monotonic() - 100.0
    capture = Capture(NETWORK, FAST, origin, Script([]))
    capture.start()
    assert 100.0 <= capture.newest(0, SOON).frame.t < 100.0 + SOON
    assert capture.stop(SOON)


def test_a_capture_starts_once(play):
    capture = play(Script([]))
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

    def ended():
        seen.add(capture.state().status)
        return "ended" in seen

    watched(capture, ended)
    assert seen <= {"connecting", "live", "ended"}
    state = capture.state()
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
    gone = SourceGoneError("rtsp://me:secret@cam/a: lost")
    scene = Script([10, gone], [gone], [gone], [20, gone], [])
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
    capture = play(Script([5, silence, 1000]), CaptureSettings(silent=0.3))
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
    capture = Capture(NETWORK, FAST, opener=Script([SourceGoneError("not there")]))
    capture.start()
    wait_for(lambda: capture.state().status == "no signal")
    wait_for(lambda: capture.state().t > 0.1)
    assert capture.stop(SOON)
    (gap,) = capture.gaps()
    assert (gap.start, gap.reason) == (0.0, "not there")
    assert gap.end == capture.state().t > 0.1
    assert capture.state().status == "ended"


def test_an_ordinary_end_is_no_gap():
    script = Script([])
    capture = Capture(NETWORK, FAST, opener=script)
    capture.start()
    assert capture.newest(5, SOON)
    assert capture.stop(SOON)
    assert capture.gaps() == []
    assert script.closed == 1
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
    gone = SourceGoneError("lost")
    settings = CaptureSettings(first_wait=0.05, longest_wait=5.0, good_after=0.5)
    scene = Script([gone], [gone], [gone], [3, gone], [75, gone], [])
    capture = play(scene, settings)
    wait_for(lambda: scene.opened == 6 and capture.state().status == "live", 20)
    waits = np.subtract(scene.at[1:], scene.left[:5])
    assert waits[2] > 0.15
    assert waits[3] > 0.3  # three frames are no good stretch
    assert waits[4] < waits[3]  # a first wait, not the double of the last


def test_a_long_wait_ends_when_stopped():
    settings = CaptureSettings(first_wait=60, longest_wait=60)
    capture = Capture(NETWORK, settings, opener=Script([SourceGoneError("gone")]))
    capture.start()
    wait_for(lambda: capture.state().status == "no signal")
    assert capture.stop(3.0)
