"""Memory that ended runs have left is given back to the system."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import pytest

from moodstream.realtime.dashboard import memory

_GROWTH = """
import threading
from pathlib import Path
from moodstream.realtime.dashboard import memory
memory.limit_arenas()
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
def work(kept, dropped):
    for _ in range(300):
        dropped.append(bytearray(100_000))
        kept.append(bytearray(2_000))  # a hole would stay above each of these
for _ in range(3):
    kept, dropped = [], []
    threads = [threading.Thread(target=work, args=(kept, dropped)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    full = resident()
    dropped.clear()
    memory.release_free_memory()
print(full - resident())
"""


class Run:
    """Something that refers to itself, as a run's callbacks do."""

    def __init__(self) -> None:
        self.me = self


def test_what_refers_to_itself_is_freed() -> None:
    gc.disable()
    try:
        gone = weakref.ref(Run())
        assert gone() is not None
        memory.release_free_memory()
        assert gone() is None
    finally:
        gc.enable()


def test_what_is_frozen_is_not_looked_through() -> None:
    try:
        memory.freeze_gc()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_pages_of_dropped_pictures_go_back_to_the_system() -> None:
    """Of the 120 MB of four threads nearly all; a process of its own, since it tunes malloc."""
    command = [sys.executable, "-c", _GROWTH]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 100e6
