"""Frame → Faces: detect, follow, judge, classify in one batch, smooth."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

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

T = TypeVar("T")
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
        located = self.place(frame, found)
        unread = np.full((len(located), _COLUMNS), np.nan, np.float32)
        return self._smoothed(frame.t, located, unread)

    def place(self, frame: Frame, found: Detections) -> Faces:
        """As ``locate``, without their estimates: for who goes on to ``read`` them, maybe later."""
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
        unread = np.full((len(ids), len(EMOTIONS)), np.nan, np.float32)
        speed = tracks.velocity[present]
        return Faces(boxes, scores, worth, unread, ids, seen, marks, velocity=speed)

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


@dataclass(frozen=True)
class Looked:
    """A frame with the people in it; ``spotted`` is the ``Follower``'s at that time.

    fresh: whether it was looked at, else boxes are predictions.
    """

    frame: Frame
    faces: Faces
    fresh: bool
    spotted: F32


class Worker:
    """Looks at frames ``rate`` times a second of media time and follows people in between.

    ``streams``: threads that may call the networks at the same time.
    """

    def __init__(
        self,
        detector: FaceDetector,
        classifier: EmotionClassifier,
        settings: WorkerSettings | None = None,
        smoothing: SmoothingSettings | None = None,
        picture_side: float = 640.0,
        timer: StageTimer | None = None,
        streams: int = 1,
    ) -> None:
        self.detector, self.classifier, self.streams = detector, classifier, streams
        self.settings, self.timer = settings or WorkerSettings(), timer or StageTimer()
        self.follower = Follower(self.settings, smoothing, picture_side, self.timer)
        self._due: float | None = None
        self._faces, self._looked = Faces.none(), 0.0

    def follow(self, frames: Iterable[Frame]) -> Generator[Looked, None, None]:
        """All frames in their order; looks run side by side where none asks for the one before."""
        if self.streams > 1 and self.settings.full_every == 0:
            yield from self._side_by_side(frames)
            return
        for frame in frames:
            faces, fresh = self.process(frame)
            yield Looked(frame, faces, fresh, self.follower.spotted)

    def _side_by_side(self, frames: Iterable[Frame]) -> Iterator[Looked]:
        """Networks on ``streams`` threads; tracking and smoothing on this one, in order."""
        with ThreadPoolExecutor(self.streams, "networks") as pool:

            def detect(frame: Frame) -> tuple[Frame, Future[Detections] | None]:
                due = self._is_due(frame.t)
                return frame, pool.submit(self._detect, frame, None) if due else None

            def place(item: tuple[Frame, Future[Detections] | None]) -> _Placed:
                frame, found = item
                if found is None:
                    return _Placed(frame, self.follower.spotted)
                faces = self.follower.place(frame, found.result())
                reading = pool.submit(self._classify, frame, faces)
                return _Placed(frame, self.follower.spotted, faces, reading)

            detected = ahead(map(detect, frames), 2 * self.streams)
            for placed in ahead(map(place, detected), self.streams):
                yield self._settled(placed)

    def _settled(self, placed: _Placed) -> Looked:
        frame, fresh = placed.frame, placed.reading is not None
        if placed.faces is not None and placed.reading is not None:
            self._take(frame, placed.faces, placed.reading.result())
        return Looked(frame, self._now(frame, fresh), fresh, placed.spotted)

    def process(self, frame: Frame) -> tuple[Faces, bool]:
        """The people in a frame, and whether it was looked at (else boxes are predictions)."""
        fresh = self._is_due(frame.t)
        if fresh:
            side = self.follower.zoom.side(frame.t, frame.image.shape, self.detector)
            faces = self.follower.place(frame, self._detect(frame, side))
            self._take(frame, faces, self._classify(frame, faces))
        return self._now(frame, fresh), fresh

    def _is_due(self, t: float) -> bool:
        # Slots on a fixed grid, so that every frame rate is looked at equally often on average.
        if self.settings.every_frame:
            return True
        if self._due is not None and t < self._due - 1e-6:
            return False
        step = 1.0 / self.settings.rate
        self._due = t + step if self._due is None or t > self._due + step else self._due + step
        return True

    def _detect(self, frame: Frame, side: int | None) -> Detections:
        with self.timer.stage("detect"):
            least = self.settings.min_confidence
            return detect_at(self.detector, [frame.image], [side], least)[0]

    def _classify(self, frame: Frame, faces: Faces) -> F32:
        """Readings of the faces that are seen, in their order."""
        with self.timer.stage("classify"):
            return read_faces(self.classifier, [frame.image], [faces.boxes[faces.seen]])

    def _take(self, frame: Frame, faces: Faces, read: F32) -> None:
        self._faces = self.follower.read(frame.t, faces, np.flatnonzero(faces.seen), read)
        self._looked = frame.t

    def _now(self, frame: Frame, fresh: bool) -> Faces:
        return self._faces if fresh else predicted(self._faces, frame.t - self._looked)


@dataclass(frozen=True)
class _Placed:
    """A frame whose faces are known, if it was looked at, and are being read."""

    frame: Frame
    spotted: F32
    faces: Faces | None = None
    reading: Future[F32] | None = None


def ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """The same items, each handed on when ``count`` more have been made or there are no more."""
    made: deque[T] = deque()
    for item in items:
        made.append(item)
        if len(made) > count:
            yield made.popleft()
    yield from made
