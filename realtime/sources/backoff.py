"""How long to wait before the next attempt."""

from __future__ import annotations

import random


class Backoff:
    """Waiting times that double from ``first`` to a maximum, each up to 20 % shorter at random."""

    def __init__(self, first: float) -> None:
        self._first = self._wait = first

    def next(self, longest: float) -> float:
        """Seconds to wait before the next attempt, at most ``longest``."""
        wait = min(self._wait, longest)
        self._wait = 2 * wait
        return wait * random.uniform(0.8, 1.0)

    def reset(self) -> None:
        """Start again from the first wait."""
        self._wait = self._first
