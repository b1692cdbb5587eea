"""What a YOLOv8 face network's answers mean: its layouts, recognised by shapes and by values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from moodstream.realtime.arrays import F32

BINS = 16
"""Bins of the distribution that gives the distance to each side of a box."""
DISTANCES = 4 * BINS
POINTS = 15
"""Five keypoints of x, y, visibility."""

_ROWS = (5, 5 + POINTS)  # of a flat output: box, score, and perhaps keypoints
_MAPS = (DISTANCES + 1, DISTANCES + 1 + POINTS)  # channels of a map
_NORMALISED = 2.0  # what is at most this far out is in shares of the picture, not in px

Reader = Callable[[Sequence[F32], float], F32]
"""One picture's outputs (1, …) and a confidence to the candidates above it, (N, 5) or (N, 20):
box as xyxy in canvas px, score, and perhaps five keypoints of x, y, visibility."""


def reader_of(blank: Sequence[F32], canvas: tuple[int, int]) -> Reader | None:
    """How to read a network's outputs, from those to a picture with nobody in it.

    There are two layouts. *Flat*: one output (1, 5 | 20, A) or (1, A, 5 | 20), boxes as centre and
    size in px or in shares of the picture. *Maps*: an output (1, 65 | 80, h, w) or
    (1, h, w, 65 | 80) for each stride, in any order, boxes as distributions of the distances to
    their sides (Li et al., Generalized Focal Loss, 2020). Scores are logits where some are not
    in [0, 1]: of a picture with nobody in it a network's logits are all negative.

    Args:
        blank: The outputs, batches of one.
        canvas: Height and width of the input in px.

    Returns:
        The reader, None where the layout is none of these.
    """
    if len(blank) == 1 and blank[0].ndim == 3:
        return _flat(blank[0], canvas)
    if len(blank) > 1 and all(out.ndim == 4 for out in blank):
        return _maps(blank, canvas)
    return None


def _flat(blank: F32, canvas: tuple[int, int]) -> Reader | None:
    if blank.shape[1] in _ROWS:
        channels_last = False
    elif blank.shape[2] in _ROWS:
        channels_last = True
    else:
        return None
    rows = _first(blank, channels_last)
    centres, points = np.abs(rows[:2]), np.abs(rows[5:]).reshape(-1, 3, rows.shape[1])[:, :2]
    return _FlatReader(
        channels_last,
        logits=_are_logits(rows[4]),
        # anchors lie all over the picture; a keypoint may lie far outside of it
        box_scale=_scale(centres, canvas, np.max),
        point_scale=_scale(points, canvas, np.median),
    )


@dataclass(frozen=True)
class _FlatReader:
    channels_last: bool
    logits: bool
    box_scale: tuple[float, float]
    point_scale: tuple[float, float]

    def __call__(self, outputs: Sequence[F32], threshold: float) -> F32:
        output = _first(outputs[0], self.channels_last)
        rows = output[:, output[4] > _limit(threshold, self.logits)].T.astype(np.float32)
        half = rows[:, 2:4] / 2
        boxes = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1)
        boxes *= np.tile(np.array(self.box_scale, np.float32), 2)
        scores = _sigmoid(rows[:, 4:5]) if self.logits else rows[:, 4:5]
        points = rows[:, 5:]
        points *= np.tile(np.array([*self.point_scale, 1], np.float32), points.shape[1] // 3)
        return np.concatenate([boxes, scores, points], axis=1)


def _maps(blank: Sequence[F32], canvas: tuple[int, int]) -> Reader | None:
    if all(out.shape[1] in _MAPS for out in blank):
        channels_last = False
    elif all(out.shape[3] in _MAPS for out in blank):
        channels_last = True
    else:
        return None
    maps = [_first(out, channels_last) for out in blank]
    fits = all(
        canvas[0] % m.shape[1] == 0 and canvas[0] * m.shape[2] == canvas[1] * m.shape[1]
        for m in maps
    )
    if not fits or len({m.shape[0] for m in maps}) > 1:
        return None
    strides = tuple(canvas[0] // m.shape[1] for m in maps)
    logits = _are_logits(np.concatenate([m[DISTANCES].ravel() for m in maps]))
    return _MapReader(channels_last, logits, strides)


@dataclass(frozen=True)
class _MapReader:
    channels_last: bool
    logits: bool
    strides: tuple[int, ...]

    def __call__(self, outputs: Sequence[F32], threshold: float) -> F32:
        pairs = zip(outputs, self.strides, strict=True)
        return np.concatenate([self._of_map(out, stride, threshold) for out, stride in pairs])

    def _of_map(self, output: F32, stride: int, threshold: float) -> F32:
        cells = _first(output, self.channels_last)
        row, column = np.nonzero(cells[DISTANCES] > _limit(threshold, self.logits))
        chosen = cells[:, row, column].T.astype(np.float32)
        corner = np.stack([column, row], axis=1).astype(np.float32)
        sides = _expected(chosen[:, :DISTANCES].reshape(-1, 4, BINS))
        centre = corner + 0.5
        boxes = np.concatenate([centre - sides[:, :2], centre + sides[:, 2:]], axis=1)
        scores = chosen[:, DISTANCES : DISTANCES + 1]
        points = chosen[:, DISTANCES + 1 :]
        for k in range(2):  # x and y, as ultralytics' Pose head decodes them
            points[:, k::3] = (2 * points[:, k::3] + corner[:, [k]]) * stride
        scores = _sigmoid(scores) if self.logits else scores
        return np.concatenate([boxes * stride, scores, points], axis=1)


def _first(output: F32, channels_last: bool) -> F32:
    """The output of the first picture, channels first."""
    return np.moveaxis(output[0], -1, 0) if channels_last else output[0]


def _are_logits(scores: F32) -> bool:
    return bool(scores.min() < 0 or scores.max() > 1)


def _scale(
    values: F32, canvas: tuple[int, int], typical: Callable[[F32], Any]
) -> tuple[float, float]:
    """By what x and y are multiplied to be in canvas px, judged by how large they are."""
    in_shares = values.size > 0 and float(typical(values)) <= _NORMALISED
    return (float(canvas[1]), float(canvas[0])) if in_shares else (1.0, 1.0)


def _limit(threshold: float, logits: bool) -> float:
    """The confidence in the network's own terms."""
    if not logits:
        return threshold
    inside = float(np.clip(threshold, 1e-7, 1 - 1e-7))
    return float(np.log(inside / (1 - inside)))


def _sigmoid(x: F32) -> F32:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -60, 60))), np.float32)


def _expected(logits: F32) -> F32:
    """The mean distance in cells (N, 4) of distributions over the bins, logits (N, 4, BINS)."""
    shares = np.exp(logits - logits.max(axis=2, keepdims=True))
    shares /= shares.sum(axis=2, keepdims=True)
    return np.asarray(shares @ np.arange(BINS, dtype=np.float32), np.float32)
