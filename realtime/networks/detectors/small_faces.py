"""A close look at one picture: faces of all sizes, also those a detector is too coarse for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors import tiles
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.detectors.tiles import TakesTiles, Tile

SURE_SIDE_PX = 24.0
"""px that a face's smaller side needs in the input to be found with certainty: of the labelled
faces of group photos CenterFace finds all at 24 px, 0.95 at 20, 0.56 at 16 and none at 12."""

ZOOM = 2.5
"""px of the input to one of the picture by which small faces are enlarged: 12 px become 30."""

ZOOM_SIDES_PX = (160, 320)
SCAN_SIDE_PX = 960
"""The sides of tiles in px of the input: few faces ask for small ones, a whole picture for large
ones, of which less overlaps."""

HINT_CONFIDENCE = 0.06
"""Of a face of 12 px at its own size CenterFace is so sure, though that is far from certain."""

MARGIN_PX = 16.0
"""px of the picture around a small face that a detector should see as well."""

_LEAST_SIDE_PX = 18.0  # of the input: smaller ones are specks, enlarged until they have a shape
_STEP = 2.0  # of the scales of a large picture, from one to the next
NEAR = 1.1
"""A scale no larger by this than one that was read adds nothing."""


@lru_cache
def takes_tiles(kind: type) -> bool:
    """Whether a detector's type is ``TakesTiles``; asked in each pass, which is slow otherwise."""
    return issubclass(kind, TakesTiles)


def detect_closely(detector: FaceDetector, image: Image, min_confidence: float) -> Detections:
    """The faces of a picture of any size, from about 9 px on; each once, best score first.

    The whole picture is read at the detector's size, a larger one besides in tiles up to its own
    size; where that hints at faces too small to be sure of, the surroundings are enlarged.

    Args:
        detector: What detects; one that takes no tiles reads the picture once.
        image: (H, W, 3) uint8 BGR.
        min_confidence: The score from which a face counts.
    """
    if not takes_tiles(type(detector)):
        return detector.detect([image], min_confidence)[0]
    reader = cast("TakesTiles", detector)
    lowest = min(min_confidence, HINT_CONFIDENCE)
    (whole,) = detector.detect([image], lowest)
    parts = finest = [whole]
    scale = tiles.full_scale(reader, image.shape)
    for each in scales(scale):
        scan = tiles.grid(image.shape, reader, each, SCAN_SIDE_PX)
        # of what the others are unsure the next one will tell
        finest = tiles.read(reader, image, scan, lowest if each == 1 else min_confidence)
        parts = parts + finest
        scale = each
    hinted = np.concatenate([small(part.boxes, scale) for part in finest])
    enlarged = zoom_tiles(hinted, image.shape, reader, scale)
    parts = [part.take(part.scores >= min_confidence) for part in parts]
    return tiles.merged(parts + read_enlarged(reader, image, enlarged, min_confidence))


def read_enlarged(
    detector: TakesTiles, image: Image, enlarged: Sequence[Tile], min_confidence: float
) -> list[Detections]:
    """The faces of enlarged tiles, as ``tiles.read``, without what is too small even there."""
    found = tiles.read(detector, image, enlarged, min_confidence)
    return [
        faces.take(_min_sides(faces.boxes) * tile.scale >= _LEAST_SIDE_PX)
        for faces, tile in zip(found, enlarged, strict=True)
    ]


def scales(full: float) -> list[float]:
    """The scales at which a picture is read besides ``full``, up to its own size, rising."""
    scale, found = 1.0, []
    while scale > full * NEAR:
        found.append(scale)
        scale /= _STEP
    return found[::-1]


def small(boxes: F32, scale: float) -> F32:
    """Those of ``boxes`` (N, 4) whose smaller side is too small at a scale to be sure of them."""
    return boxes[_min_sides(boxes) * scale < SURE_SIDE_PX]


def _min_sides(boxes: F32) -> F32:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf))


def zoom_tiles(
    boxes: F32, shape: tuple[int, ...], detector: TakesTiles, scale: float = 0.0
) -> list[Tile]:
    """Enlarged tiles around small faces, (N, 4) xyxy px of a picture (H, W, …).

    Args:
        boxes: Where they are, or may be.
        shape: Of the picture.
        detector: What will read them.
        scale: At which they were seen; where that is hardly less than ``ZOOM`` there are none.
    """
    if scale * NEAR >= ZOOM or not len(boxes):
        return []
    few = tiles.around(boxes, shape, detector, ZOOM, ZOOM_SIDES_PX, MARGIN_PX)
    everything = tiles.grid(shape, detector, ZOOM, SCAN_SIDE_PX)
    costs = [sum(tile.pixels for tile in each) for each in (few, everything)]
    return few if costs[0] <= costs[1] else everything
