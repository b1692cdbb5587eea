"""Labelled pictures that are listed but not read yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import I64, Image
from moodstream.realtime.evaluation.datasets.votes import Votes

Words = npt.NDArray[np.str_]
Attributes = Mapping[str, Words]
"""Of N pictures: the name of each attribute, and its values (N,)."""


@dataclass(frozen=True)
class Listing:
    """What a labelled data set of N pictures holds.

    Attributes:
        names: Of the pictures.
        labels: (N,) index into EMOTIONS; what most raters named, where there are votes.
        read: ``read(i, max_side)`` returns picture i, its longer side at most ``max_side`` px, or
            raises UnreadableImageError.
        source: The data set and its split.
        skipped: What was left out, as (what, why).
        notes: What was chosen for the user.
        votes: What the raters of each picture answered, None where it is not known.
        own_labels: (N,) the data's own labels beside votes, -1 where one is none of EMOTIONS; None
            where there are none.
        attributes: What else is known of the pictures, by its name.
    """

    names: list[str]
    labels: I64
    read: Callable[[int, int | None], Image]
    source: str
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    votes: Votes | None = None
    own_labels: I64 | None = None
    attributes: Attributes = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[Any]) -> Listing:
        """The pictures of some rows (M,), in their order."""
        return replace(
            self,
            names=[self.names[i] for i in rows],
            labels=self.labels[rows],
            read=lambda i, max_side: self.read(int(rows[i]), max_side),
            votes=None if self.votes is None else self.votes.take(rows),
            own_labels=None if self.own_labels is None else self.own_labels[rows],
            attributes={name: column[rows] for name, column in self.attributes.items()},
        )

    def sample(self, n: int, seed: int = 42) -> Listing:
        """``n`` of them drawn at random, in their old order; all where there are no more."""
        if n >= len(self):
            return self
        picked = np.sort(np.random.default_rng(seed).choice(len(self), n, replace=False))
        note = f"a random {n} of {len(self)} pictures (seed {seed})"
        return replace(self.take(picked), notes=[*self.notes, note])


@dataclass(frozen=True)
class Truth:
    """Which truth about the faces is asked for.

    Attributes:
        kind: ``votes``, ``labels``, or ``none`` for all pictures, with labels of -1; None for votes
            where there are some, or else labels.
        votes: Given beside the data, row for row; None where they were not.
    """

    kind: str | None = None
    votes: Votes | None = None

    @property
    def takes_votes(self) -> bool:
        """Whether votes are the truth, where there are some."""
        return self.kind in (None, "votes")

    def judged(
        self, listing: Listing, votes: Votes | None, no_labels: Sequence[tuple[str, str]] = ()
    ) -> Listing:
        """The pictures of which the truth is known, with it.

        Args:
            listing: All pictures, with ``labels`` of -1 where there is none.
            votes: For each of them, wherever they are from.
            no_labels: Which labels are none, and why, where that is not among ``skipped``.

        Raises:
            ValueError: There is no truth of that kind.
        """
        if self.kind == "none":
            return replace(listing, labels=np.full(len(listing), -1, np.int64))
        if votes is not None and self.kind != "labels":
            return _by_votes(listing, votes)
        if self.kind == "votes":
            raise ValueError("holds no votes, so no --truth votes")
        known = listing.take(np.flatnonzero(listing.labels >= 0))
        return replace(known, skipped=[*listing.skipped, *no_labels])


def _by_votes(listing: Listing, votes: Votes) -> Listing:
    """The pictures whose raters named an emotion, each labelled as most of them did."""
    reasons = votes.unusable()
    kept = np.flatnonzero([not reason for reason in reasons])
    lost = [(n, r) for n, r in zip(listing.names, reasons, strict=True) if r]
    notes = list(listing.notes)
    if len(kept):
        fewest, most = votes.raters[kept].min(), votes.raters[kept].max()
        people = f"{fewest} to {most} raters" if fewest != most else f"{most} raters"
        people = "rater" if most == 1 else people
        notes.append(f"what is true of a face is what its {people} named, without contempt")
    known = listing.labels if (listing.labels >= 0).any() else None
    whole = replace(
        listing,
        labels=votes.majority,
        votes=votes,
        own_labels=known,
        notes=notes,
        skipped=[*listing.skipped, *lost],
    )
    return whole.take(kept)


def counted(n: int) -> str:
    """``1 picture``, ``2 pictures``."""
    return f"{n} picture" if n == 1 else f"{n} pictures"
