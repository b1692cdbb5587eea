"""Names of sources, files played as live sources, and giving up in time."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from support.media import moving_blob, write_video
from support.sources import opened, read
from support.waiting import SOON

from moodstream.realtime.errors import (
    EndOfSourceError,
    MoodstreamError,
    SourceGoneError,
    SourceRefusedError,
)
from moodstream.realtime.sources.addresses import parse_source
from moodstream.realtime.sources.base import OpenSettings, ReaderWatchdog


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_blob(50))


# --- naming ---


@pytest.mark.parametrize(
    ("text", "kind", "address", "name"),
    [
        ("0", "camera", 0, "camera 0"),
        ("/dev/video3", "camera", "/dev/video3", "/dev/video3"),
        ("rtsp://cam:554/ch1", "network", "rtsp://cam:554/ch1", "rtsp://cam:554/ch1"),
        ("RTSP://me:pw@cam/ch1?a=b", "network", "rtsp://me:pw@cam/ch1?a=b", "rtsp://cam/ch1"),
        ("rtsp://me:p@x/y@cam/a", "network", "rtsp://me:p@x/y@cam/a", "rtsp://cam/a"),
        ("rtsp://me:p/x@cam/a", "network", "rtsp://me:p%2Fx@cam/a", "rtsp://cam/a"),
        ("rtsp://me:p@x@cam/a", "network", "rtsp://me:p%40x@cam/a", "rtsp://cam/a"),
        ("rtsp://me:5%@cam/a", "network", "rtsp://me:5%25@cam/a", "rtsp://cam/a"),
        ("rtsp://me:p%40x@cam/a", "network", "rtsp://me:p%40x@cam/a", "rtsp://cam/a"),
        ("http://[fe80::1]:80/v?pw=s", "network", "http://[fe80::1]:80/v?pw=s", None),
    ],
)
def test_what_a_name_stands_for(text, kind, address, name):
    spec = parse_source(text)
    assert (spec.kind, spec.address, spec.name) == (kind, address, name or "http://[fe80::1]:80/v")
    assert "pw" not in repr(spec)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing.mp4", "nothing.mp4: no such file, camera or address"),
        (".", "is a folder"),
        ("ftp://me:secret@cam/x", "^ftp: unknown kind of address"),
        ("rtsp://", "no host"),
        ("rtsp://me:secret@/x", "no host"),
        ("me:secret@cam/x", "no such file"),
    ],
)
def test_bad_names_get_one_line(text, expected):
    with pytest.raises(MoodstreamError, match=expected) as caught:
        parse_source(text)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [{"open_timeout": 0}, {"speed": -1}, {"transport": "pigeon"}])
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        OpenSettings(**bad)


# --- files ---


def test_a_file_keeps_its_own_pace(clip):
    reader = opened(clip, OpenSettings(speed=4.0))
    begin = time.monotonic()
    times = []
    for _ in range(50):
        times.append(reader.read()[1])
        assert time.monotonic() >= begin + times[-1] / 4 - 0.02  # never ahead
    with pytest.raises(EndOfSourceError):
        reader.read()
    reader.close()
    np.testing.assert_allclose(times, np.arange(50) / 25, atol=1e-4)


def test_a_looped_file_goes_on_in_time(clip):
    _, times = read(opened(clip, OpenSettings(loop=True, speed=20.0)), 160)
    np.testing.assert_allclose(times, np.arange(160) / 25, atol=1e-3)


def test_waiting_for_a_picture_ends_when_stopped(clip):
    control = ReaderWatchdog()
    reader = opened(clip, OpenSettings(speed=1e-3), control)
    reader.read()
    threading.Timer(0.2, control.stop).start()
    begin = time.monotonic()
    with pytest.raises(SourceGoneError):
        reader.read()  # due in 40 s
    assert time.monotonic() - begin < SOON
    reader.close()


def test_who_waits_gives_signs_of_life():
    promises = []

    class Noting(ReaderWatchdog):
        def heartbeat(self, seconds):
            promises.append((time.monotonic(), seconds))
            super().heartbeat(seconds)

    begin = time.monotonic()
    assert Noting().wait(1.2)
    assert promises[0][0] - begin < 0.3
    assert len(promises) >= 4  # a short wait after each, whatever the whole one is
    assert all(seconds < 1.2 for _, seconds in promises)


def test_what_is_no_video_is_refused(tmp_path):
    path = tmp_path / "x.mp4"
    path.write_text("hello")
    with pytest.raises(SourceRefusedError, match="not a video"):
        opened(path)
