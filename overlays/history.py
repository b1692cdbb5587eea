"""The distribution of the last minute as stacked areas."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.overlays.palette import BACKGROUND, MUTED, TEXT, TRACK, U8, Colour, bgr
from moodstream.overlays.scene import Scene

HISTORY_S = 60.0
CHART: Colour = (37, 32, 29)


def draw_history(chart: U8, scene: Scene, u: int) -> None:
    """Draw the stacked areas of the last minute, and a mark at each mood shift, in place.

    Args:
        chart: (h, w, 3) uint8 BGR, which they fill.
        scene: Has the history and the shifts.
        u: Font size of the panel in px, the measure of all distances.
    """
    h, w = chart.shape[:2]
    cv2.rectangle(chart, (0, 0), (w, h), CHART, -1)
    for quarter in (0.25, 0.5, 0.75):
        chart[round(h * quarter), :] = TRACK
    if scene.history is not None and len(scene.history_t):
        times = np.asarray(scene.history_t, np.float64)
        rows = np.asarray(scene.history, np.float64)
        for run in _runs(times, rows, scene.t):
            x = (times[run] - scene.t + HISTORY_S) / HISTORY_S * w
            _stack(chart, x, rows[run], scene.classes, max(1, u // 24))
    wide = max(1, u // 12)
    for shift in scene.shifts:
        at = round((shift.t - scene.t + HISTORY_S) / HISTORY_S * w)
        if 0 <= at < w and shift.status != "withdrawn":
            chart[:, max(0, at - wide) : at + 2 * wide] = BACKGROUND
            colour = MUTED if shift.status == "provisional" else TEXT
            chart[:, at : at + wide] = colour
            flag = np.array([[at - 0.35 * u, 0], [at + 0.35 * u, 0], [at, 0.5 * u]]) * 16
            cv2.fillPoly(chart, [flag.astype(np.int32)], colour, cv2.LINE_AA, shift=4)


def _runs(times: npt.NDArray[np.float64], rows: npt.NDArray[np.float64], now: float) -> list[slice]:
    """Stretches of the last minute without a gap: no NaN row, no pause in time."""
    good = np.isfinite(rows).all(axis=1) & (times >= now - HISTORY_S) & (times <= now)
    steps = np.diff(times)
    pause = max(2.0, 4 * float(np.median(steps))) if len(steps) else 2.0
    cut = np.flatnonzero((steps > pause) | (good[1:] != good[:-1])) + 1
    edges = [0, *cut.tolist(), len(times)]
    return [slice(a, b) for a, b in pairwise(edges) if good[a]]


def _stack(
    chart: U8,
    x: npt.NDArray[np.float64],
    rows: npt.NDArray[np.float64],
    classes: tuple[str, ...],
    line: int,
) -> None:
    """Paint one stretch from the whole down to the first class, each over the one before."""
    h = chart.shape[0]
    if len(x) == 1:
        x, rows = np.array([x[0] - 1, x[0]]), np.repeat(rows, 2, axis=0)
    skip = max(1, 2 * len(x) // max(1, chart.shape[1]))  # finer than 2 px shows nothing more
    keep = np.unique([*range(0, len(x), skip), len(x) - 1])
    x, rows = x[keep], rows[keep]
    tops = h * (1 - np.cumsum(rows, axis=1) / np.maximum(rows.sum(axis=1, keepdims=True), 1e-9))
    for k in range(len(classes) - 1, -1, -1):
        if rows[:, k].max() < 1e-3:
            continue
        edge = np.stack([x, tops[:, k]], axis=1)
        area = np.concatenate([edge, [[x[-1], h], [x[0], h]]])
        cv2.fillPoly(chart, [_fixed(area)], bgr(classes[k]), cv2.LINE_AA, shift=4)
        if k < len(classes) - 1:
            cv2.polylines(chart, [_fixed(edge)], False, BACKGROUND, line, cv2.LINE_AA, shift=4)


def _fixed(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Points in px as OpenCV's 1/16 px integers; pixel centres lie at whole numbers there."""
    fixed: npt.NDArray[np.int32] = np.round((points - 0.5) * 16).astype(np.int32)
    return fixed
