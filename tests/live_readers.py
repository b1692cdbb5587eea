"""Live sources opened and read as the tests of them do."""

from __future__ import annotations

import time

from moodstream.realtime.live_sources import (
    Control,
    OpenSettings,
    open_reader,
    parse_source,
)

QUICK = OpenSettings(open_timeout=1.0, read_timeout=1.0)
PATIENT = OpenSettings(open_timeout=60.0, read_timeout=60.0)
SOON = 10.0  # seconds within which something short must have happened on a busy machine


def opened(text, settings=QUICK, control=None):
    return open_reader(parse_source(str(text)), settings, control or Control())


def read(reader, n):
    got = [reader.read() for _ in range(n)]
    reader.close()
    return [image for image, _ in got], [t for _, t in got]


def read_on(reader, at=None):
    """Read until it raises; ``at`` takes the time of each picture."""
    while True:
        reader.read()
        if at is not None:
            at.append(time.monotonic())
