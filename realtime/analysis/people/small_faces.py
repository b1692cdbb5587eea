"""Where a stream has faces too small for its detection passes, and what to read for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32
from moodstream.realtime.networks.detectors import tiles
from moodstream.realtime.networks.detectors.small_faces import (
    MARGIN_PX,
    NEAR,
    SURE_SIDE_PX,
    ZOOM_SIDES_PX,
    zoom_tiles,
)
from moodstream.realtime.networks.detectors.tiles import TakesTiles, Tile

HINT_CONFIDENCE = 0.1
"""From which a small box is worth a closer look. A single picture has one chance and looks from a
lower one; a stream has many, and would pay for every false hint."""

FOLLOWED_FOR_S = 2.0
"""Seconds for which the surroundings of a small face are read after it was last found."""

SCAN_EVERY_S = 30.0
"""Seconds after which a picture that the detector shrinks is read at its own size again."""

DEEP_SCAN_EVERY_S = 10.0
DEEP_SCALE = 2.0
"""While small faces are known the whole picture is read at this scale so often: they seldom come
alone, and at its own size a video's compression hides those of 12 px."""

_SCAN_SIDE_PX = 640
_NOTHING_FOR_S = 10.0  # for so long a place where a hint was false is not looked at again
_MAX_HINT_TILES = 4  # in a pass
_SLACK = 0.8  # of the smallest face that counts: boxes of one face differ by so much
_CELL_PX = 6.0  # boxes of one face in several passes are as good as one
_NO_BOXES = np.zeros((0, 4), np.float32)


class SmallFaces:
    """Knows the small faces of a stream, and chooses the tiles to read for them in each pass.

    Small is what has less than ``SURE_SIDE_PX`` px in a pass at full size. The surroundings of
    each known small face are read enlarged in every pass; so are, once, those of a box that
    a pass hints at. A picture that the detector shrinks is besides scanned at its own size, at the
    start and every ``SCAN_EVERY_S`` seconds; while there are small faces any picture is, enlarged,
    every ``DEEP_SCAN_EVERY_S``. A scan is a tile in each pass, so that none takes long.

    Attributes:
        least_side: Smaller side in px from which a face matters.
        budget: px of the tiles of a pass in shares of those of one at full size; where that is not
            enough, those that follow known faces take turns.
    """

    def __init__(self, least_side: float = 0.0, budget: float = 4.0) -> None:
        self.least_side, self.budget = least_side, budget
        self._scale = 0.0  # of the last pass; 0 where the detector takes no tiles
        self._found: deque[tuple[float, F32]] = deque()
        self._hints: F32 = _NO_BOXES
        self._in_vain: deque[tuple[float, Tile]] = deque()
        self._scan: list[Tile] = []
        self._scanned_at: dict[float, float] = {}  # by scale
        self._turn = 0

    def is_small(self, boxes: F32) -> npt.NDArray[np.bool_]:
        """Which of ``boxes`` (N, 4) xyxy px are too small for a pass at full size, (N,)."""
        if self._scale == 0.0:
            return np.zeros(len(boxes), bool)
        sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
        return np.asarray(sides * self._scale < SURE_SIDE_PX)

    def tiles(self, t: float, shape: tuple[int, ...], detector: TakesTiles) -> tuple[Tile, ...]:
        """What to read besides the whole picture (H, W, …) at ``t`` seconds."""
        self._scale = tiles.full_scale(detector, shape)
        if self.least_side * self._scale >= SURE_SIDE_PX:
            return ()  # whoever counts is found anyway
        followed = self._enlarged(self._known(t), shape, detector)
        hinted = self._enlarged(self._worth_a_look(t), shape, detector)[:_MAX_HINT_TILES]
        self._in_vain.extend((t, tile) for tile in hinted)
        self._hints = _NO_BOXES
        whole = detector.full_side(shape) ** 2 * min(shape[:2]) / max(shape[:2])
        new = [*hinted, *self._next_of_scan(t, shape, detector)]
        left = self.budget * whole - sum(tile.pixels for tile in new)
        return (*self._in_turn(followed, left), *new)

    def observe(self, t: float, boxes: F32, hints: F32) -> None:
        """Take the result of a pass.

        Args:
            t: Its time in seconds.
            boxes: (N, 4) xyxy px of all faces that were detected, counted or not.
            hints: (M, 4) xyxy px of what may be small faces.
        """
        sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
        small = boxes[self.is_small(boxes) & (sides >= _SLACK * self.least_side)]
        if len(small):
            self._found.append((t, small))
        self._hints = hints

    def _known(self, t: float) -> F32:
        """Where small faces have been found lately, each place once."""
        while self._found and self._found[0][0] < t - FOLLOWED_FOR_S:
            self._found.popleft()
        boxes = _joined(boxes for _, boxes in self._found)
        places = np.unique(np.round(boxes / _CELL_PX), axis=0, return_index=True)[1]
        return boxes[np.sort(places)]

    def _worth_a_look(self, t: float) -> F32:
        """The hints that were not in vain a while ago, and are not about known faces."""
        while self._in_vain and self._in_vain[0][0] < t - _NOTHING_FOR_S:
            self._in_vain.popleft()
        hints = self._hints
        sides = (hints[:, 2:] - hints[:, :2]).min(axis=1, initial=np.inf)
        hints = hints[sides >= _SLACK * self.least_side]
        centres = (hints[:, :2] + hints[:, 2:]) / 2
        looked = np.zeros(len(hints), bool)
        for _, tile in self._in_vain:
            x1, y1, x2, y2 = tile.box
            looked |= ((centres > [x1, y1]) & (centres < [x2, y2])).all(axis=1)
        return np.asarray(hints[~looked])

    def _enlarged(self, boxes: F32, shape: tuple[int, ...], detector: TakesTiles) -> list[Tile]:
        """Tiles around boxes: at the picture's own size where that is enough, else enlarged."""
        sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
        tiny = sides < SURE_SIDE_PX
        plain: list[Tile] = []
        if not tiny.all():
            plain = tiles.around(boxes[~tiny], shape, detector, 1.0, ZOOM_SIDES_PX, 2 * MARGIN_PX)
        return plain + zoom_tiles(boxes[tiny], shape, detector, self._scale)

    def _in_turn(self, wanted: list[Tile], pixels: float) -> list[Tile]:
        """As many of the tiles as there is time for, beginning where the last pass ended."""
        if sum(tile.pixels for tile in wanted) <= pixels:
            return wanted
        chosen: list[Tile] = []
        for k in range(len(wanted)):
            tile = wanted[(self._turn + k) % len(wanted)]
            pixels -= tile.pixels
            if chosen and pixels < 0:
                break
            chosen.append(tile)
        self._turn = (self._turn + len(chosen)) % len(wanted)
        return chosen

    def _next_of_scan(self, t: float, shape: tuple[int, ...], detector: TakesTiles) -> list[Tile]:
        """The next tile of a scan, if there is one or it is time for one."""
        deep = bool(self._found)
        scale, every = (DEEP_SCALE, DEEP_SCAN_EVERY_S) if deep else (1.0, SCAN_EVERY_S)
        due = t >= self._scanned_at.get(scale, -np.inf) + every
        if not self._scan and due and scale > self._scale * NEAR:
            self._scanned_at[scale] = t
            self._scan = tiles.grid(shape, detector, scale, _SCAN_SIDE_PX)[::-1]
        return [self._scan.pop()] if self._scan else []


def _joined(parts: Iterable[F32]) -> F32:
    return np.concatenate([_NO_BOXES, *parts])
