"""What to do with little time: when to look for faces, and whose mood to read again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F64

_SPARE = 1.25
_HEAD_START = 1.0  # s of age that someone never read has from the start


@dataclass(frozen=True)
class ScheduleSettings:
    """refresh: seconds after which every visible face should have been read again; quickest: a
    face that changes is read no sooner than this; looks: fastest and slowest seconds between two
    looks for faces; share: of the time, how much looking and reading together may take (the rest
    is for decoding and drawing).
    """

    refresh: float = 1 / 3
    quickest: float = 0.1
    looks: tuple[float, float] = (0.1, 0.5)
    share: float = 0.75

    def __post_init__(self) -> None:
        if not 0 < self.quickest <= self.refresh:
            raise ValueError(f"expected 0 < quickest ≤ refresh, got {self}")
        if not 0 < self.looks[0] <= self.looks[1] or not 0 < self.share <= 1:
            raise ValueError(f"expected looks to grow from above 0 and share in (0, 1], got {self}")


@dataclass(frozen=True)
class Costs:
    """Seconds that a look at one picture and the reading of one face take on this machine now."""

    look: float
    read: float


@dataclass(frozen=True)
class FaceUrgency:
    """What is known of N visible faces.

    age: (N,) seconds since each was read; waited: (N,) seconds in view for those never read, NaN
    for the others, whose ``age`` counts; movement: (N,) face widths since then; change: (N,) JSD
    in nats between its last two readings; doubt: (N,) entropy of its estimate as a share of ln K;
    quality: (N,) in [0, 1].
    """

    age: F64
    waited: F64
    movement: F64
    change: F64
    doubt: F64
    quality: F64

    def __post_init__(self) -> None:
        n = len(self.age)
        for name in ("waited", "movement", "change", "doubt", "quality"):
            if getattr(self, name).shape != (n,):
                got = getattr(self, name).shape
                raise ValueError(f"expected {name} of shape ({n},), got {got}")

    def __len__(self) -> int:
        return len(self.age)

    @classmethod
    def together(cls, parts: list[FaceUrgency]) -> FaceUrgency:
        """The faces of several streams as one list."""
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def intervals(needs: FaceUrgency, settings: ScheduleSettings) -> F64:
    """Seconds (N,) after which each face is worth reading again.

    A still face keeps to ``refresh``; one that moves (half its width), changes (0.1 nats) or is
    in doubt comes down to ``quickest``, the less so the worse it can be seen.
    """
    moves = np.clip(needs.movement / 0.5, 0, 1)
    changes = np.clip(needs.change / 0.1, 0, 1)
    # a face in doubt that shows the same again and again is not worth more readings
    activity = np.maximum(moves, changes) * (0.5 + 0.5 * np.clip(needs.doubt, 0, 1))
    activity *= np.clip(needs.quality, 0, 1)
    return np.asarray(settings.refresh - (settings.refresh - settings.quickest) * activity)


def select_faces(
    needs: FaceUrgency, most: int, step: float, settings: ScheduleSettings
) -> npt.NDArray[np.intp]:
    """The faces to read now, most urgent first, at most ``most`` of them.

    ``step`` is the time in seconds until the next chance. First come those who would otherwise
    grow older than ``refresh``, the oldest first, and those never read as if they were a second
    older than they have waited; then faces that change. So with too little time for all, every
    face has its turn.
    """
    new = ~np.isnan(needs.waited)
    age = np.where(new, np.nan_to_num(needs.waited) + _HEAD_START, needs.age)
    every = intervals(needs, settings)
    overdue = age + step > settings.refresh + 1e-9
    lively = ~overdue & (age + step / 2 > every + 1e-9)
    first = np.flatnonzero(overdue)
    then = np.flatnonzero(lively)
    order = np.concatenate(
        [
            first[np.argsort(-age[first], kind="stable")],
            then[np.argsort(-(age / every)[then], kind="stable")],
        ]
    )
    chosen: npt.NDArray[np.intp] = order[: max(0, most)]
    return chosen


def detection_interval(
    costs: Costs, faces: int, pictures: int, settings: ScheduleSettings
) -> float:
    """Seconds between two looks of ``pictures`` streams with ``faces`` people in all.

    Reading everyone once per ``refresh``, and a quarter more for those who change, comes first,
    for up to two thirds of the time there is; the rest is for looks.
    """
    reading = min(_SPARE * faces * costs.read / settings.refresh, settings.share * 2 / 3)
    fastest, slowest = settings.looks
    return min(max(pictures * costs.look / (settings.share - reading), fastest), slowest)


def stride(interval: float, fps: float) -> int:
    """Every how many frames a look is due at ``fps`` frames per second: at least 1."""
    return max(1, math.floor(interval * fps + 0.5))


class TimeBudget:
    """The time there is for reading faces: it comes in steadily and is spent in batches."""

    def __init__(self, most: float = 0.25) -> None:
        self._most, self._seconds = most, 0.0

    def earn(
        self,
        seconds: float,
        costs: Costs,
        interval: float,
        pictures: int,
        settings: ScheduleSettings,
    ) -> int:
        """``seconds`` have passed; returns how many faces may be read now, at least one.

        Looks at ``pictures`` streams every ``interval`` seconds have their share of the time
        already. One face is read in any case, so that nobody starves.
        """
        share = settings.share - pictures * costs.look / interval
        self._seconds = min(self._seconds + max(share, 0.0) * seconds, self._most)
        return max(1, int(self._seconds / costs.read + 1e-9))

    def spend(self, faces: int, costs: Costs) -> None:
        """So many faces were read."""
        self._seconds = max(0.0, self._seconds - faces * costs.read)


class CostEstimate:
    """Follows the seconds one item of a kind of work takes, over about the last twenty."""

    def __init__(self, first: float) -> None:
        self.value = first
        self._measured = False

    def add(self, seconds: float, items: int) -> None:
        """``items`` pieces of work took ``seconds`` together."""
        if items < 1:
            return
        each = max(seconds / items, 1e-6)  # a coarse clock may say 0
        if not self._measured:
            self.value, self._measured = each, True
            return
        # one stall of a busy machine says little about the next call
        each = min(each, 4 * self.value)
        self.value += 0.15 * (each - self.value)
