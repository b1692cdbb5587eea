"""Tracking of faces: Norfair behind a small interface, boxes in, stable ids out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

REFERENCE_SIDE = 640.0
"""px of the longer side of pictures for which the Kalman filter's noise is tuned; boxes in others
are scaled to it."""

_UNSEEN_DAMPING = 0.7  # of the speed of a face out of sight, per step


@dataclass(frozen=True)
class TrackerSettings:
    """When a face becomes a track, and when a track ends.

    Attributes:
        rate: Steps per second of media time, at least as many as there are detection passes.
        birth: Seconds a face must be detected before it gets an id (Norfair's
            ``initialization_delay``).
        coast: Seconds an established person may be out of sight (Norfair's ``hit_counter_max``).
        max_distance: 1 - DIoU beyond which a box is somebody else's; 1.1 is about 0.8 face widths
            away.
    """

    rate: float = 10.0
    birth: float = 0.2
    coast: float = 1.5
    max_distance: float = 1.1

    def __post_init__(self) -> None:
        if not (self.rate > 0 and 0 <= self.birth < self.coast):  # so that NaN is refused
            raise ValueError(f"expected rate > 0 and coast > birth ≥ 0, got {self}")
        if not self.max_distance > 0:
            raise ValueError(f"expected max_distance > 0, got {self.max_distance}")


@dataclass(frozen=True)
class Tracks:
    """The N people tracked at one time.

    Attributes:
        ids: (N,) int64, ascending.
        boxes: (N, 4) float32 xyxy px.
        velocity: (N, 4) float32 px/s of their corners.
        detection: (N,) int64, the row of the detection that belongs to each, -1 where there is
            none and the box is extrapolated.
        unseen: (N,) float32 seconds since last detected.
    """

    ids: I64
    boxes: F32
    velocity: F32
    detection: I64
    unseen: F32


def extrapolate_boxes(boxes: F32, velocity: F32, seconds: float) -> F32:
    """Boxes (N, 4) xyxy moved by ``velocity`` (N, 4) px/s; good for some tenths of a second."""
    ahead = boxes + velocity * np.float32(seconds)
    # a box extrapolated too far may have turned inside out
    low, high = np.minimum(ahead[:, :2], ahead[:, 2:]), np.maximum(ahead[:, :2], ahead[:, 2:])
    return np.hstack([low, high]).astype(np.float32)


def diou_distance(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """1 - distance-IoU (Zheng et al. 2020) of boxes (N, 4) and (M, 4) xyxy: (N, M) in [0, 2).

    Unlike 1 - IoU it still grows with the distance where boxes do not overlap, as those of small,
    quick faces do not from one detection pass to the next.
    """
    a, b = np.asarray(a, np.float64)[:, None], np.asarray(b, np.float64)[None]
    inner = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    overlap = inner.clip(min=0).prod(-1)
    areas = (a[..., 2:] - a[..., :2]).clip(min=0).prod(-1) + (
        (b[..., 2:] - b[..., :2]).clip(min=0).prod(-1)
    )
    outer = np.maximum(a[..., 2:], b[..., 2:]) - np.minimum(a[..., :2], b[..., :2])
    apart = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    distance: npt.NDArray[np.float64] = (
        1
        - overlap / np.maximum(areas - overlap, 1e-9)
        + (apart**2).sum(-1) / np.maximum((outer**2).sum(-1), 1e-9)
    )
    return distance


class _Distances:
    """``diou_distance`` as Norfair asks for it.

    Its own ``VectorizedDistance`` sorts everything by label first, which takes ten times as long as
    the distances; faces have none.
    """

    def get_distances(self, objects: Sequence[Any], candidates: Sequence[Any]) -> F32:
        if not objects or not candidates:
            return np.full((len(candidates), len(objects)), np.inf, np.float32)
        detected = np.array([detection.points.ravel() for detection in candidates])
        tracked = np.array([person.estimate.ravel() for person in objects])
        return diou_distance(detected, tracked).astype(np.float32)


class FaceTracker:
    """Gives boxes stable ids; time is in seconds, pictures may be of any size.

    Norfair counts updates, so the tracker is stepped on a fixed grid of ``rate`` steps a second:
    a longer time between two detection passes is several steps, and all its settings are in
    seconds.

    Args:
        settings: When tracks begin and end.
        picture_side: The longer side of the pictures in px.

    Example:
        >>> import numpy as np
        >>> tracker = FaceTracker(TrackerSettings(rate=10))
        >>> for k in range(5):  # a face that moves 20 px a second
        ...     boxes = np.array([[100, 100, 150, 160]], np.float32) + 2 * k
        ...     tracks = tracker.update(k / 10, boxes)
        >>> tracks.ids, tracks.detection
        (array([1]), array([0]))
    """

    def __init__(
        self, settings: TrackerSettings | None = None, picture_side: float = REFERENCE_SIDE
    ) -> None:
        self.settings = settings or TrackerSettings()
        self._scale = REFERENCE_SIDE / picture_side
        self._offset = 0
        self._tracker: Any = None
        self.reset()

    def reset(self) -> None:
        """Forget everyone; ids go on, so that none is given twice."""
        from norfair import OptimizedKalmanFilterFactory, Tracker

        if self._tracker is not None:
            self._offset += self._tracker.total_object_count
        steps = max(2, round(self.settings.coast * self.settings.rate))
        self._tracker = Tracker(
            distance_function="iou",
            distance_threshold=self.settings.max_distance,
            hit_counter_max=steps,
            initialization_delay=min(round(self.settings.birth * self.settings.rate), steps - 1),
            past_detections_length=0,
            # Norfair's own start assumes next to no speed, which loses quick faces at 10 passes/s
            filter_factory=OptimizedKalmanFilterFactory(Q=0.5, vel_variance=50.0),
        )
        # Norfair's constructor takes names only; "iou" would be blind to boxes that do not meet.
        self._tracker.distance_function = _Distances()
        self._t: float | None = None
        self._rare: float | None = None  # time of the pass before the last, if long before it

    @property
    def count(self) -> int:
        """How many ids have been given out."""
        return self._offset + int(self._tracker.total_object_count)

    def update(self, t: float, boxes: F32) -> Tracks:
        """Take the detections of one pass.

        Args:
            t: Seconds of media time.
            boxes: (N, 4) float32 xyxy px.

        Returns:
            The people who are tracked, detected now or not.

        Raises:
            ValueError: Time runs backwards, or a box is not finite.
        """
        from norfair import Detection

        if not np.isfinite(boxes).all():
            raise ValueError("expected finite boxes, got NaN or infinity")
        if self._t is not None and t < self._t:
            raise ValueError(f"expected time to go on from {self._t}, got {t}")
        steps = self._advance(t)
        detections = [
            Detection(points=box.reshape(2, 2).astype(np.float64) * self._scale, data=(row, t))
            for row, box in enumerate(boxes)
        ]
        initializing = {
            person: person.hit_counter
            for person in self._tracker.tracked_objects
            if person.is_initializing
        }
        active = self._tracker.update(detections or None, period=steps)
        self._keep_hit_counts(initializing, steps)
        self._t = t
        self._damp(t)
        return self._tracks(active, t)

    def _advance(self, t: float) -> int:
        """Step over the time since the last update; returns the steps that this one stands for."""
        if self._t is None:
            return 1
        rate = self.settings.rate
        steps = max(1, round(t * rate) - round(self._t * rate))
        if steps > self._tracker.hit_counter_max + 1:
            rare, last = self._rare, self._t
            self.reset()
            self._rare = last
            # in passes that are all so far apart nobody would be detected twice in time for an id
            return self._tracker.initialization_delay + 1 if rare is not None else 1
        self._rare = None
        for step in range(steps - 1):
            self._tracker.update(None)
            self._damp(self._t + (step + 1) / rate)
        return steps

    def _keep_hit_counts(self, initializing: dict[Any, int], steps: int) -> None:
        """Give those who got their id in this update the hits that they really had.

        norfair-enough sets them to the maximum, unlike the Norfair before it: a wrong box that was
        detected twice would be tracked for the whole ``coast``.
        """
        for person, hits in initializing.items():
            if not person.is_initializing:
                # a step costs one, a detection gives two for each step that it stands for
                person.hit_counter = min(hits - 1 + 2 * steps, self._tracker.hit_counter_max)

    def _damp(self, t: float) -> None:
        # Norfair's velocity is constant, but a face out of sight does not move on for ever
        for person in self._tracker.tracked_objects:
            if person.last_detection.data[1] < t:
                person.filter.x[person.dim_z :] *= _UNSEEN_DAMPING

    def _tracks(self, people: list[Any], t: float) -> Tracks:
        people = sorted(people, key=lambda person: int(person.id))
        n = len(people)
        boxes, velocity = np.zeros((n, 4), np.float32), np.zeros((n, 4), np.float32)
        detection = np.full(n, -1, np.int64)
        unseen = np.zeros(n, np.float32)
        for i, person in enumerate(people):
            row, when = person.last_detection.data
            unseen[i] = t - when
            where = person.estimate
            if when == t:
                where, detection[i] = person.last_detection.points, row
            boxes[i] = where.reshape(4) / self._scale
            velocity[i] = person.estimate_velocity.reshape(4) * self.settings.rate / self._scale
        ids = np.array([int(p.id) + self._offset for p in people], np.int64)
        return Tracks(ids, extrapolate_boxes(boxes, velocity, 0.0), velocity, detection, unseen)
