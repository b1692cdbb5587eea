"""Figures about the stream itself: rates and delays over the last seconds."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np

WINDOW_S = 3.0
"""Seconds that every figure covers."""

_MIN_SPAN_S = 0.5  # so that the first few events do not look like a burst


class EventRate:
    """Events per second over the last ``WINDOW_S`` seconds; may be used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: deque[float] = deque()
        self._since: float | None = None

    def add(self, now: float) -> None:
        """One more event at ``now`` seconds."""
        with self._lock:
            if self._since is None:
                self._since = now
            self._times.append(now)
            while self._times[0] < now - WINDOW_S:
                self._times.popleft()

    def per_second(self, now: float) -> float:
        """The rate at ``now``; 0 where there has been none."""
        with self._lock:
            if self._since is None:
                return 0.0
            recent = sum(t > now - WINDOW_S for t in self._times)
            # the first event opens the stretch and is not part of it
            early = now - self._since < WINDOW_S
            return (recent - early) / min(max(now - self._since, _MIN_SPAN_S), WINDOW_S)


class LatencyPercentiles:
    """Percentiles of the last delays, in ms; may be used by several threads.

    Args:
        max_delays: How many are kept at most.
    """

    def __init__(self, max_delays: int = 256) -> None:
        self._lock = threading.Lock()
        self._values: deque[tuple[float, float]] = deque(maxlen=max_delays)

    def add(self, now: float, seconds: float) -> None:
        """A delay of ``seconds``, measured at ``now``."""
        with self._lock:
            self._values.append((now, seconds))

    def percentiles(self, now: float, *points: float) -> tuple[float | None, ...]:
        """The percentiles ``points`` (0 to 100) over the window in ms, None where none is known."""
        with self._lock:
            recent = [s for t, s in self._values if t > now - WINDOW_S]
        if not recent:
            return tuple(None for _ in points)
        return tuple(round(1000 * float(p), 1) for p in np.percentile(recent, points))


class PredictionRate:
    """Predictions per visible face and second over the last ``WINDOW_S`` seconds."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, float, int, int]] = deque()
        self._last: float | None = None

    def add(self, t: float, visible: int, classified: int) -> None:
        """At ``t`` seconds there were ``visible`` faces, ``classified`` of them were classified."""
        step = 0.0 if self._last is None else t - self._last
        self._last = t
        self._steps.append((t, step, visible, classified))
        while self._steps[0][0] < t - WINDOW_S:
            self._steps.popleft()

    def per_face(self) -> float | None:
        """Predictions per visible face and second, None where nobody has been visible."""
        steps = list(self._steps)
        seconds = sum(step * visible for _, step, visible, _ in steps)
        return sum(count for *_, count in steps) / seconds if seconds > 0 else None
