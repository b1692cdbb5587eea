"""What the dashboard opens: the sources that are allowed, and a browser's own camera."""

from __future__ import annotations

import ipaddress
from typing import Any

import cv2
import numpy as np
import pytest
from support.browser import jpeg
from support.waiting import wait_for

from moodstream.realtime.dashboard.browser_source import BROWSER, FrameSlot
from moodstream.realtime.dashboard.source_policy import AllowedSources
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.sources.capture import Capture, CaptureSettings

# --- sources ---


def addresses(*texts: str) -> Any:
    return lambda host: [ipaddress.ip_address(text) for text in texts]


@pytest.mark.parametrize(
    ("patterns", "source", "stands_for", "allowed"),
    [
        (["rtsp://10.0.0.*/*"], "rtsp://10.0.0.7/stream", "10.0.0.7", True),
        (["rtsp://10.0.0.*/*"], "rtsp://ann:pw@10.0.0.7:554/a?b=c", "10.0.0.7", True),
        (["rtsp://10.0.0.*/*"], "rtsp://10.0.0.evil.example/x", "198.51.100.1", False),
        (["rtsp://10.0.0.*/*"], "rtsp://evil.example/10.0.0.7/x", "198.51.100.1", False),
        (["rtsp://cam-*/live"], "rtsp://cam-1.evil.example/x/live", "198.51.100.1", False),
        (["rtsp://10.0.0.*"], "rtsp://ann:pw@10.0.0.7:554/a?b=c", "10.0.0.7", True),
        (["rtsp://10.0.0.*/*"], "rtsp://10.0.1.7/stream", "10.0.1.7", False),
        (["rtsp://10.0.0.*/*"], "http://10.0.0.7/stream", "10.0.0.7", False),
        (["rtsp://10.0.0.*/*"], "rtsp://10.0.0.7@evil.example/x", "198.51.100.1", False),
        (["http://cam.example/*"], "http://cam.example/../x", "198.51.100.1", False),
        (["*://*/*"], "http://cam.example/x", "198.51.100.1", True),
        (["*://*/*"], "http://cam.example/x", "169.254.169.254", False),
        (["*://*/*"], "http://169.254.169.254/latest", "169.254.169.254", False),
        (["http://169.254.169.254/*"], "http://169.254.169.254/x", "169.254.169.254", False),
        (["*://*/*"], "http://[fe80::1]/x", "fe80::1", False),
        (["*://*/*"], "http://[::ffff:169.254.169.254]/x", "::ffff:169.254.169.254", False),
        (["*://*/*"], "http://meta.example/x", "100.100.100.200", False),
        (["*://*/*"], "http://localhost:80/x", "127.0.0.1", False),
        (["*://*/*"], "http://2130706433/x", "127.0.0.1", False),
        (["*://*/*"], "http://here.example/x", "::1", False),
        (["http://127.0.0.1:8554/*"], "http://127.0.0.1:8554/x", "127.0.0.1", True),
        (["http://127.0.0.1:8554/*"], "http://127.0.0.1:8555/x", "127.0.0.1", False),
        (["http://[::1]:80/*"], "http://[::1]:80/x", "::1", True),
        (["*://*/*"], "http://0.0.0.0/x", "0.0.0.0", False),
        (["*://*/*"], "/etc/passwd", "", False),
        (["*://*/*"], "file:///etc/passwd", "", False),
        (["camera:0"], "camera:0", "", True),
        (["camera:0"], "camera:1", "", False),
        (["camera:0"], "0", "", False),
        ([], "rtsp://10.0.0.7/stream", "10.0.0.7", False),
    ],
)
def test_only_allowed_sources(
    patterns: list[str], source: str, stands_for: str, allowed: bool
) -> None:
    sources = AllowedSources.parse(patterns)
    lookup = addresses(*([stands_for] if stands_for else []))
    if allowed:
        assert sources.spec(source, lookup)
    else:
        with pytest.raises(MoodstreamError) as error:
            sources.spec(source, lookup)
        assert "pw" not in str(error.value)


@pytest.mark.parametrize("pattern", ["0", "camera:", "gopher://x", "rtsp://ann:pw@h/*", "*"])
def test_patterns_that_match_nothing_are_refused(pattern: str) -> None:
    with pytest.raises(MoodstreamError, match="--allow-source"):
        AllowedSources.parse([pattern])


def test_an_address_can_be_typed_only_where_there_is_one_to_type() -> None:
    assert not AllowedSources.parse(["camera:0", "rtsp://h/x"]).typed
    assert AllowedSources.parse(["rtsp://h/*"]).typed
    labels = dict(AllowedSources.parse(["camera:0", "rtsp://h/x"]).choices())
    assert labels == {"camera 0 of the server": "camera:0", "rtsp://h/x": "rtsp://h/x"}


# --- the browser's camera ---


def test_the_newest_picture_wins() -> None:
    slot = FrameSlot()
    capture = Capture(BROWSER, CaptureSettings(silent=0.3), opener=slot.opener())
    slot.put(jpeg(grey=10))
    slot.put(jpeg(grey=200))
    capture.start()
    try:
        first = capture.newest(0, 5.0)
        assert first is not None
        assert first.frame.image.mean() > 150
        assert slot.dropped == 1
        slot.put(jpeg(grey=30))
        second = capture.newest(1, 5.0)
        assert second is not None
        assert second.frame.t > first.frame.t
        wait_for(lambda: capture.state().status == "no signal")
        slot.put(jpeg())
        wait_for(lambda: capture.state().status == "live")
    finally:
        assert capture.stop()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "not a JPEG"),
        (b"\xff\xd8\xff\xe0 nothing", "not a JPEG"),
        (cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes(), "not a JPEG"),
        (jpeg(2000, 8), "more than 1920 px"),
        (bytes(2_000_001), "more than 2 MB"),
    ],
    ids=["nothing", "broken", "png", "wide", "heavy"],
)
def test_other_pictures_are_refused(content: bytes, line: str) -> None:
    slot = FrameSlot()
    with pytest.raises(MoodstreamError, match=line):
        slot.put(content)
    assert slot.take(0.0) is None
