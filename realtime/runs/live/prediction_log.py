"""When each person's face was classified last, and at what cost in staleness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.arrays import F32
from moodstream.realtime.emotions import EMOTIONS, LN_K
from moodstream.realtime.frames import Faces, Index
from moodstream.realtime.runs.live.scheduler import FaceUrgency

_FORGET = 5.0


@dataclass
class _Reading:
    """The last reading of one person: when, where (centre and width in px), what it said."""

    first: float
    t: float | None = None
    where: F32 | None = None
    probs: F32 | None = None
    change: float = 0.0
    present: float = 0.0


class PredictionLog:
    """When each person of a stream was last read, and what has happened to them since."""

    def __init__(self) -> None:
        self._people: dict[int, _Reading] = {}

    def needs(self, t: float, faces: Faces, rows: Index) -> FaceUrgency:
        """What the schedule must know of the faces at ``rows``."""
        for person in faces.track_ids.tolist():
            self._people.setdefault(person, _Reading(first=t)).present = t
        for person in [p for p, r in self._people.items() if t - r.present > _FORGET]:
            del self._people[person]
        logs = [self._people[p] for p in faces.track_ids[rows].tolist()]
        where = _where(faces.boxes[rows])
        moves = [
            0.0
            if log.where is None
            else float(np.hypot(*(here - log.where)[:2]) / max(log.where[2], 1.0))
            for log, here in zip(logs, where, strict=True)
        ]
        doubt = [
            1.0 if np.isnan(p).any() else maths.entropy(p.astype(np.float64)) / LN_K
            for p in faces.probs[rows]
        ]
        return FaceUrgency(
            age=np.array([np.inf if log.t is None else t - log.t for log in logs], np.float64),
            waited=np.array([t - log.first if log.t is None else np.nan for log in logs]),
            movement=np.array(moves, np.float64),
            change=np.array([log.change for log in logs], np.float64),
            doubt=np.array(doubt, np.float64),
            quality=faces.quality[rows].astype(np.float64),
        )

    def note(self, t: float, faces: Faces, rows: Index, read: F32) -> None:
        """The faces at ``rows`` were read."""
        for person, here, values in zip(
            faces.track_ids[rows].tolist(), _where(faces.boxes[rows]), read, strict=True
        ):
            log, probs = self._people[person], values[: len(EMOTIONS)]
            if log.probs is not None and not np.isnan(probs).any():
                log.change = maths.jsd(log.probs.astype(np.float64), probs.astype(np.float64))
            log.t, log.where, log.probs = t, here, probs

    def oldest(self, t: float, ids: npt.NDArray[np.int64]) -> float | None:
        """The age in seconds of the oldest reading among ``ids``; never read counts from birth."""
        logs = [self._people[p] for p in ids.tolist() if p in self._people]
        return max((t - (log.first if log.t is None else log.t) for log in logs), default=None)


def _where(boxes: F32) -> F32:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.hstack([centre, boxes[:, 2:3] - boxes[:, :1]])
