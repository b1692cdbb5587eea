"""The people in every frame of a file: detection, tracking, quality and classification."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from moodstream.realtime.analysis.people.resolution import (
    DetectionPass,
    DetectionPlan,
    detect_at,
)
from moodstream.realtime.analysis.people.tracker import (
    PREDICTION_COLUMNS,
    AnalysisSettings,
    PeopleTracker,
    extrapolated,
)
from moodstream.realtime.arrays import F32
from moodstream.realtime.frames import Detections, Faces, Frame
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.batch import classify_faces
from moodstream.realtime.networks.detectors.base import FaceDetector, FaceFilter
from moodstream.realtime.privacy import HIDE_FROM_CONFIDENCE
from moodstream.realtime.timing import StageTimer
from moodstream.trackers.smoothing import SmoothingSettings

_NO_PREDICTIONS = np.zeros((0, PREDICTION_COLUMNS), np.float32)
_NO_BOXES = np.zeros((0, 4), np.float32)
_FULL_SIZE_AHEAD = 8
"""Detection passes that are begun before a result is known, where all of them are at full size."""


@dataclass(frozen=True)
class DetectedFrame:
    """A frame with the people in it.

    Attributes:
        frame: The frame.
        faces: The people present.
        fresh: Whether people were tracked in this frame, else their boxes are extrapolated.
        all_boxes: (M, 4) xyxy px of every face of the last detection, tracked or not; it was made
            in this very frame where the settings say ``detect_every_frame``.
    """

    frame: Frame
    faces: Faces
    fresh: bool
    all_boxes: F32


def caller_threads(streams: int) -> int:
    """Threads that call networks which run ``streams`` calls at a time.

    Two more than calls: while they prepare images and decode answers, no core waits for them.
    """
    return streams + 2 if streams > 1 else 1


class OfflineAnalyzer:
    """Detects and classifies faces ``rate`` times a second of media time and tracks people.

    Args:
        detector: Finds faces.
        classifier: Predicts their emotions.
        settings: How often, and which faces count.
        smoothing: Of each person's predictions over time.
        picture_side: The long side of the frames in px.
        timer: Adds up the seconds of each stage.
        streams: Network calls that run at the same time; where it is above 1, any thread may
            make them.
        filters: Decide which of the detected faces count.

    Example:
        >>> from moodstream.testing import PaintedFaceClassifier, PaintedFaceDetector
        >>> from moodstream.testing import Person, ScriptedSource
        >>> source = ScriptedSource([Person((20, 20, 80, 90), "sad")], seconds=1.0)
        >>> analyzer = OfflineAnalyzer(PaintedFaceDetector(), PaintedFaceClassifier())
        >>> frames = list(analyzer.analyze(source.frames()))
        >>> len(frames), len(frames[-1].faces)
        (25, 1)
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
        self.people = PeopleTracker(self.settings, smoothing, picture_side, self.timer, filters)
        self.frames_searched = 0
        self._detect_from = self.settings.min_confidence
        if self.settings.detect_every_frame:  # to hide faces: those that do not count as well
            self._detect_from = min(self._detect_from, HIDE_FROM_CONFIDENCE)
        self._next_due: float | None = None
        self._faces, self._tracked_at = Faces.none(), 0.0
        self._all_boxes: F32 = _NO_BOXES
        self._predicted_at: dict[int, float] = {}  # of each person in view, the last time

    def analyze(self, frames: Iterable[Frame]) -> Generator[DetectedFrame, None, None]:
        """All frames in their order, boxes extrapolated where no detection pass was due.

        Networks run on ``caller_threads(streams)`` threads, tracking and smoothing on the
        caller's. What a detection pass reads is chosen when the last but one before it is known,
        or where all are at full size the last but some, whatever ``streams`` is, so that figures
        do not depend on the machine.
        """
        ahead = 1 if self.people.resolution.full_size_every else _FULL_SIZE_AHEAD
        with ThreadPoolExecutor(caller_threads(self.streams), "networks") as pool:
            detecting = look_ahead((self._begin(frame, pool) for frame in frames), ahead)
            tracked = (self._track(pending, pool) for pending in detecting)
            for pending in look_ahead(tracked, self.streams):
                yield self._complete(pending)

    def _begin(self, frame: Frame, pool: Executor) -> _PendingFrame:
        due = self._is_due(frame.t)
        if not due and not self.settings.detect_every_frame:
            return _PendingFrame(frame)
        plan = self.people.resolution.plan(frame, self.detector)
        return _PendingFrame(frame, pool.submit(self._detect, frame, plan), due)

    def _track(self, pending: _PendingFrame, pool: Executor) -> _PendingFrame:
        if pending.detections is not None:
            seen = pending.detections.result()
            detections, t = seen.faces, pending.frame.t
            self.people.resolution.small_faces.observe(t, detections.boxes, seen.hints)
            self.frames_searched += 1
            self._all_boxes = detections.boxes
            if pending.due:
                self._track_due(pending, detections, pool)
        pending.all_boxes = self._all_boxes
        return pending

    def _track_due(self, pending: _PendingFrame, detections: Detections, pool: Executor) -> None:
        """Match the faces that count with people, and start to classify those whose turn it is."""
        min_confidence = self.settings.min_confidence
        if self._detect_from < min_confidence:
            detections = detections.take(detections.scores >= min_confidence)
        pending.faces = self.people.match(pending.frame, detections)
        pending.rows = self._rows_to_classify(pending.frame.t, pending.faces)
        if len(pending.rows):
            boxes = pending.faces.boxes[pending.rows]
            pending.predictions = pool.submit(self._classify, pending.frame, boxes)

    def _complete(self, pending: _PendingFrame) -> DetectedFrame:
        t = pending.frame.t
        if pending.faces is None:
            faces = extrapolated(self._faces, t - self._tracked_at)
            return DetectedFrame(pending.frame, faces, False, pending.all_boxes)
        made = _NO_PREDICTIONS if pending.predictions is None else pending.predictions.result()
        self._faces = self.people.add_predictions(t, pending.faces, pending.rows, made)
        self._tracked_at = t
        return DetectedFrame(pending.frame, self._faces, True, pending.all_boxes)

    def _is_due(self, t: float) -> bool:
        # Slots on a fixed grid, so that every frame rate gets as many passes on average.
        if self.settings.every_frame:
            return True
        if self._next_due is not None and t < self._next_due - 1e-6:
            return False
        step, due = 1.0 / self.settings.rate, self._next_due
        self._next_due = t + step if due is None or t > due + step else due + step
        return True

    def _rows_to_classify(self, t: float, faces: Faces) -> npt.NDArray[np.intp]:
        """Rows of the faces to classify at ``t``: new ones, and those whose last is long ago."""
        ids = faces.track_ids.tolist()
        # to the nearest pass, or one that comes a little early would be left for the next
        since = t - self.settings.refresh + 0.5 / self.settings.rate
        due = [self._predicted_at.get(person, -np.inf) <= since for person in ids]
        rows = np.flatnonzero(faces.seen & np.array(due, bool))
        known = self._predicted_at
        self._predicted_at = {person: known[person] for person in ids if person in known}
        self._predicted_at.update((ids[row], t) for row in rows)
        return rows

    def _detect(self, frame: Frame, plan: DetectionPlan) -> DetectionPass:
        with self.timer.stage("convert"):
            image = frame.image
        with self.timer.stage("detect"):
            return detect_at(self.detector, [image], [plan], self._detect_from)[0]

    def _classify(self, frame: Frame, boxes: F32) -> F32:
        """``EmotionPredictions.columns`` of the faces at ``boxes``, in their order."""
        with self.timer.stage("classify"):
            return classify_faces(self.classifier, [frame.image], [boxes])


@dataclass
class _PendingFrame:
    """A frame on its way: detected, then tracked, then classified at ``rows``.

    Without ``detections`` no pass was made in it. One that was not ``due`` goes no further: its
    faces are to be hidden, not tracked.
    """

    frame: Frame
    detections: Future[DetectionPass] | None = None
    due: bool = False
    faces: Faces | None = None
    rows: npt.NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))
    predictions: Future[F32] | None = None
    all_boxes: F32 = field(default_factory=lambda: _NO_BOXES)


def look_ahead(frames: Iterable[_PendingFrame], passes: int) -> Iterator[_PendingFrame]:
    """The same, each handed on once ``passes`` detection passes after it have begun, or at the end.

    A frame without a pass of its own is handed on as soon as it is the first in the queue.
    """
    begun: deque[_PendingFrame] = deque()
    count = 0
    for pending in frames:
        begun.append(pending)
        count += pending.detections is not None
        while count > passes or (begun and begun[0].detections is None):
            count -= begun[0].detections is not None
            yield begun.popleft()
    yield from begun
