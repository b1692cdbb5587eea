"""Looks at live streams within a budget: all of them share two networks and one thread."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence

import numpy as np

from moodstream.realtime.analysis.people.resolution import detect_at
from moodstream.realtime.arrays import F32
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.frames import Faces, Frame, Index
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.batch import classify_faces
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.runs.live import scheduler
from moodstream.realtime.runs.live.scheduler import (
    CostEstimate,
    Costs,
    FaceUrgency,
    ScheduleSettings,
)
from moodstream.realtime.runs.live.snapshot import Snapshot, StreamAnalysis


class LiveAnalyzer:
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
        self._look, self._read = CostEstimate(0.05), CostEstimate(0.002)
        self._credit = scheduler.TimeBudget()
        self._last: float | None = None
        self._faces = 0

    @property
    def costs(self) -> Costs:
        """Seconds of stream time that a look and a reading take now."""
        return Costs(self._look.value * self._pace, self._read.value * self._pace)

    def step(self, work: Sequence[tuple[StreamAnalysis, Frame]], streams: int) -> None:
        """Look at and read the newest frame of some of ``streams`` streams, in batches."""
        now = self._clock()
        # right after a pause there is no credit to spend, only the time until the next frame
        gone = 0.04 if self._last is None else min(max(now - self._last, 0.005), 0.25)
        self._last = now
        gone *= self._pace
        interval = scheduler.detection_interval(self.costs, self._faces, streams, self.settings)
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

    def _detect(self, due: Sequence[tuple[StreamAnalysis, Frame]]) -> None:
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
        self, everyone: Sequence[tuple[StreamAnalysis, Frame, Faces, Index]], most: int, step: float
    ) -> list[Index]:
        """For each stream the rows to read now."""
        needs = [w.log.needs(f.t, faces, rows) for w, f, faces, rows in everyone]
        picked = scheduler.select_faces(FaceUrgency.together(needs), most, step, self.settings)
        edges = np.cumsum([0, *(len(n) for n in needs)])
        return [
            rows[np.sort(picked[(picked >= a) & (picked < b)]) - a]
            for (*_, rows), (a, b) in zip(everyone, itertools.pairwise(edges), strict=True)
        ]

    def _classify(
        self,
        everyone: Sequence[tuple[StreamAnalysis, Frame, Faces, Index]],
        chosen: Sequence[Index],
    ) -> list[F32]:
        """The readings of the chosen faces of every stream, made in one batch."""
        count = sum(len(rows) for rows in chosen)
        if count == 0:
            return [np.zeros((0, len(EMOTIONS) + len(EXTRAS)), np.float32) for _ in chosen]
        began = self._clock()
        read = classify_faces(
            self.classifier,
            [frame.image for _, frame, *_ in everyone],
            [faces.boxes[rows] for (_, _, faces, _), rows in zip(everyone, chosen, strict=True)],
        )
        self._read.add(self._clock() - began, count)
        return np.split(read, np.cumsum([len(rows) for rows in chosen])[:-1])

    def _take(
        self,
        watched: StreamAnalysis,
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
            watched.follower.all_boxes,
            len(visible),
            watched.log.oldest(frame.t, faces.track_ids[visible]),
        )
