"""At what resolution faces are detected: as high as those of the stream require, and no higher."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, cast, runtime_checkable

import numpy as np

from moodstream.realtime.analysis.people.motion import BackgroundMotion
from moodstream.realtime.analysis.people.small_faces import HINT_CONFIDENCE, SmallFaces
from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.frames import Detections, Frame
from moodstream.realtime.networks.detectors import tiles
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.detectors.small_faces import read_enlarged, small, takes_tiles
from moodstream.realtime.networks.detectors.tiles import TakesTiles, Tile

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


@dataclass(frozen=True)
class DetectionPlan:
    """What a detection pass reads of a picture.

    Attributes:
        side: The longer side in px at which the whole picture is read, None for the detector's own.
        tiles: Parts that are read besides, for small faces.
    """

    side: int | None = None
    tiles: tuple[Tile, ...] = ()


@dataclass(frozen=True)
class DetectionPass:
    """What a detection pass saw.

    Attributes:
        faces: The faces.
        hints: (M, 4) xyxy px of what may be small faces, to be looked at in the next pass.
    """

    faces: Detections
    hints: F32 = field(default_factory=lambda: np.zeros((0, 4), np.float32))


class DetectionResolution:
    """Chooses what each detection pass over one stream reads from the faces tracked in it.

    A half or a quarter of the full size is enough where every face of the last two passes still
    has ``MIN_FACE_PX`` px; faces that are small even at full size are read in tiles of their own
    (``SmallFaces``). Every ``full_size_every`` seconds, while nobody is there, and after
    somebody was lost, a pass is at full size, so that small faces that come are detected, too.
    Where nothing moves but the people who are known, this is put off until something does, for
    ``MAX_WAIT_FACTOR`` times as long at most.

    Args:
        full_size_every: Seconds of media time between passes at full size; 0 for all of them.
        least_side: Smaller side in px from which a face matters.
    """

    def __init__(self, full_size_every: float, least_side: float = 0.0) -> None:
        self.full_size_every = full_size_every
        self.small_faces = SmallFaces(least_side)
        self._full_at: float | None = None
        self._background, self._boxes = BackgroundMotion(), np.zeros((0, 4), np.float32)
        # of two passes: the next one may have been started before the result of the last was
        # known, and one who comes must be detected in consecutive passes
        self._min_sides: deque[float | None] = deque(maxlen=2)

    def plan(self, frame: Frame, detector: FaceDetector) -> DetectionPlan:
        """What a pass over a frame reads."""
        parts: tuple[Tile, ...] = ()
        if takes_tiles(type(detector)):
            parts = self.small_faces.tiles(frame.t, frame.shape, cast("TakesTiles", detector))
        return DetectionPlan(self.input_side(frame, detector), parts)

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

    def observe(self, boxes: F32, lost: F32) -> None:
        """Take the people of a detection pass.

        Args:
            boxes: (N, 4) xyxy px of all faces that were detected or are tracked.
            lost: (M, 4) xyxy px of those who are tracked and were not detected.
        """
        self._boxes = boxes
        boxes = boxes[~self.small_faces.is_small(boxes)]
        somebody_lost = not self.small_faces.is_small(lost).all()
        sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) if len(boxes) else np.zeros(0)
        self._min_sides.append(None if somebody_lost or len(sides) == 0 else float(sides.min()))


def detect_at(
    detector: FaceDetector,
    images: Sequence[Image],
    plans: Sequence[DetectionPlan],
    min_confidence: float,
) -> list[DetectionPass]:
    """Detect in pictures, those of one size in one batch.

    Args:
        detector: What detects.
        images: (H, W, 3) uint8 BGR each.
        plans: What is read of each, from ``DetectionResolution``.
        min_confidence: The score from which a detection counts, in [0, 1].

    Returns:
        What was seen in each picture, in their order.
    """
    passes: dict[int, DetectionPass] = {}
    hinting = takes_tiles(type(detector))
    for side in dict.fromkeys(plan.side for plan in plans):
        rows = [row for row, plan in enumerate(plans) if plan.side == side]
        sized = detector if side is None else cast(Reducible, detector).reduced(side)
        # a reduced pass is for the large faces
        lowest = min(min_confidence, HINT_CONFIDENCE) if hinting and not side else min_confidence
        batch = sized.detect([images[row] for row in rows], lowest)
        for row, whole in zip(rows, batch, strict=True):
            passes[row] = DetectionPass(whole)
            if hinting:
                reader = cast("TakesTiles", detector)
                passes[row] = _completed(reader, images[row], whole, plans[row], min_confidence)
    return [passes[row] for row in range(len(images))]


def _completed(
    detector: TakesTiles,
    image: Image,
    whole: Detections,
    plan: DetectionPlan,
    min_confidence: float,
) -> DetectionPass:
    """A pass with the plan's tiles, given what was seen in the whole picture."""
    scale = tiles.full_scale(detector, image.shape)
    lowest = min(min_confidence, HINT_CONFIDENCE)
    looks, plain = [whole], [tile for tile in plan.tiles if tile.scale == 1.0]
    looks += tiles.read(detector, image, plain, lowest)
    enlarged = [tile for tile in plan.tiles if tile.scale != 1.0]
    sure = [look.take(look.scores >= min_confidence) for look in looks]
    faces = tiles.merged(sure + read_enlarged(detector, image, enlarged, min_confidence))
    unsure = [_hints(whole, scale, min_confidence)]
    unsure += [_hints(look, 1.0, min_confidence) for look in looks[1:]]
    return DetectionPass(faces, np.concatenate(unsure))


def _hints(look: Detections, scale: float, min_confidence: float) -> F32:
    return small(look.boxes[look.scores < min_confidence], scale)
