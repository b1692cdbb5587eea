"""A sequence of distributions cut into stretches in which it stays much the same, step by step."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from moodstream.realtime import maths
from moodstream.realtime.arrays import F64

_TOLERANCE_S = 1e-6
_ALIKE = 0.5  # cosine of the angle between two changes of one direction


@dataclass(frozen=True)
class Step:
    """A short span of the sequence.

    Attributes:
        t: When it begins, in seconds.
        seconds: It stands for.
        mean: Distribution (K,) in it.
        penalty: Of a boundary before it, in seconds.
    """

    t: float
    seconds: float
    mean: F64
    penalty: float


@dataclass(frozen=True)
class Boundary:
    """Where one stretch ends and the next begins.

    Attributes:
        t: Seconds at which the next stretch begins.
        evidence: By how many penalties the two stretches explain the sequence better than one
            stretch in their place.
        size: JSD in nats of the means on either side.
        before: Mean (K,) before it.
        after: Mean (K,) after it.
    """

    t: float
    evidence: float
    size: float
    before: F64
    after: F64

    def is_one_with(self, other: Boundary, within_s: float) -> bool:
        """Whether two are parts of one change: near in time and in much the same direction."""
        a, b = self.after - self.before, other.after - other.before
        alike = a @ b > _ALIKE * np.sqrt((a @ a) * (b @ b))
        return bool(alike) and abs(self.t - other.t) < within_s


class Segmentation:
    """The best division into stretches of the steps so far, by optimal partitioning.

    It minimises Σ seconds · (1 - Σ mean²) over the stretches, the squared distances of the steps
    from the mean of their stretch but for a constant (the mean's Gini impurity), plus a penalty for
    each boundary, by the recursion of Jackson et al. (2005): the best division up to a step is the
    best one up to an earlier step and one more stretch. So a new step costs one pass over the steps
    kept. Squares rather than entropy, which makes much of moods that are rare: on made rooms it
    found more and had fewer false alarms (``benchmarks/shifts.py``).

    Args:
        classes: K.
        shortest_s: Seconds of a stretch at least.
        around_s: Seconds on either side of a boundary that its means are taken over at most.
        fade_s: Seconds that one change may take.
        kept: Steps that are kept; what is older is settled.
    """

    def __init__(
        self, classes: int, shortest_s: float, around_s: float, fade_s: float, kept: int
    ) -> None:
        self.shortest_s, self.around_s, self.fade_s = shortest_s, around_s, fade_s
        self._steps: deque[Step] = deque(maxlen=kept)
        most = kept + max(1, kept // 4) + 1  # so that not every step starts all over again
        self._seconds, self._cost = np.zeros(most), np.full(most, np.inf)
        self._sums = np.zeros((most, classes))
        self._last = np.zeros(most, np.intp)
        self._taken: list[Step] = []
        self._cost[0] = 0.0

    def add(self, step: Step) -> None:
        """Take the next step."""
        self._steps.append(step)
        if len(self._taken) + 1 < len(self._cost):
            self._take(step)
            return
        self._taken.clear()
        for kept in self._steps:
            self._take(kept)

    def boundaries(self, smallest: float) -> list[Boundary]:
        """Those of the best division, without any of a size below ``smallest`` nats.

        Two that are less than ``fade_s`` apart and in the same direction are one.
        """
        cuts = self._best()
        while len(cuts) > 2:
            found = [self._boundary(*cuts[k : k + 3]) for k in range(len(cuts) - 2)]
            least = min(range(len(found)), key=lambda k: found[k].size)
            if found[least].size < smallest:
                del cuts[least + 1]  # its neighbours may be larger without it
                continue
            fading = [
                k for k, (a, b) in enumerate(pairwise(found)) if a.is_one_with(b, self.fade_s)
            ]
            if not fading:
                return found
            k = fading[0]
            cuts[k + 1 : k + 3] = [self._best_cut(*cuts[k : k + 4])]
        return []

    def _best_cut(self, start: int, first: int, last: int, end: int) -> int:
        """The one cut from ``first`` to ``last`` that divides a stretch best."""
        cuts = range(first, last + 1)
        return min(cuts, key=lambda cut: self._impurity(start, cut) + self._impurity(cut, end))

    def _take(self, step: Step) -> None:
        self._taken.append(step)
        n = len(self._taken)
        self._seconds[n] = self._seconds[n - 1] + step.seconds
        self._sums[n] = self._sums[n - 1] + step.seconds * step.mean
        self._cost[n] = np.inf
        length = self._seconds[n] - self._seconds[:n]
        enough = int((length >= self.shortest_s - _TOLERANCE_S).sum())  # lengths only fall
        if enough == 0:
            return
        spans = length[:enough]
        means = (self._sums[n] - self._sums[:enough]) / spans[:, None]
        costs = self._cost[:enough] + spans * (1 - (means * means).sum(axis=1))
        costs[1:] += [each.penalty for each in self._taken[1:enough]]
        self._last[n] = costs.argmin()
        self._cost[n] = costs[self._last[n]]

    def _best(self) -> list[int]:
        cuts = [len(self._taken)]
        if not np.isfinite(self._cost[cuts[0]]):
            return []
        while cuts[-1] > 0:
            cuts.append(int(self._last[cuts[-1]]))
        return cuts[::-1]

    def _boundary(self, start: int, cut: int, end: int) -> Boundary:
        seconds, around = self._seconds[start : end + 1], self.around_s + _TOLERANCE_S
        near = start + int(np.searchsorted(seconds, self._seconds[cut] - around))
        far = start + int(np.searchsorted(seconds, self._seconds[cut] + around, side="right")) - 1
        before, after = self._mean(near, cut), self._mean(cut, far)
        parts = sum(self._impurity(a, b) for a, b in pairwise((start, cut, end)))
        step = self._taken[cut]
        evidence = (self._impurity(start, end) - parts) / step.penalty
        return Boundary(step.t, evidence, maths.jsd(before, after), before, after)

    def _mean(self, start: int, end: int) -> F64:
        seconds = self._seconds[end] - self._seconds[start]
        mean: F64 = (self._sums[end] - self._sums[start]) / seconds
        return mean

    def _impurity(self, start: int, end: int) -> float:
        """Seconds times the Gini impurity of the mean of a stretch."""
        seconds, mean = float(self._seconds[end] - self._seconds[start]), self._mean(start, end)
        return seconds * (1 - float(mean @ mean))
