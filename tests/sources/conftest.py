"""Captures that are stopped whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.sources import FAST, NETWORK
from support.waiting import SOON

from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import Capture, CaptureSettings


@pytest.fixture
def play() -> Iterator[Callable[..., Capture]]:
    """Start a capture of a script; stopped at the end whatever happens."""
    captures: list[Capture] = []

    def start(script: Any, settings: CaptureSettings = FAST, spec: SourceSpec = NETWORK) -> Capture:
        captures.append(Capture(spec, settings, opener=script))
        captures[-1].start()
        return captures[-1]

    yield start
    for capture in captures:
        assert capture.stop(SOON)
