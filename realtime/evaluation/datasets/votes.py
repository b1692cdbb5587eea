"""What several raters saw in each face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.synonyms import VOTED, answer_index

_MOODS = len(EMOTIONS)
_CONTEMPT, _UNKNOWN, _NOT_A_FACE = (VOTED.index(n) for n in ("contempt", "unknown", "not_a_face"))


@dataclass(frozen=True)
class Votes:
    """The answers of any number of raters to each of N faces.

    Attributes:
        answers: (N, 10) how many raters gave each answer of VOTED.
    """

    answers: I64

    def __post_init__(self) -> None:
        if self.answers.ndim != 2 or self.answers.shape[1] != len(VOTED):
            raise ValueError(f"expected votes (N, {len(VOTED)}), got {self.answers.shape}")

    def __len__(self) -> int:
        return len(self.answers)

    def take(self, rows: npt.NDArray[Any]) -> Votes:
        """The votes for some of the faces."""
        return Votes(self.answers[rows])

    def check_rows(self, n: int) -> None:
        """Raise ValueError unless there are ``n`` rows."""
        if len(self) != n:
            raise ValueError(f"expected votes for each of its {n} pictures, got {len(self)} rows")

    @property
    def counts(self) -> I64:
        """(N, 7) how many raters named each of EMOTIONS."""
        return self.answers[:, :_MOODS]

    @property
    def raters(self) -> I64:
        """(N,) how many there were, whatever they answered."""
        return np.asarray(self.answers.sum(axis=1), np.int64)

    @property
    def shares(self) -> F64:
        """(N, 7) of those who named one of EMOTIONS: contempt is dropped, the rest renormalised.

        Rows of which nobody named one are NaN.
        """
        total = self.counts.sum(axis=1, keepdims=True).astype(np.float64)
        return np.asarray(self.counts / np.where(total > 0, total, np.nan))

    @property
    def majority(self) -> I64:
        """(N,) the emotion that most raters named, index into EMOTIONS; the first of a tie."""
        return np.asarray(self.counts.argmax(axis=1), np.int64)

    @property
    def named_most(self) -> npt.NDArray[np.bool_]:
        """(N, 7) which emotions no other was named more often than: several where they tie."""
        return np.asarray(self.counts == self.counts.max(axis=1, keepdims=True))

    @property
    def clear(self) -> npt.NDArray[np.bool_]:
        """(N,) where more than half of all raters named the same emotion."""
        return np.asarray(2 * self.counts.max(axis=1) > self.raters)

    def unusable(self) -> list[str]:
        """Why the votes for each face cannot be used, ``""`` where they can.

        As in FER+ (Barsoum et al. 2016) for ten raters: at least half of them have to have named
        a mood, contempt included, and fewer than half said that it is no face.
        """
        raters, moods = self.raters, self.answers[:, : _CONTEMPT + 1].sum(axis=1)
        reasons = np.full(len(self), "", object)
        reasons[self.counts.sum(axis=1) == 0] = "no rater named one of the seven emotions"
        reasons[2 * moods < raters] = "fewer than half of the raters named an emotion"
        reasons[2 * self.answers[:, _NOT_A_FACE] >= raters] = "half of the raters saw no face"
        reasons[raters == 0] = "no rater"
        return [str(reason) for reason in reasons]


def named_votes(counts: npt.NDArray[Any], names: Sequence[str]) -> tuple[Votes, list[str]]:
    """Votes from the columns of a table.

    Args:
        counts: (N, C) how many raters gave each answer, whole and not negative.
        names: Of the C columns, in any case and with usual synonyms.

    Returns:
        The votes, and notes for the user: answers that are none of VOTED count as ``unknown``.

    Raises:
        ValueError: The counts are none, or no name is one of EMOTIONS.
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.shape[1] != len(names):
        raise ValueError(f"expected {len(names)} counts for each face, got {counts.shape}")
    whole = counts.dtype.kind in "iu" or (
        counts.dtype.kind == "f" and bool((counts == np.floor(counts)).all())
    )
    if not whole:
        raise ValueError("expected counts of raters, whole numbers")
    if (counts < 0).any():
        raise ValueError(f"expected counts of raters, got {counts.min():g}")
    answers, odd = np.zeros((len(counts), len(VOTED)), np.int64), []
    places = []
    for column, name in enumerate(names):
        try:
            place = answer_index(name)
        except ValueError:
            place = _UNKNOWN
            odd.append(name)
        places.append(place)
        answers[:, place] += counts[:, column].astype(np.int64)
    if not any(place < _MOODS for place in places):
        raise ValueError(f"none of its columns is an emotion: {', '.join(names) or 'none'}")
    notes = [f"votes for {', '.join(odd)} count as unknown"] if odd else []
    return Votes(answers), notes
