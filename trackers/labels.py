"""The label of each person, which does not flicker where two classes are about as likely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

UNKNOWN = -1
"""The label of someone without an estimate."""


_LONGEST_STEP_S = 0.5  # that counts between two estimates: what was in between is not known


@dataclass(frozen=True)
class LabelSettings:
    """When the label of a person changes.

    Attributes:
        evidence: By how much others must have been more likely than the label, summed over the
            seconds since it was last the most likely: 0.08 is a lead of 0.4 for 0.2 s, or one of
            0.1 for 0.8 s.
        forget: Seconds after which a person without estimates is dropped.
    """

    evidence: float = 0.08
    forget: float = 30.0

    def __post_init__(self) -> None:
        if not (self.evidence >= 0 and self.forget > 0):
            raise ValueError(f"expected evidence ≥ 0 and forget > 0, got {self}")


@dataclass
class _Held:
    """One person's label, the evidence against it, and the time of the last estimate."""

    label: int
    against: float
    t: float


class LabelHolder:
    """Holds each person's label until there is enough evidence for another.

    The lead of the most likely class over the label is summed up over time, and forgotten when
    the label leads again (a cumulative sum, Page 1954): a clear change is followed at once, one
    between classes that are about as likely is not. The probabilities stay as they are; more
    smoothing would make every change slower.

    Args:
        settings: How much evidence.

    Example:
        >>> import numpy as np
        >>> holder, ids = LabelHolder(LabelSettings(evidence=0.08)), np.array([7])
        >>> steps = [(0.0, 0.6), (0.2, 0.48), (0.4, 0.52), (0.6, 0.35), (0.8, 0.35)]
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
        held = self._people.setdefault(person, _Held(best, 0.0, t))
        step, held.t = min(t - held.t, _LONGEST_STEP_S), t
        held.against += float(probs[best] - probs[held.label]) * step
        if best == held.label:
            held.against = 0.0
        elif held.against >= self.settings.evidence - 1e-6:
            held.label, held.against = best, 0.0
        return held.label
