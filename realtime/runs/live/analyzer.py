"""Analyses live streams within a time budget: all of them share two networks and one thread."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from moodstream.realtime.runs.live.snapshot import StreamAnalysis

# until they have been measured
_FIRST_DETECTION_S, _FIRST_PREDICTION_S = 0.05, 0.002
_FIRST_STEP_S = 0.04
_STEP_LIMITS_S = (0.005, 0.25)  # right after a pause there is no budget of a whole pause


@dataclass(frozen=True)
class _Step:
    """The newest frame of one stream, the people in it, and the rows that can be classified."""

    stream: StreamAnalysis
    frame: Frame
    faces: Faces
    visible: Index


class LiveAnalyzer:
    """Decides where to detect faces and which of them to classify, and does it.

    One thread calls ``step``; settings may be changed by another one at any time.

    Args:
        detector: Detects faces.
        classifier: Predicts emotions.
        settings: How often.
        min_confidence: Of the detector, from which it is to report a face. Those that are less
            sure than a stream's ``AnalysisSettings`` ask for are hidden, but not counted.
        pace: Seconds of stream time that pass in one second: other than 1 for files played fast.
        clock: Monotonic seconds.
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
        self._detection_s = CostEstimate(_FIRST_DETECTION_S)
        self._prediction_s = CostEstimate(_FIRST_PREDICTION_S)
        self._budget = scheduler.TimeBudget()
        self._last: float | None = None
        self._faces = 0

    @property
    def costs(self) -> Costs:
        """Seconds of stream time that a detection pass and a prediction take now."""
        return Costs(self._detection_s.value * self._pace, self._prediction_s.value * self._pace)

    def step(self, work: Sequence[tuple[StreamAnalysis, Frame]], streams: int) -> None:
        """Analyse the newest frame of some of ``streams`` streams, in batches.

        Args:
            work: Streams with a new frame; each has a new ``snapshot`` afterwards.
            streams: How many there are in all.
        """
        passed = self._passed()
        costs, settings = self.costs, self.settings
        interval = scheduler.detection_interval(costs, self._faces, streams, settings)
        due = [(stream, frame) for stream, frame in work if stream.is_due(frame.t, interval)]
        self._detect(due)
        steps = [_Step(stream, frame, *stream.at(frame.t)) for stream, frame in work]
        limit = self._budget.earn(passed, self.costs, interval, streams, settings)
        chosen = self._choose(steps, limit, passed)
        self._budget.spend(sum(map(len, chosen)), self.costs)
        predictions = self._classify(steps, chosen)
        self._faces = sum(len(step.visible) for step in steps)
        detected = {id(stream) for stream, _ in due}
        for step, rows, values in zip(steps, chosen, predictions, strict=True):
            self._finish(step, rows, values, id(step.stream) in detected)

    def _passed(self) -> float:
        """Seconds of stream time since the last step."""
        now = self._clock()
        low, high = _STEP_LIMITS_S
        passed = _FIRST_STEP_S if self._last is None else min(max(now - self._last, low), high)
        self._last = now
        return passed * self._pace

    def _detect(self, due: Sequence[tuple[StreamAnalysis, Frame]]) -> None:
        if not due:
            return
        began = self._clock()
        images = [frame.image for _, frame in due]
        plans = [stream.people.resolution.plan(frame, self.detector) for stream, frame in due]
        passes = detect_at(self.detector, images, plans, self.min_confidence)
        self._detection_s.add(self._clock() - began, len(due))
        for (stream, frame), seen in zip(due, passes, strict=True):
            stream.people.resolution.small_faces.observe(frame.t, seen.faces.boxes, seen.hints)
            stream.detected(frame, seen.faces)

    def _choose(self, steps: Sequence[_Step], limit: int, step_s: float) -> list[Index]:
        """For each stream the rows to classify now."""
        urgency = [s.stream.predictions.urgency(s.frame.t, s.faces, s.visible) for s in steps]
        picked = scheduler.select_faces(FaceUrgency.join(urgency), limit, step_s, self.settings)
        edges = np.cumsum([0, *(len(u) for u in urgency)])
        return [
            step.visible[np.sort(picked[(picked >= a) & (picked < b)]) - a]
            for step, (a, b) in zip(steps, itertools.pairwise(edges), strict=True)
        ]

    def _classify(self, steps: Sequence[_Step], chosen: Sequence[Index]) -> list[F32]:
        """Predictions for the chosen faces of every stream, made in one batch."""
        count = sum(len(rows) for rows in chosen)
        if count == 0:
            return [np.zeros((0, len(EMOTIONS) + len(EXTRAS)), np.float32) for _ in chosen]
        began = self._clock()
        values = classify_faces(
            self.classifier,
            [step.frame.image for step in steps],
            [step.faces.boxes[rows] for step, rows in zip(steps, chosen, strict=True)],
        )
        self._prediction_s.add(self._clock() - began, count)
        return np.split(values, np.cumsum([len(rows) for rows in chosen])[:-1])

    def _finish(self, step: _Step, rows: Index, values: F32, detected: bool) -> None:
        stream, frame, faces = step.stream, step.frame, step.faces
        if len(rows):
            faces = stream.classified(frame, faces, rows, values)
        stream.prediction_rate.add(frame.t, len(step.visible), len(rows))
        stream.finish_step(frame, faces, step.visible, detected)
