"""The group distribution as bars: the share of each mood, its interval, and the plain average."""

from __future__ import annotations

from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.overlays.palette import (
    BACKGROUND,
    MUTED,
    TEXT,
    TRACK,
    U8,
    bgr,
    fill_rounded,
    fit_text,
    put_text,
)
from moodstream.overlays.scene import Scene

LEGEND_HEIGHT = 1.4
"""Height of the line under the bars, in font sizes of the panel."""

_NAMES = 5.4  # width of swatches and names, in font sizes
_FIGURES = 3.1  # and of the figures

_write = partial(put_text, back=BACKGROUND)


def draw_bars(panel: U8, scene: Scene, left: int, right: int, y: int, step: int, u: int) -> int:
    """Draw a bar for each mood, and under them what the marks mean, in place.

    Args:
        panel: (h, w, 3) uint8 BGR, drawn on.
        scene: Has the shares, their intervals and the plain averages.
        left: Left edge in px.
        right: Right edge in px.
        y: Top edge in px.
        step: Px from bar to bar.
        u: Font size of the panel in px, the measure of all distances.

    Returns:
        The lower edge in px.
    """
    for k, name in enumerate(scene.classes):
        x, full = _bar(panel, name, share_of(scene.group, k), left, right, y, step, u)
        if scene.group is not None:
            middle = y + step // 2
            if scene.interval is not None:
                ends = share_of(scene.interval[0], k), share_of(scene.interval[1], k)
                if None not in ends:
                    low, high = (x + round(full * (end or 0.0)) for end in ends)
                    _whisker(panel, low, high, middle, u)
            plain = share_of(scene.unweighted, k)
            if plain is not None:
                _pointer(panel, x + round(full * plain), middle - _thick(u) // 2, u)
        y += step
    _legend(panel, scene, left, y, u)
    return y + round(LEGEND_HEIGHT * u)


def share_of(row: npt.NDArray[np.float32] | None, k: int) -> float | None:
    """A share of a row in [0, 1], None where it is not known."""
    if row is None or not np.isfinite(row[k]):
        return None
    return float(np.clip(row[k], 0, 1))


def _thick(u: int) -> int:
    return max(5, round(0.62 * u))


def _bar(
    panel: U8, name: str, share: float | None, left: int, right: int, y: int, step: int, u: int
) -> tuple[int, int]:
    """One mood: swatch, name, bar, percentage; returns where the bar begins and its full width."""
    middle = y + step // 2
    base = middle + round(0.36 * u)
    dot = round(0.5 * u)
    fill_rounded(panel, left, middle - dot // 2, dot, dot, bgr(name))
    _write(panel, fit_text(name, u, round(4.5 * u)), left + round(0.85 * u), base, u)
    x, thick = left + round(_NAMES * u), _thick(u)
    full = right - round(_FIGURES * u) - x
    fill_rounded(panel, x, middle - thick // 2, full, thick, TRACK)
    if share is None:
        return x, full
    if share >= 0.005:
        done = max(thick, round(full * share))
        fill_rounded(panel, x, middle - thick // 2, done, thick, bgr(name))
    _write(panel, f"{100 * share:.0f} %", right, base, u, TEXT, "right")
    return x, full


def _whisker(panel: U8, low: int, high: int, middle: int, u: int) -> None:
    """A thin light line with a cap at each end on a dark rim, visible on every bar."""
    w = max(1, u // 18)
    cap = _thick(u) // 2 - w
    top = middle - w // 2
    for colour, rim in ((BACKGROUND, w), (TEXT, 0)):
        panel[top - rim : top + w + rim, max(0, low - rim) : high + w + rim] = colour
        for x in (low, high):
            rows = slice(middle - cap - rim, middle + cap + 1 + rim)
            panel[rows, max(0, x - rim) : x + w + rim] = colour


def _pointer(panel: U8, x: int, y: int, u: int) -> None:
    """A small triangle that points down at ``y``, so that it is not taken for a whisker's end."""
    half, tall = max(3.0, 0.26 * u), max(3.5, 0.36 * u)
    for colour, rim in ((BACKGROUND, max(1.0, u / 16)), (MUTED, 0.0)):
        tip = np.array(
            [
                [x - half - 1.6 * rim, y - tall - rim],
                [x + half + 1.6 * rim, y - tall - rim],
                [x, y + 1.6 * rim],
            ]
        )
        cv2.fillPoly(panel, [np.round(tip * 16).astype(np.int32)], colour, cv2.LINE_AA, shift=4)


def _legend(panel: U8, scene: Scene, left: int, y: int, u: int) -> None:
    small, base = max(11, round(0.78 * u)), y + round(0.8 * u)
    x = left + round(0.35 * u)
    _pointer(panel, x, base, u)
    x += round(0.6 * u)
    x += _write(panel, "plain average", x, base, small, MUTED) + round(0.9 * u)
    if scene.interval is not None:
        _whisker(panel, x, x + round(1.5 * u), y + round(0.55 * u), u)
        _write(panel, "90 % interval", x + round(2.0 * u), base, small, MUTED)
