"""A broadcaster of two sources, and a server of it on a free port."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from moodstream.realtime.outputs.server.broadcaster import Broadcaster
from moodstream.realtime.outputs.server.server import Server


@pytest.fixture
def broadcaster() -> Broadcaster:
    return Broadcaster(["hall", "rtsp://***@door/"])


@pytest.fixture
def server(broadcaster: Broadcaster) -> Iterator[Server]:
    before = set(threading.enumerate())
    server = Server(broadcaster, "127.0.0.1", 0)
    server.start()
    yield server
    assert server.stop()
    assert server.error is None
    assert set(threading.enumerate()) <= before
