"""Boxes as plain arrays: overlap, suppression, letterboxing, clipping."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
STRIDE = 32
"""px of the picture to one cell of a detector's coarsest map."""


def iou(a: Array, b: Array) -> Array:
    """Intersection over union of every box of ``a`` with every box of ``b``.

    Args:
        a: Boxes (N, 4), floating xyxy.
        b: Boxes (M, 4), floating xyxy.

    Returns:
        (N, M) in [0, 1], 0 where both boxes are empty.
    """
    corner = np.maximum(a[:, None, :2], b[None, :, :2])
    sides = np.maximum(np.minimum(a[:, None, 2:], b[None, :, 2:]) - corner, 0)
    overlap = sides[..., 0] * sides[..., 1]
    union = (_areas(a)[:, None] + _areas(b)[None, :]) - overlap
    ratio: Array = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
    return ratio


def nms(
    boxes: Array, scores: Array, threshold: float, inclusive: bool = False
) -> npt.NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        boxes: (N, 4), floating xyxy.
        scores: (N,); of equal scores the lower index wins.
        threshold: A box is dropped when its overlap with a better one is above it (as in
            torchvision).
        inclusive: Whether a box is dropped as well when its overlap equals it (as in CenterFace).

    Returns:
        Indices of the boxes kept, best score first.
    """
    rest = np.argsort(-scores, kind="stable")
    keep: list[int] = []
    while len(rest):
        best, rest = rest[0], rest[1:]
        keep.append(int(best))
        overlap = iou(boxes[best][None], boxes[rest])[0]
        rest = rest[overlap < threshold] if inclusive else rest[overlap <= threshold]
    return np.array(keep, np.intp)


def clip(points: Array, height: int, width: int) -> Array:
    """Move x, y pairs into a picture: ``points`` (..., 2k) px as x, y, x, y, …; a copy."""
    limit = np.tile([width, height], points.shape[-1] // 2)
    return np.clip(points, 0, limit).astype(points.dtype)


def input_size(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Height and width in px, multiples of ``STRIDE``, that a picture is resized to.

    Args:
        shape: Shape (H, W, …) of the picture.
        side: Its longer side after resizing in px, before it is rounded up.
    """
    ratio = side / max(shape[:2])
    height, width = (max(1, round(length * ratio)) for length in shape[:2])
    return ceil(height / STRIDE) * STRIDE, ceil(width / STRIDE) * STRIDE


def solid(boxes: Array) -> npt.NDArray[np.bool_]:
    """Which of ``boxes`` (N, 4) xyxy px are at least one pixel wide and high."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return (sides[:, 0] >= 1) & (sides[:, 1] >= 1)


@dataclass(frozen=True)
class Letterbox:
    """How a picture sits, unstretched and centred, in a larger canvas.

    Rounded as ultralytics' ``LetterBox`` and ``scale_boxes`` do, so that boxes agree.

    Attributes:
        width: Of the resized picture in px.
        height: Of the resized picture in px.
        left: Width of the left bar in px.
        top: Height of the top bar in px.
        right: Width of the right bar in px.
        bottom: Height of the bottom bar in px.
        gain: (x, y), canvas px per picture px.
    """

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int
    gain: tuple[float, float]

    @classmethod
    def fit(cls, shape: tuple[int, ...], canvas: tuple[int, int]) -> Letterbox:
        """Place a picture of ``shape`` (H, W, …) in a canvas of (height, width) px."""
        ratio = min(canvas[0] / shape[0], canvas[1] / shape[1])
        height, width = max(round(shape[0] * ratio), 1), max(round(shape[1] * ratio), 1)
        half_x, half_y = (canvas[1] - width) / 2, (canvas[0] - height) / 2
        return cls(
            width,
            height,
            # The odd pixel goes right and below.
            left=round(half_x - 0.1),
            top=round(half_y - 0.1),
            right=round(half_x + 0.1),
            bottom=round(half_y + 0.1),
            gain=(width / shape[1], height / shape[0]),
        )

    def to_picture(self, points: Array) -> Array:
        """Canvas px to picture px: ``points`` (..., 2k) as x, y, x, y, …; a copy."""
        pairs = points.shape[-1] // 2
        moved = points - np.tile([self.left, self.top], pairs)
        mapped: Array = (moved / np.tile(self.gain, pairs)).astype(points.dtype)
        return mapped


def _areas(boxes: Array) -> Array:
    areas: Array = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas
