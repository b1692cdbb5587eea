"""moodstream as its users run it: in a process of its own."""

from __future__ import annotations

import csv
import itertools
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.recording.store import STORE
from moodstream.realtime.outputs.recording.store_reader import StoreReader
from moodstream.realtime.outputs.schemas import TimelineRow
from support.waiting import wait_for

T = TypeVar("T")

COMMAND = [sys.executable, "-m", "moodstream.realtime.cli"]
LIVE = [*COMMAND, "live"]


def _ports() -> Iterator[int]:
    """Ports of this worker alone, below those that systems give to whoever asks for any."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    mine = range(20_000 + 500 * (worker % 20), 20_500 + 500 * (worker % 20))
    begin = os.getpid() % len(mine)  # another run on this machine begins elsewhere
    yield from itertools.cycle([*mine[begin:], *mine[:begin]])


_NEXT_PORT = _ports()


def free_port() -> int:
    """A port that nobody has, and nobody gets before it is used."""
    for port in _NEXT_PORT:
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port
    raise AssertionError("ports never end")


def until(condition: Callable[[], T], seconds: float = 60.0) -> T:
    """Wait for something of another process; what is not there yet is an error of its own."""
    return wait_for(condition, seconds, ignoring=(OSError, MoodstreamError))


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """`moodstream live` with the embedded networks, killed in the end if it still runs."""
    command = [*LIVE, *map(str, arguments), "--models", "embedded"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def rows_of(folder: Path) -> list[TimelineRow]:
    """The timeline of a recording's first source."""
    with StoreReader(folder / STORE) as store:
        return list(store.timeline(0))


def whole_state_at(port: int) -> dict[str, Any]:
    """What a live run serves as /state."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/state", timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def state_at(port: int) -> dict[str, Any]:
    """Of the first source alone."""
    first: dict[str, Any] = whole_state_at(port)["sources"][0]
    return first


def loaded_by(*arguments: str) -> set[str]:
    """The modules that the command has loaded when it is done."""
    code = (
        "import sys; from moodstream.realtime import cli\n"
        f"try: cli.main({list(arguments)!r})\nexcept SystemExit: pass\n"
        "print('LOADED', *sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.rsplit("LOADED", 1)[1].split())


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a table of results."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
