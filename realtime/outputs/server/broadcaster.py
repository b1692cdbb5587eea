"""Between the stream's threads and its viewers: the newest of everything, and nobody waits."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from moodstream.realtime.arrays import Image
from moodstream.realtime.outputs.jpeg import encode_jpeg

BACKLOG = 100
"""Events that wait for one subscriber at most."""

Wake = Callable[[], object]
"""Called on the stream's thread when there is something new; must not wait."""


class Picture:
    """One overlay picture and its JPEG, which is encoded when it is first asked for.

    Args:
        number: 1, 2, 3, … per source.
        image: The picture, (H, W, 3) uint8 BGR.
    """

    def __init__(self, number: int, image: Image) -> None:
        self.number, self.image = number, image
        self._lock = threading.Lock()
        self._jpeg: bytes | None = None

    def jpeg(self) -> bytes:
        """The picture as JPEG, encoded at the first call only."""
        with self._lock:
            if self._jpeg is None:
                self._jpeg = encode_jpeg(self.image, "stream")
            return self._jpeg


class EventSubscription:
    """The events that one subscriber has not taken yet; beyond ``BACKLOG`` the oldest are lost.

    Args:
        wake: Called with every event.
    """

    def __init__(self, wake: Wake) -> None:
        self.wake = wake
        self._events: deque[tuple[str, str]] = deque(maxlen=BACKLOG)

    def put(self, kind: str, content: str) -> None:
        """Add an event, at the price of the oldest where there is no room."""
        self._events.append((kind, content))
        self.wake()

    def take(self) -> list[tuple[str, str]]:
        """All (kind, JSON text) since the last call, oldest first."""
        return [self._events.popleft() for _ in range(len(self._events))]


class Broadcaster:
    """The newest picture of each source, the newest state, and the events for each subscriber.

    The stream's threads call ``picture``, ``state`` and ``event``, which never wait for viewers;
    these call the rest. A ``wake`` is not called any more once its ``with`` block is left.

    Args:
        sources: The names of the sources, safe to show.

    Example:
        >>> broadcaster = Broadcaster(["camera 0"])
        >>> with broadcaster.subscribe_events(wake=lambda: None) as subscription:
        ...     broadcaster.event("shift", {"from": "sad", "to": "happy"})
        ...     subscription.take()
        [('shift', '{"from": "sad", "to": "happy"}')]
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self.sources = tuple(sources)
        self._lock = threading.Lock()
        self._pictures: list[Picture | None] = [None] * len(self.sources)
        self._viewers: list[list[Wake]] = [[] for _ in self.sources]
        self._subscriptions: list[EventSubscription] = []
        self._state = (0, "")
        self.state({"sources": [{"name": name, "status": "starting"} for name in self.sources]})

    def picture(self, source: int, image: Image) -> None:
        """Take the newest overlay picture (H, W, 3) uint8 BGR, not to be written to afterwards."""
        with self._lock:
            before = self._pictures[source]
            self._pictures[source] = Picture(before.number + 1 if before else 1, image)
            for wake in self._viewers[source]:
                wake()

    def state(self, state: Mapping[str, object]) -> None:
        """Take the newest state: ``sources`` has one entry for each source, in their order.

        Raises:
            ValueError: Something in it is no JSON, such as NaN; None is.
            TypeError: The same, for a value of another type.
        """
        text = json.dumps(state, allow_nan=False)
        with self._lock:
            self._state = (self._state[0] + 1, text)

    def event(self, kind: str, content: Mapping[str, object]) -> None:
        """Take an event for every subscriber.

        Args:
            kind: One word.
            content: What there is to say.

        Raises:
            ValueError: ``kind`` is no word, or something in ``content`` is no JSON, such as NaN.
            TypeError: The same, for a value of another type.
        """
        if not kind.isidentifier():
            raise ValueError(f"expected one word as the kind of an event, got {kind!r}")
        text = json.dumps(content, allow_nan=False)
        with self._lock:
            for subscription in self._subscriptions:
                subscription.put(kind, text)

    def viewers(self, source: int | None = None) -> int:
        """How many view the pictures of one source, or of all together."""
        with self._lock:
            if source is not None:
                return len(self._viewers[source])
            return sum(map(len, self._viewers))

    def newest_picture(self, source: int) -> Picture | None:
        """The newest picture of a source, None before the first."""
        with self._lock:
            return self._pictures[source]

    def newest_state(self) -> tuple[int, str]:
        """A number that grows with every new state, and the state as JSON text."""
        with self._lock:
            return self._state

    @contextmanager
    def subscribe_frames(self, source: int, wake: Wake) -> Iterator[None]:
        """Count as a viewer of a source, and be woken by each new picture of it."""
        with self._lock:
            self._viewers[source].append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._viewers[source].remove(wake)

    @contextmanager
    def subscribe_events(self, wake: Wake) -> Iterator[EventSubscription]:
        """Collect events, and be woken by each."""
        subscription = EventSubscription(wake)
        with self._lock:
            self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.remove(subscription)
