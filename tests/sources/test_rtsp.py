"""A real RTSP server and real footage: killed, frozen, locked, and read too slowly."""

from __future__ import annotations

import threading
import time

import numpy as np
import psutil
import pytest
from support.rtsp import RtspServer, lengthen
from support.sources import watched
from support.waiting import SOON, wait_for

from moodstream.realtime.sources.addresses import parse_source
from moodstream.realtime.sources.base import OpenSettings, ReaderWatchdog
from moodstream.realtime.sources.capture import Capture, CaptureSettings
from moodstream.realtime.sources.readers import open_reader

BACK = 20.0  # seconds within which a source that is back must be seen


@pytest.fixture(scope="module")
def room(langer, tmp_path_factory):
    """Three minutes of real footage, 640×360 at 23.976 a second."""
    return lengthen(langer, 180, tmp_path_factory.mktemp("room") / "room.mp4")


@pytest.fixture
def server(room):
    with RtspServer(room) as server:
        yield server


@pytest.fixture
def capture_of():
    """Start a capture; in the end it must stop in time and leave no thread."""
    before, captures = threading.active_count(), []

    def start(url, **settings):
        captures.append(Capture(parse_source(url), CaptureSettings(**settings)))
        captures[-1].start()
        return captures[-1]

    yield start
    for capture in captures:
        assert capture.stop(SOON)
    wait_for(lambda: threading.active_count() <= before)


def frames(capture, seconds):
    """The frames that an owner gets within so many seconds."""
    got, number, end = [], capture.state().frames, time.monotonic() + seconds
    while time.monotonic() < end:
        capture.check()
        if captured := capture.newest(number, 0.2):
            number = captured.number
            got.append(captured)
    return got


def becomes(capture, status, timeout):
    """Seconds until its status is that."""
    begin = time.monotonic()
    watched(capture, lambda: capture.state().status == status, timeout)
    return time.monotonic() - begin


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_frames_flow_at_their_rate(server, capture_of, transport):
    capture = capture_of(server.url, transport=transport)
    becomes(capture, "live", 20)
    frames(capture, 0.5)  # what had piled up while it was opened
    before = capture.state()
    got = frames(capture, 2.0)
    state = capture.state()
    # the reader's own count: a busy machine shows fewer, and reads none twice
    rate = (state.frames - before.frames) / (state.t - before.t)
    assert rate == pytest.approx(23.976, rel=0.3)
    assert 0 < len(got) <= state.frames - before.frames + 1
    assert (state.info.width, state.info.height, state.info.codec) == (640, 360, "h264")
    assert got[-1].frame.image.std() > 20  # a picture, not a grey field
    assert capture.gaps() == []


def kill_and_restart(server, capture, rng, up=(0.2, 1.0), down=(0.3, 1.0)):
    """Pull the plug at a random moment; seconds from the server's return to its first frame."""
    frames(capture, rng.uniform(*up))
    server.kill()
    killed = capture.state().t
    frames(capture, rng.uniform(*down))
    before = capture.state()
    assert before.status == "no signal"
    server.start()
    took = becomes(capture, "live", BACK)
    state = capture.state()
    assert state.reconnects == before.reconnects + 1
    assert state.frames > before.frames
    gap = capture.gaps()[-1]
    assert gap.start - 0.3 < killed < gap.end <= state.t
    return took


def test_a_killed_server_is_found_again(server, capture_of):
    capture = capture_of(server.url)
    becomes(capture, "live", 20)
    rng = np.random.default_rng(4)
    for _ in range(3):
        kill_and_restart(server, capture, rng)
    assert capture.state().reconnects == 3


@pytest.mark.slow
def test_twenty_kills_cost_no_memory_and_no_thread(server, capture_of):
    capture = capture_of(server.url)
    becomes(capture, "live", 20)
    rng, process = np.random.default_rng(5), psutil.Process()
    sizes, threads, waits = [], [], []
    for k in range(20):
        if k % 3 == 2:  # also in the middle of an attempt to open it
            server.kill()
            server.start()
            time.sleep(rng.uniform(0.0, 1.5))
        waits.append(kill_and_restart(server, capture, rng, (0.0, 3.0), (0.3, 4.0)))
        frames(capture, 0.5)
        sizes.append(process.memory_info().rss / 1e6)
        threads.append(process.num_threads())
    print(f"back after {np.round(waits, 2)} s; MB {np.round(sizes, 1)}; threads {threads}")
    assert capture.state().reconnects >= 20
    assert np.mean(sizes[-3:]) - np.mean(sizes[2:5]) < 10
    assert max(threads[5:]) <= max(threads[:5]) + 2  # a decoder may be on its way out


@pytest.mark.parametrize(
    ("account", "path", "expected"),
    [("me:wr0ng@", "/room", "(401)"), ("", "/room", "(401)"), ("me:s3cret@", "/attic", "(404)")],
)
def test_a_wrong_password_or_path_fails_at_once(room, capture_of, account, path, expected):
    before = threading.active_count()
    with RtspServer(room, ("me", "s3cret")) as server:
        url = server.url.replace("rtsp://", f"rtsp://{account}").replace("/room", path)
        capture = capture_of(url)
        becomes(capture, "failed", 20)
        detail = capture.state().detail
        wait_for(lambda: threading.active_count() <= before)  # nobody is left to try again
        server.kill()
    assert expected in detail
    assert "\n" not in detail
    assert "wr0ng" not in detail + repr(capture.state())
    assert "s3cret" not in detail + repr(capture.state())
    assert server.clients == 1  # and no hammering


def test_the_right_password_opens(room, capture_of):
    with RtspServer(room, ("me", "s3cr@t/:")) as server:
        capture = capture_of(server.url.replace("rtsp://", "rtsp://me:s3cr%40t%2F%3A@"))
        becomes(capture, "live", 20)
        assert capture.newest(5, 10)


def test_a_path_that_comes_back_later_is_found_again(server, room, capture_of):
    """After a restart the server may answer before its streams are there."""
    capture = capture_of(server.url)
    becomes(capture, "live", 20)
    server.kill()
    server.start(mount="/attic")
    becomes(capture, "no signal", 10)
    frames(capture, 1.0)
    assert "(404)" in capture.state().detail
    server.kill()
    server.start()
    becomes(capture, "live", BACK)


def test_a_frozen_server_is_noticed_and_found_again(server, capture_of):
    capture = capture_of(server.url, open_timeout=2.0, read_timeout=2.0, silent=1.0)
    becomes(capture, "live", 20)
    frames(capture, 1.0)
    server.freeze()
    assert becomes(capture, "no signal", 4.0) > 0.5
    frames(capture, 2.0)
    assert "no pictures within 2 s" in capture.state().detail
    server.thaw()
    becomes(capture, "live", BACK)
    assert capture.state().reconnects == 1


def test_a_frozen_server_does_not_hold_up_the_end(server, capture_of):
    capture = capture_of(server.url, read_timeout=60.0)
    becomes(capture, "live", 20)
    server.freeze()
    wait_for(lambda: capture.newest(capture.state().frames, 0.3) is None)
    begin = time.monotonic()
    assert capture.stop(SOON)
    assert time.monotonic() - begin < SOON


@pytest.mark.slow
def test_too_slow_a_reader_shows_the_present(server):
    """Six pictures a second of twenty-four: without leaving some out it would be 5 s late."""
    reader = open_reader(parse_source(server.url), OpenSettings(max_lag=1.0), ReaderWatchdog())
    begin, lag = time.monotonic(), []
    while time.monotonic() - begin < 7:
        _, media = reader.read()
        if media is not None:
            lag.append(time.monotonic() - begin - media)
        time.sleep(0.16)
    reader.close()
    assert max(lag) < 3.0
    assert len(lag) > 20
