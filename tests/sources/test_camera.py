"""Cameras of this machine: opened as OpenCV needs it, read, lost, and given up in time."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from support.sources import QUICK, opened, read, watched
from support.waiting import SOON

from moodstream.realtime.errors import SourceGoneError, SourceRefusedError
from moodstream.realtime.sources.base import ReaderWatchdog, SourceSpec
from moodstream.realtime.sources.camera import CameraReader
from moodstream.realtime.sources.capture import Capture, CaptureSettings

PICTURE = np.full((48, 64, 3), 7, np.uint8)


class FakeVideoCapture:
    """As much of cv2.VideoCapture as a camera needs; gives ``n`` pictures, then none."""

    n, opens, released = 5, True, 0
    fps, fourcc = 30.0, b"MJPG"
    arguments: tuple[Any, ...] = ()
    last: ClassVar[FakeVideoCapture]

    def __init__(self, *arguments: Any) -> None:
        type(self).arguments = arguments
        self.properties: dict[int, float] = {}
        type(self).last = self

    def isOpened(self) -> bool:
        return self.opens

    def read(self) -> tuple[bool, np.ndarray | None]:
        type(self).n -= 1
        return (True, PICTURE.copy()) if self.n >= 0 else (False, None)

    def get(self, what: int) -> float:
        code = float(int.from_bytes(self.fourcc, "little"))
        return {cv2.CAP_PROP_FPS: self.fps, cv2.CAP_PROP_FOURCC: code}.get(what, 0.0)

    def set(self, what: int, value: float) -> bool:
        self.properties[what] = value
        return True

    def release(self) -> None:
        type(self).released += 1


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What stands in for cv2.VideoCapture."""
    fake = type("Camera", (FakeVideoCapture,), {})
    monkeypatch.setattr(cv2, "VideoCapture", fake)
    return fake


@pytest.fixture
def spec(tmp_path) -> SourceSpec:
    """A camera by the path of its device, which exists."""
    device = tmp_path / "video9"
    device.touch()
    return SourceSpec("camera", str(device), "camera 9")


@pytest.fixture
def camera(kind, spec) -> Callable[[], CameraReader]:
    """Opens the camera."""
    return lambda: CameraReader(spec, QUICK, ReaderWatchdog())


def test_a_camera_until_it_is_unplugged(kind, camera):
    reader = camera()
    assert (reader.info.width, reader.info.height, reader.info.fps) == (64, 48, 30)
    assert (reader.info.name, reader.info.codec) == ("camera 9", "mjpg")
    assert (reader.info.duration, reader.info.audio) == (None, False)
    for _ in range(5):
        image, t = reader.read()
        np.testing.assert_array_equal(image, PICTURE)
        assert t is None
    assert not kind.released
    with pytest.raises(SourceGoneError, match="camera 9: gives no pictures"):
        reader.read()
    assert kind.released


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="V4L2 is of Linux")
def test_it_is_opened_by_its_own_driver_and_without_a_queue(kind, spec, camera):
    camera().close()
    assert kind.arguments == (spec.address, cv2.CAP_V4L2)
    assert kind.last.properties == {cv2.CAP_PROP_BUFFERSIZE: 1}  # a queue would delay pictures
    assert kind.released == 1


@pytest.mark.parametrize(
    ("fps", "expected"),
    [(29.97, 29.97), (0.0, None), (-1.0, None), (1e9, None), (float("nan"), None)],
)
def test_only_a_frame_rate_that_can_be_is_believed(kind, camera, fps, expected):
    kind.fps = fps
    rate = camera().info.fps
    assert rate is None if expected is None else float(rate) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("fourcc", "codec"), [(b"YUYV", "yuyv"), (b"\0\0\0\0", "raw"), (b"\x01\x02\xff\xfe", "raw")]
)
def test_a_codec_has_a_name_that_can_be_shown(kind, camera, fourcc, codec):
    kind.fourcc = fourcc
    assert camera().info.codec == codec


def test_one_missed_picture_is_no_loss(kind, camera, monkeypatch):
    good, answers = kind.read, iter([True, False, False, True, True])
    monkeypatch.setattr(kind, "read", lambda s: good(s) if next(answers) else (False, None))
    assert len(read(camera(), 3)[0]) == 3


def test_an_order_to_stop_ends_the_wait_for_a_picture(kind, spec):
    kind.n, watchdog = 1, ReaderWatchdog()
    reader = CameraReader(spec, QUICK, watchdog)
    reader.read()  # that of the opening
    watchdog.stop()
    with pytest.raises(SourceGoneError):
        reader.read()
    assert kind.n >= -1  # asked once, not for a second
    assert kind.released


def test_a_camera_that_gives_nothing_is_let_go(kind, camera):
    kind.n = 0
    with pytest.raises(SourceGoneError, match="no pictures"):
        camera()
    assert kind.released == 1


def test_each_picture_has_its_time_out(kind, spec):
    """A driver that hangs in a call is noticed from outside, as the heartbeat is overdue."""
    now = [0.0]
    kind.n, watchdog = 10, ReaderWatchdog(lambda: now[0])
    reader = CameraReader(spec, QUICK, watchdog)
    assert watchdog.seconds_overdue() == -QUICK.open_timeout
    reader.read()
    now[0] = 100.0
    assert watchdog.seconds_overdue() > 0
    reader.read()
    assert watchdog.seconds_overdue() == -QUICK.read_timeout


def test_a_camera_that_hangs_is_opened_again(kind, spec, monkeypatch):
    kind.n, good, hang = 10**6, kind.read, threading.Event()

    def hangs_once(self):
        if kind.n == 10**6 - 3:
            kind.n -= 1
            hang.wait(60)
        return good(self)

    monkeypatch.setattr(kind, "read", hangs_once)
    settings = CaptureSettings(open_timeout=0.5, read_timeout=0.2, hang_grace=0.2)
    capture = Capture(spec, settings)
    capture.start()
    watched(capture, lambda: capture.state().reconnects)
    state = capture.state()
    assert (state.status, state.reconnects) == ("live", 1)
    hang.set()
    assert capture.stop(SOON)
    assert kind.released == 2  # the one that hung closed its camera, too


@pytest.mark.parametrize("address", [97, "/dev/video97"])
def test_a_camera_that_is_not_there(address, capfd):
    with pytest.raises(SourceRefusedError, match="no such camera"):
        opened(address)
    assert capfd.readouterr() == ("", "")


def test_a_device_that_is_no_camera(spec, capfd):
    log = getattr(cv2.utils, "logging", cv2)
    before = log.getLogLevel()
    with pytest.raises(SourceRefusedError, match="cannot be opened"):
        CameraReader(spec, QUICK, ReaderWatchdog())
    assert capfd.readouterr() == ("", "")
    assert log.getLogLevel() == before
