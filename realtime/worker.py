"""Frame → Faces: detect, follow, judge, classify in one batch, smooth."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from moodstream.realtime import quality
from moodstream.realtime.classifiers.base import EmotionClassifier
from moodstream.realtime.detectors import apply_filters, filter_faces
from moodstream.realtime.detectors.base import FaceDetector, FaceFilter
from moodstream.realtime.frames import EMOTIONS, EXTRAS, F32, Detections, Faces, Frame, Image
from moodstream.realtime.maths import fold_to
from moodstream.realtime.timing import StageTimer
from moodstream.realtime.zoom import Zoom, detect_at
from moodstream.trackers.faces import FaceTracker, TrackerSettings, moved
from moodstream.trackers.smoothing import Smoother, SmoothingSettings

PRESENT = 0.5
"""Seconds out of sight after which a person no longer counts as present."""

_COLUMNS = len(EMOTIONS) + len(EXTRAS)
_UNREAD = np.zeros((0, _COLUMNS), np.float32)


@dataclass(frozen=True)
class WorkerSettings:
    """How often faces are looked for and read, and which of them count.

    Args:
        rate: Looks per second of media time, from which people are followed.
        min_face: px of the smaller side of a face.
        min_confidence: Of the detector, in [0, 1].
        max_faces: Kept per picture.
        full_every: Seconds from one look at full size to the next as a rule (``Zoom``); between
            them pictures are looked at no larger than the faces ask for, with 0 always at full
            size.
        refresh: Seconds after which a face that is seen is read again, at the look nearest to
            them; with 0 at every look.
        every_frame: Look at every frame, ``rate`` being theirs.
        detect_every_frame: Detect faces at full size in every frame, whatever its time is, for
            who must hide them. People are followed and read at ``rate`` all the same, so that
            the figures are those of a run with ``full_every`` 0.
    """

    rate: float = 10.0
    min_face: float = 16.0
    min_confidence: float = 0.5
    max_faces: int = 40
    full_every: float = 1.0
    refresh: float = 0.2
    every_frame: bool = False
    detect_every_frame: bool = False

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.min_face < 0 or self.max_faces < 1:
            raise ValueError(f"expected rate > 0, min_face ≥ 0 and max_faces ≥ 1, got {self}")
        if self.full_every < 0 or self.refresh < 0:
            raise ValueError(f"expected full_every and refresh ≥ 0, got {self}")
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"expected min_confidence in [0, 1], got {self.min_confidence}")


class Follower:
    """The people of one stream through time; the networks run elsewhere.

    ``spotted`` (M, 4) xyxy px is every box of the last look, also of those not followed.
    ``picture_side`` is the long side of the pictures in px; ``filters`` decide which faces count.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        smoothing: SmoothingSettings | None = None,
        picture_side: float = 640.0,
        timer: StageTimer | None = None,
        filters: Sequence[FaceFilter] = (),
    ) -> None:
        self.settings, self.timer = settings, timer or StageTimer()
        self.filters = tuple(filters)
        self.tracker = FaceTracker(TrackerSettings(rate=settings.rate), picture_side)
        self.smoother = Smoother(smoothing)
        self.zoom = Zoom(0.0 if settings.detect_every_frame else settings.full_every)
        self.looks = self.faces_found = self.readings = 0
        self.spotted: F32 = np.zeros((0, 4), np.float32)

    def locate(self, frame: Frame, found: Detections) -> Faces:
        """The people present once the faces ``found`` in a frame are known; nothing is read yet."""
        located = self.place(frame, found)
        unread = np.full((len(located), _COLUMNS), np.nan, np.float32)
        return self._smoothed(frame.t, located, unread)

    def place(self, frame: Frame, found: Detections) -> Faces:
        """As ``locate``, without their estimates: for who goes on to ``read`` them, maybe later."""
        self.spotted = found.boxes
        found = apply_filters(frame.image, found, self.filters) if self.filters else found
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
        self.readings += len(rows)
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
    """A frame with the people in it.

    Args:
        frame: The frame.
        faces: The people present.
        fresh: Whether they were looked for in this frame, else their boxes are predictions.
        spotted: (M, 4) xyxy px of every face that was detected last, in this very frame where
            the settings say ``detect_every_frame``.
    """

    frame: Frame
    faces: Faces
    fresh: bool
    spotted: F32


def callers(streams: int) -> int:
    """Threads that call networks which run ``streams`` calls at a time.

    Two more than calls: while they prepare pictures and decode answers, no core waits for them.
    """
    return streams + 2 if streams > 1 else 1


class Worker:
    """Looks at frames ``rate`` times a second of media time and follows people in between.

    ``streams``: network calls that go on at the same time; where it is above 1, any thread may
    make them.
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
        filters: Sequence[FaceFilter] = (),
    ) -> None:
        self.detector, self.classifier, self.streams = detector, classifier, streams
        self.settings, self.timer = settings or WorkerSettings(), timer or StageTimer()
        self.follower = Follower(self.settings, smoothing, picture_side, self.timer, filters)
        self.searched = 0  # frames in which faces were looked for
        self._due: float | None = None
        self._faces, self._looked = Faces.none(), 0.0
        self._read: dict[int, float] = {}  # when each person in view was read last

    def follow(self, frames: Iterable[Frame]) -> Generator[Looked, None, None]:
        """All frames in their order, their people predicted where none was due to be looked at.

        Networks run on ``callers(streams)`` threads, tracking and smoothing on the caller's. The
        size of a look is chosen when the last but one before it is known, whatever ``streams`` is,
        so that figures do not depend on the machine.
        """
        most = 1 if self.follower.zoom.full_every else 2 * self.streams
        with ThreadPoolExecutor(callers(self.streams), "networks") as pool:
            looks = ahead((self._begun(frame, pool) for frame in frames), most)
            for look in ahead((self._placed(look, pool) for look in looks), self.streams):
                yield self._settled(look)

    def _begun(self, frame: Frame, pool: Executor) -> _Look:
        due = self._is_due(frame.t)
        if not due and not self.settings.detect_every_frame:
            return _Look(frame)
        side = self.follower.zoom.side(frame, self.detector) if due else None
        return _Look(frame, pool.submit(self._detect, frame, side), due)

    def _placed(self, look: _Look, pool: Executor) -> _Look:
        if look.found is None:
            look.spotted = self.follower.spotted
            return look
        found = look.found.result()
        self.searched += 1
        look.spotted = found.boxes
        if look.due:
            look.faces = self.follower.place(look.frame, found)
            look.rows = self._unread(look.frame.t, look.faces)
            if len(look.rows):
                boxes = look.faces.boxes[look.rows]
                look.reading = pool.submit(self._classify, look.frame, boxes)
        return look

    def _settled(self, look: _Look) -> Looked:
        t = look.frame.t
        if look.faces is None:
            faces = predicted(self._faces, t - self._looked)
            return Looked(look.frame, faces, False, look.spotted)
        read = _UNREAD if look.reading is None else look.reading.result()
        self._faces = self.follower.read(t, look.faces, look.rows, read)
        self._looked = t
        return Looked(look.frame, self._faces, True, look.spotted)

    def _is_due(self, t: float) -> bool:
        # Slots on a fixed grid, so that every frame rate is looked at equally often on average.
        if self.settings.every_frame:
            return True
        if self._due is not None and t < self._due - 1e-6:
            return False
        step = 1.0 / self.settings.rate
        self._due = t + step if self._due is None or t > self._due + step else self._due + step
        return True

    def _unread(self, t: float, faces: Faces) -> npt.NDArray[np.intp]:
        """Rows of the faces that are to be read at ``t``: new ones, and those read long ago."""
        ids = faces.track_ids.tolist()
        # to the nearest look, or one that comes a little early would be left for the next
        since = t - self.settings.refresh + 0.5 / self.settings.rate
        due = [self._read.get(person, -np.inf) <= since for person in ids]
        rows = np.flatnonzero(faces.seen & np.array(due, bool))
        self._read = {person: self._read[person] for person in ids if person in self._read}
        self._read.update((ids[row], t) for row in rows)
        return rows

    def _detect(self, frame: Frame, side: int | None) -> Detections:
        with self.timer.stage("convert"):
            image = frame.image
        with self.timer.stage("detect"):
            least = self.settings.min_confidence
            return detect_at(self.detector, [image], [side], least)[0]

    def _classify(self, frame: Frame, boxes: F32) -> F32:
        """Readings of the faces at ``boxes``, in their order."""
        with self.timer.stage("classify"):
            return read_faces(self.classifier, [frame.image], [boxes])


@dataclass
class _Look:
    """A frame on its way: its faces are found, then known, then read at ``rows``; or no look.

    A look that is not ``due`` ends with ``found``: its faces are to be hidden, not followed.
    """

    frame: Frame
    found: Future[Detections] | None = None
    due: bool = False
    faces: Faces | None = None
    rows: npt.NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    reading: Future[F32] | None = None
    spotted: F32 = field(default_factory=lambda: np.zeros((0, 4), np.float32))


def ahead(looks: Iterable[_Look], most: int) -> Iterator[_Look]:
    """The same, each handed on when ``most`` of those after it are looks or there are no more."""
    begun: deque[_Look] = deque()
    count = 0
    for look in looks:
        begun.append(look)
        count += look.found is not None
        while count > most or (begun and begun[0].found is None):
            count -= begun[0].found is not None
            yield begun.popleft()
    yield from begun
