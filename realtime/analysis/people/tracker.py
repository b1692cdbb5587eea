"""Frame → Faces: detect, follow, judge, classify in one batch, smooth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from moodstream.realtime.analysis.people import quality
from moodstream.realtime.analysis.people.resolution import DetectionResolution
from moodstream.realtime.arrays import F32
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.frames import Detections, Faces, Frame
from moodstream.realtime.networks.detectors.base import (
    FaceFilter,
    apply_filters,
    filter_faces,
)
from moodstream.realtime.timing import StageTimer
from moodstream.trackers.faces import FaceTracker, TrackerSettings, moved
from moodstream.trackers.smoothing import Smoother, SmoothingSettings

PRESENT_FOR_S = 0.5
"""Seconds out of sight after which a person no longer counts as present."""

PREDICTION_COLUMNS = len(EMOTIONS) + len(EXTRAS)


@dataclass(frozen=True)
class AnalysisSettings:
    """How often faces are looked for and read, and which of them count.

    Args:
        rate: Looks per second of media time, from which people are followed.
        min_face: px of the smaller side of a face.
        min_confidence: Of the detector, in [0, 1].
        max_faces: Kept per picture.
        full_size_every: Seconds from one look at full size to the next as a rule (``DetectionResolution``); between
            them pictures are looked at no larger than the faces ask for, with 0 always at full
            size.
        refresh: Seconds after which a face that is seen is read again, at the look nearest to
            them; with 0 at every look.
        every_frame: Look at every frame, ``rate`` being theirs.
        detect_every_frame: Detect faces at full size in every frame, whatever its time is, for
            who must hide them. People are followed and read at ``rate`` all the same, so that
            the figures are those of a run with ``full_size_every`` 0.
    """

    rate: float = 10.0
    min_face: float = 16.0
    min_confidence: float = 0.5
    max_faces: int = 40
    full_size_every: float = 1.0
    refresh: float = 0.2
    every_frame: bool = False
    detect_every_frame: bool = False

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.min_face < 0 or self.max_faces < 1:
            raise ValueError(f"expected rate > 0, min_face ≥ 0 and max_faces ≥ 1, got {self}")
        if self.full_size_every < 0 or self.refresh < 0:
            raise ValueError(f"expected full_size_every and refresh ≥ 0, got {self}")
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"expected min_confidence in [0, 1], got {self.min_confidence}")


class PeopleTracker:
    """The people of one stream through time; the networks run elsewhere.

    ``all_boxes`` (M, 4) xyxy px is every box of the last look, also of those not followed.
    ``picture_side`` is the long side of the pictures in px; ``filters`` decide which faces count.
    """

    def __init__(
        self,
        settings: AnalysisSettings,
        smoothing: SmoothingSettings | None = None,
        picture_side: float = 640.0,
        timer: StageTimer | None = None,
        filters: Sequence[FaceFilter] = (),
    ) -> None:
        self.settings, self.timer = settings, timer or StageTimer()
        self.filters = tuple(filters)
        self.tracker = FaceTracker(TrackerSettings(rate=settings.rate), picture_side)
        self.smoother = Smoother(smoothing)
        self.zoom = DetectionResolution(
            0.0 if settings.detect_every_frame else settings.full_size_every
        )
        self.looks = self.faces_detected = self.readings = 0
        self.all_boxes: F32 = np.zeros((0, 4), np.float32)

    def locate(self, frame: Frame, found: Detections) -> Faces:
        """The people present once the faces ``found`` in a frame are known; nothing is read yet."""
        located = self.place(frame, found)
        unread = np.full((len(located), PREDICTION_COLUMNS), np.nan, np.float32)
        return self._smoothed(frame.t, located, unread)

    def place(self, frame: Frame, found: Detections) -> Faces:
        """As ``locate``, without their estimates: for who goes on to ``read`` them, maybe later."""
        self.all_boxes = found.boxes
        found = apply_filters(frame.image, found, self.filters) if self.filters else found
        found = filter_faces(found, self.settings.min_face, self.settings.max_faces)
        self.looks += 1
        self.faces_detected += len(found)
        with self.timer.stage("track"):
            tracks = self.tracker.update(frame.t, found.boxes)
        present = tracks.unseen <= PRESENT_FOR_S
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
        """The same faces with what was read from those at ``rows``, as `EmotionPredictions.columns`."""
        values = np.full((len(faces), PREDICTION_COLUMNS), np.nan, np.float32)
        values[rows] = read
        self.readings += len(rows)
        return self._smoothed(t, faces, values)

    def _smoothed(self, t: float, faces: Faces, values: F32) -> Faces:
        with self.timer.stage("smooth"):
            smoothed = self.smoother.update(t, faces.track_ids, values, faces.quality)
        probs, extras = np.split(smoothed, [len(EMOTIONS)], axis=1)
        return replace(faces, probs=probs, extras=extras)


def moved_on(faces: Faces, seconds: float) -> Faces:
    """The people of a look ``seconds`` later, their boxes moved on for at most ``PRESENT_FOR_S``."""
    if len(faces) == 0:
        return faces
    assert faces.velocity is not None
    boxes = moved(faces.boxes, faces.velocity, min(seconds, PRESENT_FOR_S))
    return replace(faces, boxes=boxes, seen=np.zeros(len(faces), bool), landmarks=None)
