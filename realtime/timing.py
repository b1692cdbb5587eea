"""Wall seconds per stage of the pipeline."""

from __future__ import annotations

import threading
import time


class StageTimer:
    """Adds up wall seconds and calls per named stage, from any thread.

    Attributes:
        seconds: Stage → wall seconds, added up over its calls and threads.
        calls: Stage → number of calls.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}

    def stage(self, name: str) -> _Stage:
        """A context manager that adds the time of its block to the stage ``name``."""
        return _Stage(self, name)

    def add(self, name: str, seconds: float) -> None:
        """Count one call of a stage that took ``seconds``."""
        with self._lock:
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
            self.calls[name] = self.calls.get(name, 0) + 1


class _Stage:
    __slots__ = ("_began", "_name", "_timer")

    def __init__(self, timer: StageTimer, name: str) -> None:
        self._timer, self._name = timer, name

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._timer.add(self._name, time.perf_counter() - self._began)
