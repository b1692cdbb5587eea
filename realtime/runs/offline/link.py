"""A bounded queue between two threads that can be stopped from outside."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_S = 0.1
_END = object()


class Link(Generic[T]):
    """A bounded queue between two threads that both leave when ``stop`` is set.

    One thread calls ``put`` and finally ``end``; the other iterates.

    Args:
        size: Items that may wait in it.
        stop: Ends the waiting on both sides.
    """

    def __init__(self, size: int, stop: threading.Event) -> None:
        self._queue: queue.Queue[object] = queue.Queue(size)
        self._stop = stop

    def put(self, item: T) -> bool:
        """Wait for room; False where ``stop`` was set instead."""
        return self._put(item)

    def end(self) -> None:
        """Announce that nothing more will come."""
        self._put(_END)

    def _put(self, item: object) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def __iter__(self) -> Iterator[T]:
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if item is _END:
                return
            yield item  # type: ignore[misc]
