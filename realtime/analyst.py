"""Looks at live streams within a budget: all of them share two networks and one thread."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths, schedule
from moodstream.realtime.classifiers.base import EmotionClassifier
from moodstream.realtime.detectors.base import FaceDetector
from moodstream.realtime.frames import EMOTIONS, EXTRAS, F32, Faces, Frame
from moodstream.realtime.group import LN_K, GroupState
from moodstream.realtime.meters import Rate, Refresh
from moodstream.realtime.schedule import CostMeter, Costs, Needs, ScheduleSettings
from moodstream.realtime.timeline import Timeline
from moodstream.realtime.worker import Follower, predicted, read_faces
from moodstream.realtime.zoom import detect_at

_TRUST = 0.3  # s after a look for which a predicted box is good enough to read a face in
_FORGET = 5.0
Index = npt.NDArray[np.intp]


@dataclass
class _Reading:
    """The last reading of one person: when, where (centre and width in px), what it said."""

    first: float
    t: float | None = None
    where: F32 | None = None
    probs: F32 | None = None
    change: float = 0.0
    present: float = 0.0


class ReadingLog:
    """When each person of a stream was last read, and what has happened to them since."""

    def __init__(self) -> None:
        self._people: dict[int, _Reading] = {}

    def needs(self, t: float, faces: Faces, rows: Index) -> Needs:
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
        return Needs(
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


@dataclass(frozen=True)
class Snapshot:
    """What is known of a stream after a step: the people at ``t``, and the group.

    looked: whether faces were looked for in this very frame; spotted: (M, 4) xyxy px, all that
    the last look found; oldest: age in seconds of the oldest reading among visible faces;
    black_since: stream seconds since when the picture has been black, so that nobody was looked
    for; None where there is something to be seen.
    """

    frame: Frame
    faces: Faces
    state: GroupState
    looked: bool
    spotted: F32
    visible: int = 0
    oldest: float | None = None
    black_since: float | None = None

    @property
    def t(self) -> float:
        """Stream time in seconds."""
        return self.frame.t


class Watched:
    """One stream under the analyst's eyes. ``fps`` tells its frame rate as measured."""

    def __init__(
        self, follower: Follower, timeline: Timeline, fps: Callable[[], float | None]
    ) -> None:
        self.follower, self.timeline, self.fps = follower, timeline, fps
        self.log, self.refresh, self.looks = ReadingLog(), Refresh(), Rate()
        self.snapshot: Snapshot | None = None
        self.every = 1
        self._looked: tuple[float, Faces] | None = None

    def due(self, t: float, interval: float) -> bool:
        """Whether this frame is the n-th since the last look."""
        fps = self.fps() or 25.0
        self.every = schedule.stride(interval, fps)
        return self._looked is None or t >= self._looked[0] + (self.every - 0.5) / fps

    def look(self, frame: Frame, found: Any) -> None:
        """Take the faces found in a frame."""
        self._looked = frame.t, self.follower.locate(frame, found)

    def now(self, t: float) -> tuple[Faces, Index]:
        """Everyone at ``t``, and the rows of those whose face can be read."""
        if self._looked is None:
            return Faces.none(), np.zeros(0, np.intp)
        at, faces = self._looked
        readable = np.flatnonzero(faces.seen) if t - at <= _TRUST else np.zeros(0, np.intp)
        return (faces if t == at else predicted(faces, t - at)), readable

    @property
    def black_since(self) -> float | None:
        """Stream seconds since when the picture has been black, None where it is not."""
        return None if self.snapshot is None else self.snapshot.black_since

    def black(self, frame: Frame) -> Snapshot:
        """Take a black frame: what was known before is no longer the case."""
        since = frame.t if self.black_since is None else self.black_since
        self.snapshot = Snapshot(
            frame,
            Faces.none(),
            GroupState(t=frame.t, people=0),
            looked=False,
            spotted=np.zeros((0, 4), np.float32),
            black_since=since,
        )
        return self.snapshot

    def known(self, faces: Faces) -> None:
        """Keep what was read: the people of the last look have new estimates."""
        assert self._looked is not None
        at, last = self._looked
        self._looked = at, replace(last, probs=faces.probs, extras=faces.extras)


class Analyst:
    """Decides what to look at and whom to read, and does it; one thread calls ``step``.

    ``pace``: seconds of stream time that pass in one second, other than 1 for files played fast.
    """

    def __init__(
        self,
        detector: FaceDetector,
        classifier: EmotionClassifier,
        settings: ScheduleSettings | None = None,
        min_confidence: float = 0.5,
        pace: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.detector, self.classifier = detector, classifier
        self.settings, self.min_confidence = settings or ScheduleSettings(), min_confidence
        self._clock, self._pace = clock, pace
        self._look, self._read = CostMeter(0.05), CostMeter(0.002)
        self._credit = schedule.Credit()
        self._last: float | None = None
        self._faces = 0

    @property
    def costs(self) -> Costs:
        """Seconds of stream time that a look and a reading take now."""
        return Costs(self._look.value * self._pace, self._read.value * self._pace)

    def step(self, work: Sequence[tuple[Watched, Frame]], streams: int) -> None:
        """Look at and read the newest frame of some of ``streams`` streams, in batches."""
        now = self._clock()
        # right after a pause there is no credit to spend, only the time until the next frame
        gone = 0.04 if self._last is None else min(max(now - self._last, 0.005), 0.25)
        self._last = now
        gone *= self._pace
        interval = schedule.look_interval(self.costs, self._faces, streams, self.settings)
        due = [(w, f) for w, f in work if w.due(f.t, interval)]
        self._detect(due)
        looked = {id(w) for w, _ in due}
        everyone = [(w, f, *w.now(f.t)) for w, f in work]
        most = self._credit.earn(gone, self.costs, interval, streams, self.settings)
        chosen = self._choose(everyone, most, gone)
        self._credit.spend(sum(map(len, chosen)), self.costs)
        read = self._classify(everyone, chosen)
        self._faces = sum(len(rows) for *_, rows in everyone)
        for (watched, frame, faces, visible), rows, values in zip(
            everyone, chosen, read, strict=True
        ):
            self._take(watched, frame, faces, visible, rows, values, id(watched) in looked)

    def _detect(self, due: Sequence[tuple[Watched, Frame]]) -> None:
        if not due:
            return
        began = self._clock()
        images = [frame.image for _, frame in due]
        sides = [w.follower.zoom.side(f, self.detector) for w, f in due]
        found = detect_at(self.detector, images, sides, self.min_confidence)
        self._look.add(self._clock() - began, len(due))
        for (watched, frame), faces in zip(due, found, strict=True):
            watched.look(frame, faces)
            watched.looks.add(frame.t)

    def _choose(
        self, everyone: Sequence[tuple[Watched, Frame, Faces, Index]], most: int, step: float
    ) -> list[Index]:
        """For each stream the rows to read now."""
        needs = [w.log.needs(f.t, faces, rows) for w, f, faces, rows in everyone]
        picked = schedule.choose(Needs.together(needs), most, step, self.settings)
        edges = np.cumsum([0, *(len(n) for n in needs)])
        return [
            rows[np.sort(picked[(picked >= a) & (picked < b)]) - a]
            for (*_, rows), (a, b) in zip(everyone, itertools.pairwise(edges), strict=True)
        ]

    def _classify(
        self, everyone: Sequence[tuple[Watched, Frame, Faces, Index]], chosen: Sequence[Index]
    ) -> list[F32]:
        """The readings of the chosen faces of every stream, made in one batch."""
        count = sum(len(rows) for rows in chosen)
        if count == 0:
            return [np.zeros((0, len(EMOTIONS) + len(EXTRAS)), np.float32) for _ in chosen]
        began = self._clock()
        read = read_faces(
            self.classifier,
            [frame.image for _, frame, *_ in everyone],
            [faces.boxes[rows] for (_, _, faces, _), rows in zip(everyone, chosen, strict=True)],
        )
        self._read.add(self._clock() - began, count)
        return np.split(read, np.cumsum([len(rows) for rows in chosen])[:-1])

    def _take(
        self,
        watched: Watched,
        frame: Frame,
        faces: Faces,
        visible: Index,
        rows: Index,
        values: F32,
        looked: bool,
    ) -> None:
        if len(rows):
            faces = watched.follower.read(frame.t, faces, rows, values)
            watched.log.note(frame.t, faces, rows, values)
            watched.known(faces)
        watched.refresh.add(frame.t, len(visible), len(rows))
        timeline = watched.timeline
        timeline.reach(frame.t)
        timeline.take(frame.t, faces, looked)
        watched.snapshot = Snapshot(
            frame,
            faces,
            timeline.state,
            looked,
            watched.follower.spotted,
            len(visible),
            watched.log.oldest(frame.t, faces.track_ids[visible]),
        )
