"""At which size a stream's pictures are looked at: no larger than its faces ask for."""

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
"""px of a face's smaller side in the detector's input; half of it is found as well."""

MAX_WAIT_FACTOR = 2.0
"""How many times as long as else a full look waits while nothing moves around the people."""

_STEPS = (4, 2)


@runtime_checkable
class Reducible(Protocol):
    """A detector that can read pictures at less than its full size, for less."""

    def full_side(self, shape: tuple[int, ...]) -> int:
        """The longer side in px at which it reads a picture (H, W, …)."""
        ...

    def reduced(self, side: int) -> FaceDetector:
        """The same detector, reading pictures at a longer side of ``side`` px at most."""
        ...


@lru_cache
def _can_reduce(kind: type) -> bool:
    return issubclass(kind, Reducible)  # asked of each look, which takes a protocol its time


class DetectionResolution:
    """Chooses the size of each look at one stream from the faces followed in it.

    A half or a quarter of the full size does where every face of the last two looks still has
    ``MIN_FACE_PX`` px. Every ``full_size_every`` seconds, while nobody is there, and after somebody was lost
    the look is a full one, so that small faces that come are found, too. Where nothing moves but
    the people who are known, a full look waits until something does, for ``MAX_WAIT_FACTOR`` times as
    long at most.
    """

    def __init__(self, full_size_every: float) -> None:
        self.full_size_every = full_size_every
        self._full_at: float | None = None
        self._around, self._boxes = BackgroundMotion(), np.zeros((0, 4), np.float32)
        # of two looks: the next one may have been begun before the last was known, and one who
        # comes must be found in looks that follow each other
        self._smallest: deque[float | None] = deque(maxlen=2)

    def side(self, frame: Frame, detector: FaceDetector) -> int | None:
        """The longer side in px for a look at a frame, None for the detector's own."""
        if not _can_reduce(type(detector)):
            return None
        able = cast(Reducible, detector)
        step = self._step(frame.shape, able)
        if step is not None and not self._due(frame):
            return able.full_side(frame.shape) // step
        self._full_at = frame.t
        if self.full_size_every > 0:
            self._around.keep(frame.image)
        return None

    def _step(self, shape: tuple[int, ...], detector: Reducible) -> int | None:
        """By how much the size may be divided for the faces that are known."""
        sides = [side for side in self._smallest if side is not None]
        if not sides or len(sides) < len(self._smallest):
            return None
        share = min(sides) * detector.full_side(shape) / max(shape[:2])
        return next((step for step in _STEPS if share / step >= MIN_FACE_PX), None)

    def _due(self, frame: Frame) -> bool:
        """Whether it is time for a full look for the sake of those who may have come."""
        if self._full_at is None:
            return True
        waited = frame.t - self._full_at + 1e-6
        if waited < self.full_size_every:
            return False
        return waited >= MAX_WAIT_FACTOR * self.full_size_every or self._around.changed(
            frame.image, self._boxes
        )

    def found(self, boxes: F32, lost: bool) -> None:
        """All faces found or followed, (N, 4) xyxy px; ``lost``: one of these was not found."""
        self._boxes = boxes
        sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) if len(boxes) else np.zeros(0)
        self._smallest.append(None if lost or len(sides) == 0 else float(sides.min()))


def detect_at(
    detector: FaceDetector,
    images: Sequence[Image],
    sides: Sequence[int | None],
    min_confidence: float,
) -> list[Detections]:
    """Detect in pictures at sizes chosen by ``Zoom.side``, those of one size in one batch."""
    found: dict[int, Detections] = {}
    for side in dict.fromkeys(sides):
        rows = [row for row, other in enumerate(sides) if other == side]
        part = detector if side is None else cast(Reducible, detector).reduced(side)
        answers = part.detect([images[row] for row in rows], min_confidence)
        found.update(zip(rows, answers, strict=True))
    return [found[row] for row in range(len(images))]
