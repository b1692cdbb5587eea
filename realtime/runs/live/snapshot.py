"""What is known of a stream after an analysed frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from moodstream.realtime.analysis.group.timeline import Timeline
from moodstream.realtime.analysis.people.tracker import PeopleTracker, moved_on
from moodstream.realtime.arrays import F32
from moodstream.realtime.frames import Faces, Frame, GroupState, Index
from moodstream.realtime.runs.live import scheduler
from moodstream.realtime.runs.live.metrics import EventRate, PredictionRate
from moodstream.realtime.runs.live.prediction_log import PredictionLog

_TRUST = 0.3  # s after a look for which a predicted box is good enough to read a face in


@dataclass(frozen=True)
class Snapshot:
    """What is known of a stream after a step: the people at ``t``, and the group.

    looked: whether faces were looked for in this very frame; all_boxes: (M, 4) xyxy px, all that
    the last look found; oldest: age in seconds of the oldest reading among visible faces;
    black_since: stream seconds since when the picture has been black, so that nobody was looked
    for; None where there is something to be seen.
    """

    frame: Frame
    faces: Faces
    state: GroupState
    looked: bool
    all_boxes: F32
    visible: int = 0
    oldest: float | None = None
    black_since: float | None = None

    @property
    def t(self) -> float:
        """Stream time in seconds."""
        return self.frame.t


class StreamAnalysis:
    """One stream under the analyst's eyes. ``fps`` tells its frame rate as measured."""

    def __init__(
        self, follower: PeopleTracker, timeline: Timeline, fps: Callable[[], float | None]
    ) -> None:
        self.follower, self.timeline, self.fps = follower, timeline, fps
        self.log, self.refresh, self.looks = PredictionLog(), PredictionRate(), EventRate()
        self.snapshot: Snapshot | None = None
        self.every = 1
        self._looked: tuple[float, Faces] | None = None

    def due(self, t: float, interval: float) -> bool:
        """Whether this frame is the n-th since the last look."""
        fps = self.fps() or 25.0
        self.every = scheduler.stride(interval, fps)
        return self._looked is None or t >= self._looked[0] + (self.every - 0.5) / fps

    def look(self, frame: Frame, found: Any) -> None:
        """Take the faces found in a frame."""
        self._looked = frame.t, self.follower.locate(frame, found)

    def now(self, t: float) -> tuple[Faces, Index]:
        """Everyone at ``t``, and the rows of those whose face can be read."""
        if self._looked is None:
            return Faces.none(), np.zeros(0, np.intp)
        at, faces = self._looked
        readable = np.flatnonzero(faces.seen) if t - at <= _TRUST else np.zeros(0, np.intp)
        return (faces if t == at else moved_on(faces, t - at)), readable

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
            looked=False,
            all_boxes=np.zeros((0, 4), np.float32),
            black_since=since,
        )
        return self.snapshot

    def known(self, faces: Faces) -> None:
        """Keep what was read: the people of the last look have new estimates."""
        assert self._looked is not None
        at, last = self._looked
        self._looked = at, replace(last, probs=faces.probs, extras=faces.extras)
