"""What is known of a stream after an analysed frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.analysis.group.timeline import Timeline
from moodstream.realtime.analysis.people.tracker import PeopleTracker, extrapolated
from moodstream.realtime.arrays import F32
from moodstream.realtime.frames import Detections, Faces, Frame, GroupState, Index
from moodstream.realtime.runs.live import scheduler
from moodstream.realtime.runs.live.metrics import EventRate, PredictionRate
from moodstream.realtime.runs.live.prediction_log import PredictionLog

MAX_BOX_AGE_S = 0.3
"""Seconds after a detection pass for which a predicted box is good enough to classify a face in."""

DEFAULT_FPS = 25.0
"""The frame rate of a stream until it has been measured."""


@dataclass(frozen=True)
class Snapshot:
    """What is known of a stream after a step of the analysis: the people, and the group.

    Attributes:
        frame: The frame that was analysed.
        faces: The people in it.
        state: The group at the last step of the timeline.
        detected: Whether faces were detected in this very frame; else their boxes are predictions.
        all_boxes: (M, 4) xyxy px, every face of the last detection pass, also those that do not
            count; where faces are hidden, these are.
        visible: How many faces can be classified now.
        oldest_s: Age in seconds of the oldest prediction among visible faces, None without any.
        black_since: Stream seconds since when the picture has been black, so that no face was
            looked for; None where there is something to be seen.
        shifts: The mood shifts that this step has brought.
    """

    frame: Frame
    faces: Faces
    state: GroupState
    detected: bool
    all_boxes: F32
    visible: int = 0
    oldest_s: float | None = None
    black_since: float | None = None
    shifts: tuple[MoodShift, ...] = ()

    @property
    def t(self) -> float:
        """Stream time in seconds."""
        return self.frame.t


class StreamAnalysis:
    """All that the analysis knows of one stream; only the analysis thread changes it.

    Args:
        people: Tracks the people of the stream.
        timeline: Sums them up and emits rows.
        fps: Gives the measured frame rate, None while it is not known.
    """

    def __init__(
        self, people: PeopleTracker, timeline: Timeline, fps: Callable[[], float | None]
    ) -> None:
        self.people, self.timeline, self.fps = people, timeline, fps
        self.predictions = PredictionLog()
        self.prediction_rate, self.detection_rate = PredictionRate(), EventRate()
        self.snapshot: Snapshot | None = None
        self.stride = 1  # every how many frames there is a detection pass
        self.all_boxes: F32 = np.zeros((0, 4), np.float32)
        self._detected: tuple[float, Faces] | None = None

    def is_due(self, t: float, interval_s: float) -> bool:
        """Whether there should be a detection pass at ``t``, ``interval_s`` after the last one."""
        fps = self.fps() or DEFAULT_FPS
        self.stride = scheduler.stride(interval_s, fps)
        return self._detected is None or t >= self._detected[0] + (self.stride - 0.5) / fps

    def detected(self, frame: Frame, detections: Detections) -> None:
        """Take the faces detected in a frame.

        Those below the confidence from which a face counts are only kept for hiding them.
        """
        self.all_boxes = detections.boxes
        counts = detections.scores >= self.people.settings.min_confidence
        self._detected = frame.t, self.people.update(frame, detections.take(counts))
        self.detection_rate.add(frame.t)

    def at(self, t: float) -> tuple[Faces, Index]:
        """Everyone at ``t``, and the rows of those whose face can be classified."""
        if self._detected is None:
            return Faces.none(), np.zeros(0, np.intp)
        then, faces = self._detected
        is_fresh = t - then <= MAX_BOX_AGE_S
        visible = np.flatnonzero(faces.seen) if is_fresh else np.zeros(0, np.intp)
        return (faces if t == then else extrapolated(faces, t - then)), visible

    @property
    def black_since(self) -> float | None:
        """Stream seconds since when the picture has been black, None where it is not."""
        return None if self.snapshot is None else self.snapshot.black_since

    def black(self, frame: Frame) -> Snapshot:
        """Take a black frame: what was known before is no longer the case."""
        since = frame.t if self.black_since is None else self.black_since
        self.snapshot = Snapshot(
            frame,
            Faces.none(),
            GroupState(t=frame.t, people=0),
            detected=False,
            all_boxes=np.zeros((0, 4), np.float32),
            black_since=since,
        )
        return self.snapshot

    def classified(self, frame: Frame, faces: Faces, rows: Index, values: F32) -> Faces:
        """Take predictions of the faces at ``rows``; the same faces with their new estimates."""
        faces = self.people.add_predictions(frame.t, faces, rows, values)
        self.predictions.add(frame.t, faces, rows, values)
        assert self._detected is not None
        then, last = self._detected
        self._detected = (
            then,
            replace(last, probs=faces.probs, extras=faces.extras, labels=faces.labels),
        )
        return faces

    def finish_step(self, frame: Frame, faces: Faces, visible: Index, detected: bool) -> Snapshot:
        """All is known of a frame: bring the timeline up to it, and keep its snapshot."""
        shifts = [*self.timeline.advance_to(frame.t), *self.timeline.add(frame.t, faces, detected)]
        self.snapshot = Snapshot(
            frame,
            faces,
            self.timeline.state,
            detected,
            self.all_boxes,
            len(visible),
            self.predictions.oldest_s(frame.t, faces.track_ids[visible]),
            shifts=tuple(shifts),
        )
        return self.snapshot
