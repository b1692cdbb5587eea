"""Labelled pictures that are listed but not read yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from moodstream.realtime.arrays import I64, Image


@dataclass(frozen=True)
class Listing:
    """What a labelled data set of N pictures holds.

    Attributes:
        names: Of the pictures.
        labels: (N,) index into EMOTIONS.
        read: ``read(i, max_side)`` returns picture i, its longer side at most ``max_side`` px, or
            raises UnreadableImageError.
        source: The data set and its split.
        skipped: What was left out, as (what, why).
        notes: What was chosen for the user.
    """

    names: list[str]
    labels: I64
    read: Callable[[int, int | None], Image]
    source: str
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)

    def sample(self, n: int, seed: int = 42) -> Listing:
        """``n`` of them drawn at random, in their old order; all where there are no more."""
        if n >= len(self):
            return self
        picked = np.sort(np.random.default_rng(seed).choice(len(self), n, replace=False))
        return replace(
            self,
            names=[self.names[i] for i in picked],
            labels=self.labels[picked],
            read=lambda i, max_side: self.read(int(picked[i]), max_side),
            notes=[*self.notes, f"a random {n} of {len(self)} pictures (seed {seed})"],
        )


def counted(n: int) -> str:
    """``1 picture``, ``2 pictures``."""
    return f"{n} picture" if n == 1 else f"{n} pictures"
