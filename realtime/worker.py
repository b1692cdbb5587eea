"""Frame → Faces: detect, follow, judge, classify in one batch, smooth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from moodstream.realtime import quality
from moodstream.realtime.classifiers.base import EmotionClassifier
from moodstream.realtime.detectors import filter_faces
from moodstream.realtime.detectors.base import FaceDetector
from moodstream.realtime.frames import EMOTIONS, EXTRAS, F32, Detections, Faces, Frame
from moodstream.realtime.maths import fold_to
from moodstream.realtime.timing import StageTimer
from moodstream.trackers.faces import FaceTracker, TrackerSettings, Tracks
from moodstream.trackers.smoothing import Smoother, SmoothingSettings

PRESENT = 0.5
"""Seconds out of sight after which a person no longer counts as present."""


@dataclass(frozen=True)
class WorkerSettings:
    """rate: looks per second of media time; min_face px of the smaller side; min_confidence of
    the detector; max_faces kept per picture.
    """

    rate: float = 10.0
    min_face: float = 16.0
    min_confidence: float = 0.5
    max_faces: int = 40

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.min_face < 0 or self.max_faces < 1:
            raise ValueError(f"expected rate > 0, min_face ≥ 0 and max_faces ≥ 1, got {self}")
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"expected min_confidence in [0, 1], got {self.min_confidence}")


class Worker:
    """Looks at frames ``rate`` times a second of media time and follows people in between."""

    def __init__(
        self,
        detector: FaceDetector,
        classifier: EmotionClassifier,
        settings: WorkerSettings | None = None,
        smoothing: SmoothingSettings | None = None,
        picture_side: float = 640.0,
        timer: StageTimer | None = None,
    ) -> None:
        self.detector, self.classifier = detector, classifier
        self.settings = settings or WorkerSettings()
        self.tracker = FaceTracker(TrackerSettings(rate=self.settings.rate), picture_side)
        self.smoother = Smoother(smoothing)
        self.timer = timer or StageTimer()
        self.looks = self.faces_found = 0
        self.spotted: F32 = np.zeros((0, 4), np.float32)
        self._due: float | None = None
        self._faces = Faces.none()

    def process(self, frame: Frame) -> tuple[Faces, bool]:
        """The people in a frame, and whether it was looked at (else boxes are predictions)."""
        if self._is_due(frame.t):
            self._faces = self._look(frame)
            return self._faces, True
        return self._predicted(frame.t), False

    def _is_due(self, t: float) -> bool:
        # Slots on a fixed grid, so that every frame rate is looked at equally often on average.
        if self._due is not None and t < self._due - 1e-6:
            return False
        step = 1.0 / self.settings.rate
        self._due = t + step if self._due is None or t > self._due + step else self._due + step
        return True

    def _look(self, frame: Frame) -> Faces:
        settings, timer = self.settings, self.timer
        with timer.stage("detect"):
            found = self.detector.detect([frame.image], settings.min_confidence)[0]
            self.spotted = found.boxes
            found = filter_faces(found, settings.min_face, settings.max_faces)
        with timer.stage("track"):
            tracks = self.tracker.update(frame.t, found.boxes)
        self.looks += 1
        self.faces_found += len(found)
        return self._faces_of(frame, found, tracks)

    def _faces_of(self, frame: Frame, found: Detections, tracks: Tracks) -> Faces:
        present = tracks.unseen <= PRESENT
        ids, boxes, row = tracks.ids[present], tracks.boxes[present], tracks.detection[present]
        seen = row >= 0
        scores = np.zeros(len(ids), np.float32)
        scores[seen] = found.scores[row[seen]]
        worth = np.zeros(len(ids), np.float32)
        read = np.full((len(ids), len(EMOTIONS) + len(EXTRAS)), np.nan, np.float32)
        with self.timer.stage("quality"):
            worth[seen] = quality.measure(frame.image, boxes[seen])
        with self.timer.stage("classify"):
            read[seen] = self._classify(frame, boxes[seen])
        with self.timer.stage("smooth"):
            smoothed = self.smoother.update(frame.t, ids, read, worth)
        marks = None
        if found.landmarks is not None:
            marks = np.full((len(ids), 5, 2), np.nan, np.float32)
            marks[seen] = found.landmarks[row[seen]]
        probs, extras = np.split(smoothed, [len(EMOTIONS)], axis=1)
        return Faces(boxes, scores, worth, probs, ids, seen, marks, extras)

    def _classify(self, frame: Frame, boxes: F32) -> F32:
        raw = self.classifier.classify([frame.image], [boxes])
        probs = fold_to(raw.probs, self.classifier.classes, EMOTIONS)
        read = replace(raw, probs=probs).columns()
        read[np.isnan(probs).any(axis=1)] = np.nan  # half a reading is none
        return read

    def _predicted(self, t: float) -> Faces:
        """The people of the last look, their boxes moved on."""
        last = self._faces
        if len(last) == 0:
            return last
        tracks = self.tracker.predict(t)
        where = {int(i): box for i, box in zip(tracks.ids, tracks.boxes, strict=True)}
        boxes = np.stack(
            [where.get(int(i), b) for i, b in zip(last.track_ids, last.boxes, strict=True)]
        )
        return Faces(
            boxes.astype(np.float32),
            last.scores,
            last.quality,
            last.probs,
            last.track_ids,
            np.zeros(len(last), bool),
            extras=last.extras,
        )
