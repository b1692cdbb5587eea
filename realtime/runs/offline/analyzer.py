"""Frame → Faces for files: detection, tracking, quality, classification, in that order."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from moodstream.realtime.analysis.people.resolution import detect_at
from moodstream.realtime.analysis.people.tracker import (
    PREDICTION_COLUMNS,
    AnalysisSettings,
    PeopleTracker,
    moved_on,
)
from moodstream.realtime.arrays import F32
from moodstream.realtime.frames import Detections, Faces, Frame
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.batch import classify_faces
from moodstream.realtime.networks.detectors.base import FaceDetector, FaceFilter
from moodstream.realtime.timing import StageTimer
from moodstream.trackers.smoothing import SmoothingSettings

_UNREAD = np.zeros((0, PREDICTION_COLUMNS), np.float32)


@dataclass(frozen=True)
class DetectedFrame:
    """A frame with the people in it.

    Args:
        frame: The frame.
        faces: The people present.
        fresh: Whether they were looked for in this frame, else their boxes are predictions.
        all_boxes: (M, 4) xyxy px of every face that was detected last, in this very frame where
            the settings say ``detect_every_frame``.
    """

    frame: Frame
    faces: Faces
    fresh: bool
    all_boxes: F32


def caller_threads(streams: int) -> int:
    """Threads that call networks which run ``streams`` calls at a time.

    Two more than calls: while they prepare pictures and decode answers, no core waits for them.
    """
    return streams + 2 if streams > 1 else 1


class OfflineAnalyzer:
    """Looks at frames ``rate`` times a second of media time and follows people in between.

    ``streams``: network calls that go on at the same time; where it is above 1, any thread may
    make them.
    """

    def __init__(
        self,
        detector: FaceDetector,
        classifier: EmotionClassifier,
        settings: AnalysisSettings | None = None,
        smoothing: SmoothingSettings | None = None,
        picture_side: float = 640.0,
        timer: StageTimer | None = None,
        streams: int = 1,
        filters: Sequence[FaceFilter] = (),
    ) -> None:
        self.detector, self.classifier, self.streams = detector, classifier, streams
        self.settings, self.timer = settings or AnalysisSettings(), timer or StageTimer()
        self.follower = PeopleTracker(self.settings, smoothing, picture_side, self.timer, filters)
        self.searched = 0  # frames in which faces were looked for
        self._due: float | None = None
        self._faces, self._looked = Faces.none(), 0.0
        self._read: dict[int, float] = {}  # when each person in view was read last

    def follow(self, frames: Iterable[Frame]) -> Generator[DetectedFrame, None, None]:
        """All frames in their order, their people predicted where none was due to be looked at.

        Networks run on ``callers(streams)`` threads, tracking and smoothing on the caller's. The
        size of a look is chosen when the last but one before it is known, whatever ``streams`` is,
        so that figures do not depend on the machine.
        """
        most = 1 if self.follower.zoom.full_size_every else 2 * self.streams
        with ThreadPoolExecutor(caller_threads(self.streams), "networks") as pool:
            looks = look_ahead((self._begun(frame, pool) for frame in frames), most)
            for look in look_ahead((self._placed(look, pool) for look in looks), self.streams):
                yield self._settled(look)

    def _begun(self, frame: Frame, pool: Executor) -> _PendingFrame:
        due = self._is_due(frame.t)
        if not due and not self.settings.detect_every_frame:
            return _PendingFrame(frame)
        side = self.follower.zoom.side(frame, self.detector) if due else None
        return _PendingFrame(frame, pool.submit(self._detect, frame, side), due)

    def _placed(self, look: _PendingFrame, pool: Executor) -> _PendingFrame:
        if look.found is None:
            look.all_boxes = self.follower.all_boxes
            return look
        found = look.found.result()
        self.searched += 1
        look.all_boxes = found.boxes
        if look.due:
            look.faces = self.follower.place(look.frame, found)
            look.rows = self._unread(look.frame.t, look.faces)
            if len(look.rows):
                boxes = look.faces.boxes[look.rows]
                look.reading = pool.submit(self._classify, look.frame, boxes)
        return look

    def _settled(self, look: _PendingFrame) -> DetectedFrame:
        t = look.frame.t
        if look.faces is None:
            faces = moved_on(self._faces, t - self._looked)
            return DetectedFrame(look.frame, faces, False, look.all_boxes)
        read = _UNREAD if look.reading is None else look.reading.result()
        self._faces = self.follower.read(t, look.faces, look.rows, read)
        self._looked = t
        return DetectedFrame(look.frame, self._faces, True, look.all_boxes)

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
        """EmotionPredictions of the faces at ``boxes``, in their order."""
        with self.timer.stage("classify"):
            return classify_faces(self.classifier, [frame.image], [boxes])


@dataclass
class _PendingFrame:
    """A frame on its way: its faces are found, then known, then read at ``rows``; or no look.

    A look that is not ``due`` ends with ``found``: its faces are to be hidden, not followed.
    """

    frame: Frame
    found: Future[Detections] | None = None
    due: bool = False
    faces: Faces | None = None
    rows: npt.NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    reading: Future[F32] | None = None
    all_boxes: F32 = field(default_factory=lambda: np.zeros((0, 4), np.float32))


def look_ahead(looks: Iterable[_PendingFrame], most: int) -> Iterator[_PendingFrame]:
    """The same, each handed on when ``most`` of those after it are looks or there are no more."""
    begun: deque[_PendingFrame] = deque()
    count = 0
    for look in looks:
        begun.append(look)
        count += look.found is not None
        while count > most or (begun and begun[0].found is None):
            count -= begun[0].found is not None
            yield begun.popleft()
    yield from begun
