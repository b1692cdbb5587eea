"""When each person's face was classified last, and what has happened to them since."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.arrays import F32
from moodstream.realtime.emotions import EMOTIONS, LN_K
from moodstream.realtime.frames import Faces, Index
from moodstream.realtime.runs.live.scheduler import FaceUrgency

FORGET_AFTER_S = 5.0
"""Seconds out of sight after which nothing is kept of a person."""


@dataclass
class _LastPrediction:
    """The last prediction of one person.

    Attributes:
        first: Stream seconds at which the person came.
        t: Stream seconds of the prediction, None before the first.
        place: Centre and width of the face in px, at ``t``.
        probs: (7,) what was predicted.
        change: JSD in nats between the last two predictions.
        present: Stream seconds at which the person was last there.
    """

    first: float
    t: float | None = None
    place: F32 | None = None
    probs: F32 | None = None
    change: float = 0.0
    present: float = 0.0


class PredictionLog:
    """When each person of a stream was last classified, and what has happened to them since."""

    def __init__(self) -> None:
        self._people: dict[int, _LastPrediction] = {}

    def urgency(self, t: float, faces: Faces, rows: Index) -> FaceUrgency:
        """What the schedule must know of the faces at ``rows``."""
        for person in faces.track_ids.tolist():
            self._people.setdefault(person, _LastPrediction(first=t)).present = t
        for person in [p for p, r in self._people.items() if t - r.present > FORGET_AFTER_S]:
            del self._people[person]
        logs = [self._people[p] for p in faces.track_ids[rows].tolist()]
        places = _places(faces.boxes[rows])
        moves = [
            0.0
            if log.place is None
            else float(np.hypot(*(here - log.place)[:2]) / max(log.place[2], 1.0))
            for log, here in zip(logs, places, strict=True)
        ]
        uncertainty = [
            1.0 if np.isnan(p).any() else maths.entropy(p.astype(np.float64)) / LN_K
            for p in faces.probs[rows]
        ]
        return FaceUrgency(
            age=np.array([np.inf if log.t is None else t - log.t for log in logs], np.float64),
            waited=np.array([t - log.first if log.t is None else np.nan for log in logs]),
            movement=np.array(moves, np.float64),
            change=np.array([log.change for log in logs], np.float64),
            uncertainty=np.array(uncertainty, np.float64),
            quality=faces.quality[rows].astype(np.float64),
        )

    def add(self, t: float, faces: Faces, rows: Index, predictions: F32) -> None:
        """The faces at ``rows`` were classified.

        Args:
            t: Stream time in seconds.
            faces: The people then.
            rows: N of them.
            predictions: (N, 7 + extras) what was predicted of each; NaN where nothing was.
        """
        for person, here, values in zip(
            faces.track_ids[rows].tolist(), _places(faces.boxes[rows]), predictions, strict=True
        ):
            log, probs = self._people[person], values[: len(EMOTIONS)]
            if log.probs is not None and not np.isnan(probs).any():
                log.change = maths.jsd(log.probs.astype(np.float64), probs.astype(np.float64))
            log.t, log.place, log.probs = t, here, probs

    def oldest_s(self, t: float, ids: npt.NDArray[np.int64]) -> float | None:
        """Age in seconds of the oldest prediction among ``ids``, from birth where there is none."""
        logs = [self._people[p] for p in ids.tolist() if p in self._people]
        return max((t - (log.first if log.t is None else log.t) for log in logs), default=None)


def _places(boxes: F32) -> F32:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.hstack([centre, boxes[:, 2:3] - boxes[:, :1]])
