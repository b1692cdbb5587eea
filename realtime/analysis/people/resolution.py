"""The resolution at which faces are detected: no higher than those of the stream require."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, cast, runtime_checkable

import numpy as np

from moodstream.realtime.analysis.people.motion import BackgroundMotion
from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.frames import Detections, Frame
from moodstream.realtime.networks.detectors.base import FaceDetector

MIN_FACE_PX = 48.0
"""px that a face's smaller side should have in the detector's input; it detects half of it, too."""

MAX_WAIT_FACTOR = 2.0
"""By how much a pass at full size is put off at most while nothing moves around the people."""

_REDUCTIONS = (4, 2)


@runtime_checkable
class Reducible(Protocol):
    """A detector that can also run at less than its full input size, which costs less."""

    def full_side(self, shape: tuple[int, ...]) -> int:
        """The longer side in px at which it takes a picture (H, W, …)."""
        ...

    def reduced(self, side: int) -> FaceDetector:
        """The same detector, taking pictures at a longer side of so many px at most."""
        ...


@lru_cache
def _can_reduce(kind: type) -> bool:
    return issubclass(kind, Reducible)  # too slow to be asked in each pass


class DetectionResolution:
    """Chooses the resolution of each detection pass over one stream from the faces tracked in it.

    A half or a quarter of the full size is enough where every face of the last two passes still
    has ``MIN_FACE_PX`` px. Every ``full_size_every`` seconds, while nobody is there, and after
    somebody was lost, a pass is at full size, so that small faces that come are detected, too.
    Where nothing moves but the people who are known, this is put off until something does, for
    ``MAX_WAIT_FACTOR`` times as long at most.

    Args:
        full_size_every: Seconds of media time between passes at full size; 0 for all of them.
    """

    def __init__(self, full_size_every: float) -> None:
        self.full_size_every = full_size_every
        self._full_at: float | None = None
        self._background, self._boxes = BackgroundMotion(), np.zeros((0, 4), np.float32)
        # of two passes: the next one may have been started before the result of the last was
        # known, and one who comes must be detected in consecutive passes
        self._min_sides: deque[float | None] = deque(maxlen=2)

    def input_side(self, frame: Frame, detector: FaceDetector) -> int | None:
        """The longer side in px at which to detect in a frame, None for the detector's own."""
        if not _can_reduce(type(detector)):
            return None
        reducible = cast(Reducible, detector)
        reduction = self._reduction(frame.shape, reducible)
        if reduction is not None and not self._full_size_due(frame):
            return reducible.full_side(frame.shape) // reduction
        self._full_at = frame.t
        if self.full_size_every > 0:
            self._background.set_reference(frame.image)
        return None

    def _reduction(self, shape: tuple[int, ...], detector: Reducible) -> int | None:
        """By how much the size may be divided for the faces that are known."""
        sides = [side for side in self._min_sides if side is not None]
        if not sides or len(sides) < len(self._min_sides):
            return None
        face = min(sides) * detector.full_side(shape) / max(shape[:2])
        return next((by for by in _REDUCTIONS if face / by >= MIN_FACE_PX), None)

    def _full_size_due(self, frame: Frame) -> bool:
        """Whether it is time for a pass at full size to detect those who may have come."""
        if self._full_at is None:
            return True
        waited = frame.t - self._full_at + 1e-6
        if waited < self.full_size_every:
            return False
        return waited >= MAX_WAIT_FACTOR * self.full_size_every or self._background.changed(
            frame.image, self._boxes
        )

    def observe(self, boxes: F32, lost: bool) -> None:
        """Take the result of a detection pass.

        Args:
            boxes: (N, 4) xyxy px of all faces that were detected or are tracked.
            lost: Whether one of those who are tracked was not detected.
        """
        self._boxes = boxes
        sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) if len(boxes) else np.zeros(0)
        self._min_sides.append(None if lost or len(sides) == 0 else float(sides.min()))


def detect_at(
    detector: FaceDetector,
    images: Sequence[Image],
    sides: Sequence[int | None],
    min_confidence: float,
) -> list[Detections]:
    """Detect in pictures, those of one size in one batch.

    Args:
        detector: What detects.
        images: (H, W, 3) uint8 BGR each.
        sides: The longer side in px for each, from ``DetectionResolution``; None for full size.
        min_confidence: The score from which a detection counts, in [0, 1].

    Returns:
        The detections of each picture, in their order.
    """
    detections: dict[int, Detections] = {}
    for side in dict.fromkeys(sides):
        rows = [row for row, other in enumerate(sides) if other == side]
        sized = detector if side is None else cast(Reducible, detector).reduced(side)
        batch = sized.detect([images[row] for row in rows], min_confidence)
        detections.update(zip(rows, batch, strict=True))
    return [detections[row] for row in range(len(images))]
