"""Parts of a picture that a detector takes on their own: cut, read, and put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.detectors.geometry import STRIDE, clip, iou, solid

Size = tuple[int, int]

OVERLAP_PX = 112
"""px of the input by which neighbouring tiles overlap, and that the sides of a face in one may
have: every smaller face lies whole in one of them, larger ones are for a smaller scale."""

_GREY = 114
_EDGE_PX = 2.0  # of the input: a box that ends so near to where a tile was cut was cut itself
_SAME_IOU = 0.4
_INSIDE = 0.7  # share of a box within a larger one from which it is a part of it


@runtime_checkable
class TakesTiles(Protocol):
    """A detector that shrinks large pictures, but takes parts of them at a size of one's choice."""

    def full_side(self, shape: tuple[int, ...]) -> int:
        """The longer side in px at which it takes a picture (H, W, …)."""
        ...

    def tile_reader(self, size: Size) -> tuple[FaceDetector, Size]:
        """What reads pictures of about ``size`` (height, width) px, and exactly which size."""
        ...


@dataclass(frozen=True)
class Tile:
    """A part of a picture, and how large it is taken.

    Attributes:
        left: x of its left edge in picture px.
        top: y of its upper edge in picture px.
        size: Height and width in px at which the detector takes it.
        scale: px of that to one of the picture.
    """

    left: int
    top: int
    size: Size
    scale: float

    @property
    def box(self) -> tuple[float, float, float, float]:
        """xyxy in picture px; it may reach over the right and lower edge of the picture."""
        height, width = self.size
        return (
            self.left,
            self.top,
            self.left + width / self.scale,
            self.top + height / self.scale,
        )

    @property
    def pixels(self) -> int:
        """px that the detector takes."""
        return self.size[0] * self.size[1]


def full_scale(detector: TakesTiles, shape: tuple[int, ...]) -> float:
    """px of the input to one of a whole picture (H, W, …)."""
    return detector.full_side(shape) / max(shape[:2])


def grid(shape: tuple[int, ...], detector: TakesTiles, scale: float, side: int) -> list[Tile]:
    """Tiles that overlap by ``OVERLAP_PX`` and cover a picture (H, W, …).

    Args:
        shape: Of the picture.
        detector: What will read them.
        scale: px of the input to one of the picture.
        side: The longer side of a tile in px of the input at most, where the detector has none.
    """
    wanted = [_fitting(ceil(length * scale), side) for length in shape[:2]]
    _, size = detector.tile_reader((wanted[0], wanted[1]))
    tops, lefts = (_starts(length, own, scale) for length, own in zip(shape, size, strict=False))
    return [Tile(left, top, size, scale) for top in tops for left in lefts]


def _fitting(length: int, limit: int) -> int:
    """The side of the tiles, a multiple of STRIDE, that cover a length with the least to spare."""
    if length <= limit:
        return ceil(length / STRIDE) * STRIDE
    count = ceil((length - OVERLAP_PX) / (limit - OVERLAP_PX))
    return min(limit, ceil(((length - OVERLAP_PX) / count + OVERLAP_PX) / STRIDE) * STRIDE)


def _starts(length: int, side: int, scale: float) -> list[int]:
    """Where tiles begin along a length of the picture, the last one at its end."""
    free = length - side / scale
    if free <= 0:
        return [0]
    count = ceil(free / ((side - OVERLAP_PX) / scale) - 1e-9) + 1
    # the last one may reach over the edge by less than a pixel
    return [*(int(free * k / (count - 1)) for k in range(count - 1)), ceil(free)]


def around(
    boxes: F32,
    shape: tuple[int, ...],
    detector: TakesTiles,
    scale: float,
    sides: Sequence[int],
    margin: float,
) -> list[Tile]:
    """Few tiles in which every box lies whole, with what is around it.

    Args:
        boxes: (N, 4) xyxy px of the picture.
        shape: Of the picture, (H, W, …).
        detector: What will read them.
        scale: px of the input to one of the picture.
        sides: The sides that a tile may have in px of the input, rising, where the detector has
            none of its own; the largest takes several boxes, the others those that lie alone.
        margin: px of the picture that must be around a box.
    """
    sizes = [detector.tile_reader((side, side))[1] for side in sides]
    high, wide = sizes[-1][0] / scale, sizes[-1][1] / scale
    padded = boxes.astype(np.float64) + np.array([-margin, -margin, margin, margin])
    padded = np.clip(padded, 0, np.tile([shape[1], shape[0]], 2))
    tiles: list[Tile] = []
    while len(padded):
        first = padded[:, 1].argmin()
        top = _start(padded[first, 1], shape[0] - high)
        row = padded[padded[:, 3] <= top + high]
        # where the first is too large for a tile, that shows its upper left part
        left = _start(row[:, 0].min() if len(row) else padded[first, 0], shape[1] - wide)
        done = (padded[:, :2] >= [left, top]).all(axis=1)
        done &= (padded[:, 2:] <= [left + wide, top + high]).all(axis=1)
        if not done.any():
            done[first] = True
        tiles.append(_smallest(padded[done], shape, sizes, scale))
        padded = padded[~done]
    return tiles


def _smallest(
    boxes: npt.NDArray[np.float64], shape: tuple[int, ...], sizes: Sequence[Size], scale: float
) -> Tile:
    """The smallest tile that boxes (N, 4), margins included, lie in; else the largest."""
    corner, end = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    for size in sizes:
        high, wide = size[0] / scale, size[1] / scale
        left, top = _start(corner[0], shape[1] - wide), _start(corner[1], shape[0] - high)
        if end[0] <= left + wide and end[1] <= top + high:
            break
    return Tile(left, top, size, scale)


def _start(wanted: float, last: float) -> int:
    """Where a tile begins: nothing beyond the edge of the picture is needed."""
    return max(0, min(int(wanted), ceil(last)))


def read(
    detector: TakesTiles, image: Image, tiles: Sequence[Tile], min_confidence: float
) -> list[Detections]:
    """The faces of each tile, in px of the picture, without those that it cuts.

    Args:
        detector: What detects.
        image: The picture, (H, W, 3) uint8 BGR.
        tiles: Parts of it.
        min_confidence: The score from which a face counts.
    """
    found: dict[int, Detections] = {}
    for size in dict.fromkeys(tile.size for tile in tiles):
        rows = [row for row, tile in enumerate(tiles) if tile.size == size]
        reader, _ = detector.tile_reader(size)
        for row in rows:  # one at a time: the pictures of all would be large
            (faces,) = reader.detect([_cut(image, tiles[row])], min_confidence)
            found[row] = _whole(faces, tiles[row], image.shape)
    return [found[row] for row in range(len(tiles))]


def _cut(image: Image, tile: Tile) -> Image:
    """The picture of a tile at its size; grey where it reaches over the edge."""
    x1, y1, x2, y2 = (round(value) for value in tile.box)
    part = image[y1:y2, x1:x2]
    below, right = y2 - y1 - part.shape[0], x2 - x1 - part.shape[1]
    if below or right:
        bars = (0, below, 0, right)
        padded = cv2.copyMakeBorder(part, *bars, cv2.BORDER_CONSTANT, value=(_GREY,) * 3)
        part = np.asarray(padded, np.uint8)
    if part.shape[:2] == tile.size:
        return np.ascontiguousarray(part)
    how = cv2.INTER_AREA if tile.scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, tile.size[::-1], interpolation=how), np.uint8)


def _whole(faces: Detections, tile: Tile, shape: tuple[int, ...]) -> Detections:
    """Faces in px of a tile's picture as faces of the whole one, but those that were cut."""
    inner = np.array(
        [
            tile.left > 0,
            tile.top > 0,
            round(tile.box[2]) < shape[1],
            round(tile.box[3]) < shape[0],
        ]
    )
    height, width = tile.size
    room = np.concatenate([faces.boxes[:, :2], [width, height] - faces.boxes[:, 2:]], axis=1)
    sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
    # of a picture that is a single tile nothing is cut
    too_large = (sides.max(axis=1, initial=0) > OVERLAP_PX) & inner.any()
    cut = np.asarray(((room < _EDGE_PX) & inner).any(axis=1) | too_large)
    whole = faces.take(~cut)
    x1, y1, x2, y2 = (round(value) for value in tile.box)
    back = np.array([(x2 - x1) / width, (y2 - y1) / height], np.float32)
    corner = np.array([tile.left, tile.top], np.float32)
    boxes = clip(whole.boxes * np.tile(back, 2) + np.tile(corner, 2), *shape[:2])
    marks = None if whole.landmarks is None else whole.landmarks * back + corner
    return Detections(boxes, whole.scores, marks).take(solid(boxes))


def merged(parts: Sequence[Detections]) -> Detections:
    """The faces of a picture from several looks at it, each once, best score first.

    A detector has removed doubles within a look. Of boxes of two looks that overlap the better
    one is kept; one that lies within a larger one is a part of that face.
    """
    parts = [part for part in parts if len(part)]
    if len(parts) <= 1:
        return parts[0] if parts else Detections.none()
    faces, look = _joined(parts)
    order = np.argsort(-faces.scores, kind="stable")
    faces, look = faces.take(order), look[order]
    other = look[:, None] != look[None, :]
    dropped = np.zeros(len(faces), bool)
    same = (iou(faces.boxes, faces.boxes) >= _SAME_IOU) & other
    for row in range(len(faces)):
        if not dropped[row]:
            dropped[row + 1 :] |= same[row, row + 1 :]
    faces, other = faces.take(~dropped), other[np.ix_(~dropped, ~dropped)]
    part_of_another = np.asarray((_within(faces) & other).any(axis=1))
    return faces.take(~part_of_another)


def _within(faces: Detections) -> npt.NDArray[np.bool_]:
    """Which faces lie mostly within a larger one that is at least about as sure, (N, N)."""
    boxes = faces.boxes
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    corner = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    shared = np.maximum(np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - corner, 0).prod(axis=2)
    larger = area[None, :] > area[:, None]
    as_sure = faces.scores[None, :] >= 0.5 * faces.scores[:, None]
    return np.asarray((shared >= _INSIDE * area[:, None]) & larger & as_sure)


def _joined(parts: Sequence[Detections]) -> tuple[Detections, npt.NDArray[np.intp]]:
    """All faces as one, and which part each is of; landmarks only where all parts have them."""
    landmarks = [part.landmarks for part in parts if part.landmarks is not None]
    faces = Detections(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate(landmarks) if len(landmarks) == len(parts) else None,
    )
    return faces, np.repeat(np.arange(len(parts)), [len(part) for part in parts])
