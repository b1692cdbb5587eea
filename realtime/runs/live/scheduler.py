"""Where to spend little time: when to detect faces, and which of them to classify again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F64

_SPARE = 1.25  # predictions for those who change, besides one a face and ``refresh``
_NEW_FACE_AGE_S = 1.0  # age that a face which was never classified has from the start
_LARGE_MOVEMENT = 0.5  # of a face's width
_LARGE_CHANGE = 0.1  # nats
_EPS = 1e-9


@dataclass(frozen=True)
class ScheduleSettings:
    """How often faces are detected and classified, where the machine is fast enough.

    Attributes:
        refresh: Seconds after which every visible face should have been classified again.
        quickest: Seconds before which not even a face that changes is classified again.
        detection_intervals: Shortest and longest seconds between two detection passes.
        share: Of the time, how much detection and classification together may take, in (0, 1];
            the rest is for decoding and drawing.
    """

    refresh: float = 1 / 3
    quickest: float = 0.1
    detection_intervals: tuple[float, float] = (0.1, 0.5)
    share: float = 0.75

    def __post_init__(self) -> None:
        if not 0 < self.quickest <= self.refresh:
            raise ValueError(f"expected 0 < quickest ≤ refresh, got {self}")
        shortest, longest = self.detection_intervals
        if not 0 < shortest <= longest:
            raise ValueError(f"expected detection_intervals to grow from above 0, got {self}")
        if not 0 < self.share <= 1:
            raise ValueError(f"expected share in (0, 1], got {self}")


@dataclass(frozen=True)
class Costs:
    """What the networks take on this machine now.

    Attributes:
        detection: Seconds of a detection pass over one frame.
        prediction: Seconds of the prediction of one face.
    """

    detection: float
    prediction: float


@dataclass(frozen=True)
class FaceUrgency:
    """What is known of N visible faces.

    Attributes:
        age: (N,) seconds since each was classified.
        waited: (N,) seconds in view for those never classified, NaN for the others, whose
            ``age`` counts.
        movement: (N,) face widths since then.
        change: (N,) JSD in nats between its last two predictions.
        uncertainty: (N,) entropy of its estimate as a share of ln K.
        quality: (N,) in [0, 1].
    """

    age: F64
    waited: F64
    movement: F64
    change: F64
    uncertainty: F64
    quality: F64

    def __post_init__(self) -> None:
        n = len(self.age)
        for name in ("waited", "movement", "change", "uncertainty", "quality"):
            if getattr(self, name).shape != (n,):
                got = getattr(self, name).shape
                raise ValueError(f"expected {name} of shape ({n},), got {got}")

    def __len__(self) -> int:
        return len(self.age)

    @classmethod
    def join(cls, streams: list[FaceUrgency]) -> FaceUrgency:
        """The faces of several streams as one list."""
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(s, n) for s in streams]) for n in names))


def intervals(urgency: FaceUrgency, settings: ScheduleSettings) -> F64:
    """Seconds (N,) after which it pays to classify each face again.

    A still face keeps to ``refresh``; one that moves (half its width), changes (0.1 nats) or is
    uncertain comes down to ``quickest``, the less so the worse it can be seen.
    """
    moves = np.clip(urgency.movement / _LARGE_MOVEMENT, 0, 1)
    changes = np.clip(urgency.change / _LARGE_CHANGE, 0, 1)
    # an uncertain face that shows the same again and again gains nothing from more predictions
    activity = np.maximum(moves, changes) * (0.5 + 0.5 * np.clip(urgency.uncertainty, 0, 1))
    activity *= np.clip(urgency.quality, 0, 1)
    return np.asarray(settings.refresh - (settings.refresh - settings.quickest) * activity)


def select_faces(
    urgency: FaceUrgency, limit: int, step_s: float, settings: ScheduleSettings
) -> npt.NDArray[np.intp]:
    """Choose the faces to classify now, most urgent first.

    First come those who would otherwise grow older than ``refresh``, the oldest first, and those
    never classified as if they were a second older than they have waited; then faces that
    change. So with too little time for all, every face has its turn.

    Args:
        urgency: What is known of the N faces.
        limit: How many to choose at most.
        step_s: Seconds until the next chance.
        settings: How often faces should be classified.

    Returns:
        Their rows, at most ``limit``.
    """
    is_new = ~np.isnan(urgency.waited)
    age = np.where(is_new, np.nan_to_num(urgency.waited) + _NEW_FACE_AGE_S, urgency.age)
    every = intervals(urgency, settings)
    overdue = age + step_s > settings.refresh + _EPS
    lively = ~overdue & (age + step_s / 2 > every + _EPS)
    first = np.flatnonzero(overdue)
    then = np.flatnonzero(lively)
    order = np.concatenate(
        [
            first[np.argsort(-age[first], kind="stable")],
            then[np.argsort(-(age / every)[then], kind="stable")],
        ]
    )
    chosen: npt.NDArray[np.intp] = order[: max(0, limit)]
    return chosen


def detection_interval(costs: Costs, faces: int, streams: int, settings: ScheduleSettings) -> float:
    """Seconds between two detection passes.

    Classifying everyone once per ``refresh``, and a quarter more for those who change, comes
    first, for up to two thirds of the time there is; the rest is for detection.

    Args:
        costs: What the networks take.
        faces: Visible people of all streams.
        streams: How many streams share the networks.
        settings: How often faces should be detected and classified.
    """
    needed = _SPARE * faces * costs.prediction / settings.refresh
    prediction_share = min(needed, settings.share * 2 / 3)
    shortest, longest = settings.detection_intervals
    interval = streams * costs.detection / (settings.share - prediction_share)
    return min(max(interval, shortest), longest)


def stride(interval_s: float, fps: float) -> int:
    """Every how many frames a detection pass is due at ``fps`` frames per second: at least 1."""
    return max(1, math.floor(interval_s * fps + 0.5))


class TimeBudget:
    """The time there is for classification, a token bucket: it comes steadily, goes in batches.

    Args:
        max_seconds: What is not spent is kept up to so much.
    """

    def __init__(self, max_seconds: float = 0.25) -> None:
        self._max, self._seconds = max_seconds, 0.0

    def earn(
        self,
        seconds: float,
        costs: Costs,
        interval_s: float,
        streams: int,
        settings: ScheduleSettings,
    ) -> int:
        """``seconds`` have passed: how many faces may be classified now?

        Detection in ``streams`` streams every ``interval_s`` has its share of the time already.
        One face may be classified in any case, so that nobody starves.
        """
        share = settings.share - streams * costs.detection / interval_s
        self._seconds = min(self._seconds + max(share, 0.0) * seconds, self._max)
        return max(1, int(self._seconds / costs.prediction + _EPS))

    def spend(self, faces: int, costs: Costs) -> None:
        """So many faces were classified."""
        self._seconds = max(0.0, self._seconds - faces * costs.prediction)


class CostEstimate:
    """Seconds that one item of a kind of work takes: a moving average of about twenty items.

    Args:
        first: The estimate until the first is measured.
    """

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
