"""The label of each person, which does not flicker where two classes are about as likely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

UNKNOWN = -1
"""The label of someone without an estimate."""


@dataclass(frozen=True)
class LabelSettings:
    """When the label of a person changes.

    Attributes:
        margin: By how much another class must be more likely than the label, in [0, 1].
        seconds: For how long.
        forget: Seconds after which a person without estimates is dropped.
    """

    margin: float = 0.10
    seconds: float = 0.6
    forget: float = 30.0

    def __post_init__(self) -> None:
        if not (0 <= self.margin <= 1 and self.seconds >= 0 and self.forget > 0):
            raise ValueError(f"expected a margin in [0, 1], seconds ≥ 0, forget > 0, got {self}")


@dataclass
class _Held:
    """One person's label, since when another class has led by the margin, and the last time."""

    label: int
    behind_since: float | None
    t: float


class LabelHolder:
    """Holds each person's label until other classes have led it by a margin for some time.

    The probabilities stay as they are. That is hysteresis, where more smoothing would make every
    change slower.

    Args:
        settings: Margin and time.

    Example:
        >>> import numpy as np
        >>> holder, ids = LabelHolder(LabelSettings(margin=0.1, seconds=0.5)), np.array([7])
        >>> steps = [(0.0, 0.6), (0.2, 0.48), (0.4, 0.2), (0.6, 0.2), (1.0, 0.2)]
        >>> [holder.update(t, ids, np.array([[p, 1 - p]], np.float32)).item() for t, p in steps]
        [0, 0, 0, 0, 1]
    """

    def __init__(self, settings: LabelSettings | None = None) -> None:
        self.settings = settings or LabelSettings()
        self._people: dict[int, _Held] = {}

    def update(self, t: float, ids: I64, probs: F32) -> I64:
        """The labels of people whose estimates are these now.

        Args:
            t: Seconds of media time, not before those of earlier calls.
            ids: Of the people, (N,).
            probs: Their estimates (N, K), rows of NaN for those without one.

        Returns:
            (N,) index of the class, UNKNOWN for those without an estimate.
        """
        labels = np.full(len(ids), UNKNOWN, np.int64)
        for row, person in enumerate(ids.tolist()):
            if not np.isnan(probs[row]).any():
                labels[row] = self._label(person, t, probs[row])
        gone = [p for p, held in self._people.items() if t - held.t > self.settings.forget]
        for person in gone:
            del self._people[person]
        return labels

    def _label(self, person: int, t: float, probs: F32) -> int:
        best = int(probs.argmax())
        held = self._people.setdefault(person, _Held(best, None, t))
        held.t = t
        if probs[best] - probs[held.label] < self.settings.margin or best == held.label:
            held.behind_since = None
        elif held.behind_since is None:
            held.behind_since = t
        if held.behind_since is not None and t - held.behind_since >= self.settings.seconds - 1e-6:
            held.label, held.behind_since = best, None
        return held.label
