"""The group panel: what the people in view show together, beside the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.overlays.palette import (
    BACKGROUND,
    MUTED,
    TEXT,
    TRACK,
    U8,
    WARNING,
    Colour,
    bgr,
    fill_rounded,
    fit_text,
    put_text,
    text_width,
)
from moodstream.overlays.scene import Scene

MINUTE = 60.0
MAX_SHIFT = math.log(2)  # the Jensen-Shannon divergence cannot be larger, in nats


CHART: Colour = (37, 32, 29)
_write = partial(put_text, back=BACKGROUND)


@dataclass(frozen=True)
class Layout:
    """Where the panel of a (width, height) px picture lies: beside it, or below when `below`.

    unit: the panel's font size in px, and the measure of all its distances.
    """

    x: int
    y: int
    width: int
    height: int
    unit: int
    below: bool


def panel_layout(width: int, height: int) -> Layout:
    """Panel right of landscape pictures, below portrait and near-square (< 6:5) ones."""
    if width * 5 < height * 6:
        unit = max(12, min(round(height / 45), round(width / 36)))
        return Layout(0, height + height % 2, width + width % 2, 2 * round(12.5 * unit), unit, True)
    unit = max(12, round(height / 45))
    wide = max(20 * unit, min(round(0.26 * width), 30 * unit))
    # Even sums: video encoders halve the colour planes.
    return Layout(width, 0, wide + (width + wide) % 2, height + height % 2, unit, False)


def clock(t: float) -> str:
    """Media time in seconds as ``h:mm:ss.s``."""
    tenths = max(0, int(t * 10 + 1e-3)) if math.isfinite(t) else 0
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def draw_panel(panel: U8, scene: Scene, layout: Layout) -> None:
    """Draw the group panel in place on `panel` (layout.height, layout.width, 3) BGR."""
    cv2.rectangle(panel, (0, 0), (layout.width, layout.height), BACKGROUND, -1)
    u = layout.unit
    pad = round(1.2 * u)
    left, right = pad, layout.width - pad
    y = _header(panel, scene, left, right, pad, u)
    if layout.below:
        gutter = round(1.1 * u)
        middle = layout.width // 2
        _summary(panel, scene, left, middle - gutter, y, u, layout.height - pad)
        y = _people(panel, scene, middle + gutter, right, y, u)
        y = _meters(panel, scene, middle + gutter, right, y, u)
        _past(panel, scene, middle + gutter, right, y, u, layout.height - pad)
        return
    low = layout.height < 42 * u
    y0 = y
    if not low:
        y = _people(panel, scene, left, right, y, u)
    under = round((5.2 + (6.0 if low else 9.5)) * u)  # meters, and the least of the last minute
    y = _summary(panel, scene, left, right, y, u, layout.height - pad - under)
    if low:
        _people_beside(panel, scene, right, y0, u)
    y = _meters(panel, scene, left, right, y, u)
    _past(panel, scene, left, right, y, u, layout.height - pad)


def draw_notice(picture: U8, notice: str, unit: int) -> None:
    """Lay a banner with a warning sign across the top of the picture, in place."""
    height, width = picture.shape[:2]
    size = round(1.25 * unit)
    tall, sign = min(round(2.6 * size), height), size
    band = picture[:tall]
    band[...] = (band * 0.12 + np.array(BACKGROUND) * 0.88).astype(np.uint8)
    picture[tall : tall + max(2, unit // 6)] = WARNING
    line = fit_text(notice, size, max(width - 5 * size, size))
    x = max(size // 2, (width - text_width(line, size) - 2 * sign) // 2)
    y = (tall + sign) // 2
    tip = np.array([[x, y], [x + sign * 1.15, y], [x + sign * 0.575, y - sign]])
    cv2.fillPoly(picture, [np.round(tip * 16).astype(np.int32)], WARNING, cv2.LINE_AA, shift=4)
    mark = max(8, round(0.7 * size))
    put_text(picture, "!", x + round(sign * 0.575), y - sign // 8, mark, BACKGROUND, "centre")
    put_text(picture, line, x + round(1.7 * sign), y - sign // 12, size, TEXT)


def _too_few(scene: Scene) -> bool:
    return scene.people < scene.min_people


def _header(panel: U8, scene: Scene, left: int, right: int, pad: int, u: int) -> int:
    y = pad + u
    _write(panel, "group mood", left, y, u, MUTED)
    _write(panel, clock(scene.t), right, y, u, TEXT, "right")
    y += round(0.7 * u)
    panel[y : y + max(1, u // 14), left:right] = TRACK
    return y + round(0.5 * u)


def _counts(scene: Scene) -> tuple[str, str]:
    """People in view and effective people, as far as they may be shown."""
    if scene.instead:
        return "-", "-"
    if _too_few(scene):
        return f"< {scene.min_people}", "-"
    known = scene.group is not None and math.isfinite(scene.effective_people)
    return str(scene.people), f"{scene.effective_people:.1f}" if known else "-"


def _people_beside(panel: U8, scene: Scene, right: int, y: int, u: int) -> None:
    """The same figures at the right of the mood word, for panels too low for a row of their own."""
    people, effective = _counts(scene)
    if scene.group is None:  # the line in the mood's place says it already
        return
    _write(panel, f"{people} in view", right, y + round(2.05 * u), u, TEXT, "right")
    line = f"{effective} effective"
    _write(panel, line, right, y + round(3.25 * u), _small(u), MUTED, "right")


def _people(panel: U8, scene: Scene, left: int, right: int, y: int, u: int) -> int:
    """Two figures side by side: people in view, and how many of them the sum rests on."""
    people, effective = _counts(scene)
    half = left + (right - left) // 2
    small = _small(u)
    for x, value, label in (
        (left, people, "people in view"),
        (half, effective, "effective people"),
    ):
        _write(panel, value, x, y + round(1.6 * u), round(1.7 * u))
        _write(panel, label, x, y + round(2.7 * u), small, MUTED)
    return y + round(3.4 * u)


def _small(u: int) -> int:
    return max(11, round(0.78 * u))


def _mood_line(scene: Scene) -> tuple[str, Colour]:
    if scene.instead:  # nobody knows who is there
        return scene.instead, MUTED
    if scene.group is None:
        if _too_few(scene):
            return f"fewer than {scene.min_people} people", MUTED
        return ("no readable face" if scene.people else "no one in view"), MUTED
    if scene.dominant is None:
        return "no clear mood", MUTED
    name = scene.classes[scene.dominant]
    return name, bgr(name)


def _summary(panel: U8, scene: Scene, left: int, right: int, y: int, u: int, bottom: int) -> int:
    """Dominant mood as a word, and the group distribution as bars."""
    line, colour = _mood_line(scene)
    big = round((2.0 if scene.group is not None else 1.45) * u)
    if scene.dominant is not None and scene.group is not None:
        fill_rounded(panel, left, y + round(0.55 * u), round(0.4 * u), round(1.75 * u), colour)
        _write(panel, line, left + u, y + round(2.05 * u), big)
    else:
        _write(panel, fit_text(line, big, right - left), left, y + round(2.05 * u), big, colour)
    small = _small(u)
    caption = f"{'shown most, ' if scene.group is not None else ''}last {scene.window:g} s"
    _write(panel, caption, left, y + round(3.25 * u), small, MUTED)
    y += round(4.0 * u)
    count = len(scene.classes)
    step = max(round(1.15 * u), min(round(1.75 * u), (bottom - y - round(1.4 * u)) // count))
    for k, name in enumerate(scene.classes):
        share = _value(scene.group, k)
        _bar(panel, name, share, _value(scene.unweighted, k), left, right, y + k * step, step, u)
    y += count * step
    x = left + round(5.4 * u)
    _marker(panel, x, y + round(0.15 * u), round(0.75 * u), u)
    _write(panel, "plain average", x + round(0.45 * u), y + round(0.8 * u), small, MUTED)
    return y + round(1.4 * u)


def _value(row: npt.NDArray[np.float32] | None, k: int) -> float | None:
    if row is None or not np.isfinite(row[k]):
        return None
    return float(np.clip(row[k], 0, 1))


def _bar(
    panel: U8,
    name: str,
    share: float | None,
    plain: float | None,
    left: int,
    right: int,
    y: int,
    step: int,
    u: int,
) -> None:
    """One mood: swatch, name, bar with a thin tick at the unweighted average, percentage."""
    middle = y + step // 2
    base = middle + round(0.36 * u)
    dot = round(0.5 * u)
    fill_rounded(panel, left, middle - dot // 2, dot, dot, bgr(name))
    _write(panel, fit_text(name, u, round(4.5 * u)), left + round(0.85 * u), base, u)
    x, thick = left + round(5.4 * u), max(5, round(0.62 * u))
    full = right - round(3.1 * u) - x
    fill_rounded(panel, x, middle - thick // 2, full, thick, TRACK)
    if share is None:
        return
    if share >= 0.005:
        done = max(thick, round(full * share))
        fill_rounded(panel, x, middle - thick // 2, done, thick, bgr(name))
    if plain is not None:
        _marker(panel, x + round(full * plain), middle - round(0.45 * u), round(0.9 * u), u)
    _write(panel, f"{100 * share:.0f} %", right, base, u, TEXT, "right")


def _marker(panel: U8, x: int, y: int, tall: int, u: int) -> None:
    """A thin light tick on a dark rim, visible on every bar."""
    w = max(1, u // 10)
    panel[y : y + tall, max(0, x - w) : x + 2 * w] = BACKGROUND
    panel[y : y + tall, x : x + w] = TEXT


def _meters(panel: U8, scene: Scene, left: int, right: int, y: int, u: int) -> int:
    """Entropy as diversity, and how far the mood has moved since the window before."""
    entropy, part = scene.entropy, scene.entropy_share
    shift = scene.shift
    for name, value, share, digits, extra in (
        ("diversity", entropy, part, 2, True),
        ("shift", shift, None if shift is None else shift / MAX_SHIFT, 3, False),
    ):
        y += round(0.25 * u)
        _write(panel, name, left, y + u, u, MUTED)
        known = value is not None and math.isfinite(value) and scene.group is not None
        figure = f"{value:.{digits}f} nats" if known else "-"
        if known and extra and share is not None and math.isfinite(share):
            figure += f" · {100 * share:.0f} %"
        _write(panel, figure, right, y + u, u, TEXT if known else MUTED, "right")
        thick, full = max(3, round(0.3 * u)), right - left
        y += round(1.45 * u)
        fill_rounded(panel, left, y, full, thick, TRACK)
        if known and share is not None and math.isfinite(share) and share > 0.005:
            done = max(thick, round(full * min(share, 1.0)))
            fill_rounded(panel, left, y, done, thick, MUTED)
        y += round(0.75 * u)
    return y + round(0.2 * u)


def _past(panel: U8, scene: Scene, left: int, right: int, y: int, u: int, bottom: int) -> None:
    """The last minute as stacked areas, and under it the last mood shifts, as many as fit."""
    step, small = round(1.45 * u), _small(u)
    room = bottom - y - round(2.4 * u)  # caption above, time axis below
    rows = max(0, min(5, (room - round(4 * u) - round(1.3 * u)) // step))
    if rows > 2 and room - rows * step < 6 * u:
        rows -= 1
    tall = room - (rows * step + round(1.3 * u) if rows else 0)
    if tall < 2 * u:
        return
    _write(panel, "last minute", left, y + u, u, MUTED)
    top = y + round(1.4 * u)
    _history(panel[top : top + tall, left:right], scene, u)
    y = top + tall + u
    _write(panel, "-60 s", left, y, small, MUTED)
    _write(panel, "-30 s", (left + right) // 2, y, small, MUTED, "centre")
    _write(panel, "now", right, y, small, MUTED, "right")
    if not rows:
        return
    y += round(1.6 * u)
    recent = sorted(scene.shifts, key=lambda s: s[0], reverse=True)[:rows]
    if not recent:
        _write(panel, "no mood shift yet", left, y, u, MUTED)
    for i, (t, before, after) in enumerate(recent):
        _shift_row(panel, t, before, after, left, right, y + i * step, u)


def _shift_row(
    panel: U8, t: float, before: str, after: str, left: int, right: int, base: int, u: int
) -> None:
    """When, from which mood, an arrow, to which mood."""
    when = f"{t:.1f} s" if t < 60 else clock(t).lstrip("0:")
    _write(panel, when, left, base, u, MUTED)
    x, dot, middle = left + round(4.7 * u), round(0.5 * u), base - round(0.36 * u)
    for name, last in ((before, False), (after, True)):
        fill_rounded(panel, x, middle - dot // 2, dot, dot, bgr(name))
        x += round(0.75 * u)
        x += _write(panel, fit_text(name, u, max(u, right - x)), x, base, u) + round(0.3 * u)
        if not last:
            _arrow(panel, x, middle, u)
            x += round(1.4 * u)


def _arrow(panel: U8, x: int, y: int, u: int) -> None:
    """An arrow drawn by hand: the font has none."""
    tip, barb, w = x + 0.95 * u, 0.28 * u, max(1, round(u / 11))
    strokes = (
        [(x, y), (tip, y)],
        [(tip - barb, y - barb), (tip, y), (tip - barb, y + barb)],
    )
    lines = [np.round(np.array(s) * 16).astype(np.int32) for s in strokes]
    cv2.polylines(panel, lines, False, MUTED, w, cv2.LINE_AA, shift=4)


def _history(chart: U8, scene: Scene, u: int) -> None:
    """Stacked areas of the last minute with a mark at each mood shift, filling `chart`."""
    h, w = chart.shape[:2]
    cv2.rectangle(chart, (0, 0), (w, h), CHART, -1)
    for quarter in (0.25, 0.5, 0.75):
        chart[round(h * quarter), :] = TRACK
    if scene.history is not None and len(scene.history_t):
        times = np.asarray(scene.history_t, np.float64)
        rows = np.asarray(scene.history, np.float64)
        for part in _runs(times, rows, scene.t):
            x = (times[part] - scene.t + MINUTE) / MINUTE * w
            _stack(chart, x, rows[part], scene.classes, max(1, u // 24))
    wide = max(1, u // 12)
    for t, _, _ in scene.shifts:
        at = round((t - scene.t + MINUTE) / MINUTE * w)
        if 0 <= at < w:
            chart[:, max(0, at - wide) : at + 2 * wide] = BACKGROUND
            chart[:, at : at + wide] = TEXT
            flag = np.array([[at - 0.35 * u, 0], [at + 0.35 * u, 0], [at, 0.5 * u]]) * 16
            cv2.fillPoly(chart, [flag.astype(np.int32)], TEXT, cv2.LINE_AA, shift=4)


def _runs(times: npt.NDArray[np.float64], rows: npt.NDArray[np.float64], now: float) -> list[slice]:
    """Stretches of the last minute without a gap: no NaN row, no pause in time."""
    good = np.isfinite(rows).all(axis=1) & (times >= now - MINUTE) & (times <= now)
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
