"""The people of a stream: detections tracked, their quality measured, predictions smoothed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from moodstream.realtime.analysis.people import quality
from moodstream.realtime.analysis.people.resolution import DetectionResolution
from moodstream.realtime.arrays import F32
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.errors import require
from moodstream.realtime.frames import Detections, Faces, Frame
from moodstream.realtime.networks.detectors.base import (
    FaceFilter,
    apply_filters,
    filter_faces,
)
from moodstream.realtime.timing import StageTimer
from moodstream.trackers.faces import FaceTracker, TrackerSettings, extrapolate_boxes
from moodstream.trackers.labels import LabelHolder
from moodstream.trackers.smoothing import Smoother, SmoothingSettings

PRESENT_FOR_S = 0.5
"""Seconds out of sight after which a person no longer counts as present."""

PREDICTION_COLUMNS = len(EMOTIONS) + len(EXTRAS)
"""The width of ``EmotionPredictions.columns`` over EMOTIONS."""


@dataclass(frozen=True)
class AnalysisSettings:
    """How often faces are detected and classified, and which of them count.

    Attributes:
        rate: Detection passes per second of media time, by which people are tracked.
        min_face: Smaller side of a face in px from which it counts.
        min_confidence: Score of the detector from which a face counts, in [0, 1].
        max_faces: Faces per picture that count at most, the best by quality.
        full_size_every: Seconds between detection passes at full size as a rule; those between
            them are at the resolution that the faces require (``DetectionResolution``). With 0 all
            are at full size.
        refresh: Seconds after which a face is classified again, in the detection pass nearest to
            them; with 0 in every one.
        every_frame: Whether there is a detection pass in every frame, ``rate`` being theirs.
        detect_every_frame: Whether faces are detected at full size in every frame, whatever its
            time, so that they can be hidden. People are tracked and classified at ``rate`` all the
            same, so that the results are those of ``full_size_every`` 0.
    """

    rate: float = 10.0
    min_face: float = 10.0
    min_confidence: float = 0.5
    max_faces: int = 40
    full_size_every: float = 1.0
    refresh: float = 0.2
    every_frame: bool = False
    detect_every_frame: bool = False

    def __post_init__(self) -> None:
        counts = self.rate > 0 and self.min_face >= 0 and self.max_faces >= 1
        require(counts, "rate > 0, min_face ≥ 0 and max_faces ≥ 1", self)
        waits = self.full_size_every >= 0 and self.refresh >= 0
        require(waits, "full_size_every and refresh ≥ 0", self)
        require(0 <= self.min_confidence <= 1, "min_confidence in [0, 1]", self.min_confidence)


class PeopleTracker:
    """The people of one stream through time; the networks run elsewhere.

    Each detection pass is given to ``update``, or to ``match`` and, once its faces have been
    classified, to ``add_predictions``.

    Args:
        settings: Which faces count, and how often they are detected.
        smoothing: How predictions are averaged over time.
        picture_side: The longer side of the pictures in px.
        timer: Takes the seconds of the stages track, quality and smooth.
        filters: Further rules for which faces count.

    Attributes:
        all_boxes: (M, 4) float32 xyxy px of every detection of the last pass, tracked or not.
        detection_passes: Detection passes so far.
        faces_detected: Detections that counted so far.
        predictions: Predictions so far.

    Example:
        >>> import numpy as np
        >>> from moodstream.realtime.frames import Detections, Frame
        >>> people = PeopleTracker(AnalysisSettings(), picture_side=640)
        >>> face = np.array([[10, 10, 60, 60]], np.float32)
        >>> for k in range(5):
        ...     frame = Frame(np.zeros((480, 640, 3), np.uint8), t=k / 10, index=k)
        ...     faces = people.update(frame, Detections(face, np.ones(1, np.float32)))
        >>> faces.track_ids
        array([1])
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
        self.labels = LabelHolder()
        self.resolution = DetectionResolution(
            0.0 if settings.detect_every_frame else settings.full_size_every,
            # what is to be hidden must be found however small it is
            0.0 if settings.detect_every_frame else settings.min_face,
        )
        self.detection_passes = self.faces_detected = self.predictions = 0
        self.all_boxes: F32 = np.zeros((0, 4), np.float32)

    def update(self, frame: Frame, detections: Detections) -> Faces:
        """Take a detection pass.

        Args:
            frame: The frame, later than the one before.
            detections: The faces detected in it.

        Returns:
            The people present, with the estimates from their predictions so far.
        """
        matched = self.match(frame, detections)
        none = np.full((len(matched), PREDICTION_COLUMNS), np.nan, np.float32)
        return self._smoothed(frame.t, matched, none)

    def match(self, frame: Frame, detections: Detections) -> Faces:
        """As ``update`` without estimates (NaN), which ``add_predictions`` adds, maybe later."""
        self.all_boxes = detections.boxes
        if self.filters:
            detections = apply_filters(frame.image, detections, self.filters)
        detections = filter_faces(detections, self.settings.min_face, len(detections))
        if len(detections) > self.settings.max_faces:  # as in a photo, the best by quality count
            with self.timer.stage("quality"):
                measured = quality.measure(frame.image, detections.boxes)
            detections = detections.take(quality.best(measured, self.settings.max_faces))
        self.detection_passes += 1
        self.faces_detected += len(detections)
        with self.timer.stage("track"):
            tracks = self.tracker.update(frame.t, detections.boxes)
        present = tracks.unseen <= PRESENT_FOR_S
        ids, boxes, row = tracks.ids[present], tracks.boxes[present], tracks.detection[present]
        seen = row >= 0
        # one who has just come has no track yet, and must be detected again to get one
        self.resolution.observe(np.vstack([boxes, detections.boxes]), lost=boxes[~seen])
        scores = np.zeros(len(ids), np.float32)
        scores[seen] = detections.scores[row[seen]]
        qualities = np.zeros(len(ids), np.float32)
        with self.timer.stage("quality"):
            qualities[seen] = quality.measure(frame.image, boxes[seen])
        marks = None
        if detections.landmarks is not None:
            marks = np.full((len(ids), 5, 2), np.nan, np.float32)
            marks[seen] = detections.landmarks[row[seen]]
        probs = np.full((len(ids), len(EMOTIONS)), np.nan, np.float32)
        velocity = tracks.velocity[present]
        return Faces(boxes, scores, qualities, probs, ids, seen, marks, velocity=velocity)

    def add_predictions(
        self, t: float, faces: Faces, rows: npt.NDArray[np.intp], predictions: F32
    ) -> Faces:
        """Add the predictions for some of the faces of a detection pass.

        Args:
            t: The time of the pass in seconds.
            faces: What ``match`` returned for it.
            rows: Which of the faces were classified, (R,).
            predictions: (R, PREDICTION_COLUMNS), as from ``EmotionPredictions.columns``.

        Returns:
            The same faces with the estimates of all of them.
        """
        values = np.full((len(faces), PREDICTION_COLUMNS), np.nan, np.float32)
        values[rows] = predictions
        self.predictions += len(rows)
        return self._smoothed(t, faces, values)

    def _smoothed(self, t: float, faces: Faces, values: F32) -> Faces:
        with self.timer.stage("smooth"):
            smoothed = self.smoother.update(t, faces.track_ids, values, faces.quality)
        probs, extras = np.split(smoothed, [len(EMOTIONS)], axis=1)
        labels = self.labels.update(t, faces.track_ids, probs)
        return replace(faces, probs=probs, extras=extras, labels=labels)


def extrapolated(faces: Faces, seconds: float) -> Faces:
    """The people ``seconds`` later, their boxes extrapolated for at most ``PRESENT_FOR_S``."""
    if len(faces) == 0:
        return faces
    assert faces.velocity is not None
    boxes = extrapolate_boxes(faces.boxes, faces.velocity, min(seconds, PRESENT_FOR_S))
    return replace(faces, boxes=boxes, seen=np.zeros(len(faces), bool), landmarks=None)
