"""Frame → Faces: detect, follow, judge, classify in one batch, smooth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from moodstream.realtime import quality
from moodstream.realtime.classifiers.base import EmotionClassifier
from moodstream.realtime.detectors import filter_faces
from moodstream.realtime.detectors.base import FaceDetector
from moodstream.realtime.frames import EMOTIONS, EXTRAS, F32, Detections, Faces, Frame, Image
from moodstream.realtime.maths import fold_to
from moodstream.realtime.timing import StageTimer
from moodstream.realtime.zoom import Zoom, detect_at
from moodstream.trackers.faces import FaceTracker, TrackerSettings, moved
from moodstream.trackers.smoothing import Smoother, SmoothingSettings

PRESENT = 0.5
"""Seconds out of sight after which a person no longer counts as present."""

_COLUMNS = len(EMOTIONS) + len(EXTRAS)


@dataclass(frozen=True)
class WorkerSettings:
    """rate: looks per second of media time; min_face px of the smaller side; min_confidence of
    the detector; max_faces kept per picture; full_every: seconds from one look at full size to
    the next, at least; between them pictures are looked at no larger than the faces ask for, and
    with 0 always at full size; every_frame: look at every frame, ``rate`` being theirs.
    """

    rate: float = 10.0
    min_face: float = 16.0
    min_confidence: float = 0.5
    max_faces: int = 40
    full_every: float = 1.0
    every_frame: bool = False

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.min_face < 0 or self.max_faces < 1:
            raise ValueError(f"expected rate > 0, min_face ≥ 0 and max_faces ≥ 1, got {self}")
        if self.full_every < 0:
            raise ValueError(f"expected full_every ≥ 0, got {self.full_every}")
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"expected min_confidence in [0, 1], got {self.min_confidence}")


class Follower:
    """The people of one stream through time; the networks run elsewhere.

    ``spotted`` (M, 4) xyxy px is every box of the last look, also of those not followed.
    ``picture_side`` is the long side of the pictures in px.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        smoothing: SmoothingSettings | None = None,
        picture_side: float = 640.0,
        timer: StageTimer | None = None,
    ) -> None:
        self.settings, self.timer = settings, timer or StageTimer()
        self.tracker = FaceTracker(TrackerSettings(rate=settings.rate), picture_side)
        self.smoother = Smoother(smoothing)
        self.zoom = Zoom(settings.full_every)
        self.looks = self.faces_found = 0
        self.spotted: F32 = np.zeros((0, 4), np.float32)

    def locate(self, frame: Frame, found: Detections) -> Faces:
        """The people present once the faces ``found`` in a frame are known; nothing is read yet."""
        self.spotted = found.boxes
        found = filter_faces(found, self.settings.min_face, self.settings.max_faces)
        self.looks += 1
        self.faces_found += len(found)
        with self.timer.stage("track"):
            tracks = self.tracker.update(frame.t, found.boxes)
        present = tracks.unseen <= PRESENT
        ids, boxes, row = tracks.ids[present], tracks.boxes[present], tracks.detection[present]
        seen = row >= 0
        # one who has just come is no track yet, and must be found again to become one
        self.zoom.found(np.vstack([boxes, found.boxes]), lost=not seen.all())
        scores = np.zeros(len(ids), np.float32)
        scores[seen] = found.scores[row[seen]]
        worth = np.zeros(len(ids), np.float32)
        with self.timer.stage("quality"):
            worth[seen] = quality.measure(frame.image, boxes[seen])
        marks = None
        if found.landmarks is not None:
            marks = np.full((len(ids), 5, 2), np.nan, np.float32)
            marks[seen] = found.landmarks[row[seen]]
        unread = np.full((len(ids), _COLUMNS), np.nan, np.float32)
        speed = tracks.velocity[present]
        located = Faces(
            boxes, scores, worth, unread[:, : len(EMOTIONS)], ids, seen, marks, velocity=speed
        )
        return self._smoothed(frame.t, located, unread)

    def read(self, t: float, faces: Faces, rows: npt.NDArray[np.intp], read: F32) -> Faces:
        """The same faces with what was read from those at ``rows``, as `Readings.columns`."""
        values = np.full((len(faces), _COLUMNS), np.nan, np.float32)
        values[rows] = read
        return self._smoothed(t, faces, values)

    def _smoothed(self, t: float, faces: Faces, values: F32) -> Faces:
        with self.timer.stage("smooth"):
            smoothed = self.smoother.update(t, faces.track_ids, values, faces.quality)
        probs, extras = np.split(smoothed, [len(EMOTIONS)], axis=1)
        return replace(faces, probs=probs, extras=extras)


def predicted(faces: Faces, seconds: float) -> Faces:
    """The people of a look ``seconds`` later, their boxes moved on for at most ``PRESENT``."""
    if len(faces) == 0:
        return faces
    assert faces.velocity is not None
    boxes = moved(faces.boxes, faces.velocity, min(seconds, PRESENT))
    return replace(faces, boxes=boxes, seen=np.zeros(len(faces), bool), landmarks=None)


def read_faces(classifier: EmotionClassifier, images: Sequence[Image], boxes: Sequence[F32]) -> F32:
    """Classify the faces at ``boxes`` of each picture in one batch: (N, 7 + extras) columns.

    A face whose reading is not finite has a row of NaN.
    """
    raw = classifier.classify(images, boxes)
    probs = fold_to(raw.probs, classifier.classes, EMOTIONS)
    read = replace(raw, probs=probs).columns()
    read[np.isnan(probs).any(axis=1)] = np.nan  # half a reading is none
    return read


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
        self.settings, self.timer = settings or WorkerSettings(), timer or StageTimer()
        self.follower = Follower(self.settings, smoothing, picture_side, self.timer)
        self._due: float | None = None
        self._faces, self._looked = Faces.none(), 0.0

    def process(self, frame: Frame) -> tuple[Faces, bool]:
        """The people in a frame, and whether it was looked at (else boxes are predictions)."""
        if self._is_due(frame.t):
            self._faces, self._looked = self._look(frame), frame.t
            return self._faces, True
        return predicted(self._faces, frame.t - self._looked), False

    def _is_due(self, t: float) -> bool:
        # Slots on a fixed grid, so that every frame rate is looked at equally often on average.
        if self.settings.every_frame:
            return True
        if self._due is not None and t < self._due - 1e-6:
            return False
        step = 1.0 / self.settings.rate
        self._due = t + step if self._due is None or t > self._due + step else self._due + step
        return True

    def _look(self, frame: Frame) -> Faces:
        with self.timer.stage("detect"):
            side = self.follower.zoom.side(frame.t, frame.image.shape, self.detector)
            least = self.settings.min_confidence
            found = detect_at(self.detector, [frame.image], [side], least)[0]
        faces = self.follower.locate(frame, found)
        rows = np.flatnonzero(faces.seen)
        with self.timer.stage("classify"):
            read = read_faces(self.classifier, [frame.image], [faces.boxes[rows]])
        return self.follower.read(frame.t, faces, rows, read)
