"""The group panel beside the picture: distribution, entropy, shifts and the last minute."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from moodstream.overlays.bars import LEGEND_HEIGHT, draw_bars, share_of
from moodstream.overlays.history import draw_history
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
from moodstream.overlays.scene import Scene, ShownShift

MAX_JSD = math.log(2)  # in nats
_UNDER = 3.4  # baseline of the line under the mood, in font sizes below the top of both
_TWO_FACES = 1.5  # effective people, below which it is the face of one

_write = partial(put_text, back=BACKGROUND)


@dataclass(frozen=True)
class Layout:
    """Where the panel lies on the canvas.

    Attributes:
        x: Left edge in px.
        y: Top edge in px.
        width: In px.
        height: In px.
        unit: Font size in px, and the measure of all distances in the panel.
        below: Whether it lies below the picture, else to its right.
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
    # even sums, as video encoders halve the colour planes
    return Layout(width, 0, wide + (width + wide) % 2, height + height % 2, unit, False)


def clock(t: float) -> str:
    """Media time in seconds as ``h:mm:ss.s``."""
    tenths = max(0, int(t * 10 + 1e-3)) if math.isfinite(t) else 0
    return f"{tenths // 36000}:{tenths // 600 % 60:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def draw_panel(panel: U8, scene: Scene, layout: Layout) -> None:
    """Draw the group panel in place.

    Args:
        panel: (layout.height, layout.width, 3) uint8 BGR, drawn on.
        scene: What it shows.
        layout: Of the panel.
    """
    cv2.rectangle(panel, (0, 0), (layout.width, layout.height), BACKGROUND, -1)
    u = layout.unit
    pad = round(1.2 * u)
    left, right = pad, layout.width - pad
    y = _header(panel, scene, left, right, pad, u)
    if layout.below:
        gutter = round(1.1 * u)
        middle = layout.width // 2
        _summary(panel, scene, left, middle - gutter, y, u, layout.height - pad, middle - gutter)
        y = _people(panel, scene, middle + gutter, right, y, u)
        y = _meters(panel, scene, middle + gutter, right, y, u)
        _past(panel, scene, middle + gutter, right, y, u, layout.height - pad)
        return
    low = layout.height < 42 * u
    y0 = y
    if not low:
        y = _people(panel, scene, left, right, y, u)
    under = round(
        (5.2 + (6.0 if low else 9.5)) * u
    )  # of the meters and, at least, of the last minute
    beside = right
    if low:
        beside -= text_width(_effective_line(scene), _small(u)) + u // 3
    y = _summary(panel, scene, left, right, y, u, layout.height - pad - under, beside)
    if low:
        _people_beside(panel, scene, right, y0, u)
    y = _meters(panel, scene, left, right, y, u)
    _past(panel, scene, left, right, y, u, layout.height - pad)


def draw_banner(picture: U8, text: str, unit: int) -> None:
    """Draw a banner with a warning sign across the top of a picture, in place."""
    height, width = picture.shape[:2]
    size = round(1.25 * unit)
    tall, sign = min(round(2.6 * size), height), size
    strip = picture[:tall]
    strip[...] = (strip * 0.12 + np.array(BACKGROUND) * 0.88).astype(np.uint8)
    picture[tall : tall + max(2, unit // 6)] = WARNING
    line = fit_text(text, size, max(width - 5 * size, size))
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
    if scene.status_text:
        return "-", "-"
    if _too_few(scene):
        return f"< {scene.min_people}", "-"
    known = scene.group is not None and math.isfinite(scene.effective_people)
    return str(scene.people), f"{scene.effective_people:.1f}" if known else "-"


def _effective_line(scene: Scene) -> str:
    return f"{_counts(scene)[1]} effective"


def _people_beside(panel: U8, scene: Scene, right: int, y: int, u: int) -> None:
    """The same figures to the right of the mood, for panels too low for a row of their own."""
    people, _ = _counts(scene)
    if scene.group is None:  # the line in the place of the mood replaces it
        return
    _write(panel, f"{people} in view", right, y + round(2.05 * u), u, TEXT, "right")
    line = _effective_line(scene)
    _write(panel, line, right, y + round(_UNDER * u), _small(u), MUTED, "right")


def _people(panel: U8, scene: Scene, left: int, right: int, y: int, u: int) -> int:
    """Two figures side by side: people in view, and effective people."""
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


def mood_line(scene: Scene) -> tuple[str, Colour]:
    """The mood of the group in a word or two, or why there is none, and its colour."""
    if scene.status_text:  # who is there is not known
        return scene.status_text, MUTED
    if scene.group is None:
        if _too_few(scene):
            return f"fewer than {scene.min_people} people", MUTED
        return ("no readable face" if scene.people else "no one in view"), MUTED
    if scene.dominant is None:
        return "no clear mood", MUTED
    name = scene.classes[scene.dominant]
    return name, bgr(name)


def _summary(
    panel: U8, scene: Scene, left: int, right: int, y: int, u: int, bottom: int, beside: int
) -> int:
    """Dominant mood as a word, and the group distribution as bars; from ``beside`` are others."""
    line, colour = mood_line(scene)
    big = round((2.0 if scene.group is not None else 1.45) * u)
    if scene.dominant is not None and scene.group is not None:
        fill_rounded(panel, left, y + round(0.55 * u), round(0.4 * u), round(1.75 * u), colour)
        _write(panel, line, left + u, y + round(2.05 * u), big)
    else:
        _write(panel, fit_text(line, big, right - left), left, y + round(2.05 * u), big, colour)
    small = _small(u)
    under = share_line(scene)
    if text_width(under, small) > beside - left:
        under = under.rpartition(", ")[0] or under
    _write(panel, fit_text(under, small, beside - left), left, y + round(_UNDER * u), small, MUTED)
    y += round(4.0 * u)
    room = (bottom - y - round(LEGEND_HEIGHT * u)) // len(scene.classes)
    step = max(round(1.15 * u), min(round(1.75 * u), room))
    return draw_bars(panel, scene, left, right, y, step, u)


def share_line(scene: Scene) -> str:
    """What stands under the mood: how large its share is at least and at most, and of how long.

    A group of one says so, for one face makes wide intervals.
    """
    span = f"last {scene.window:g} s"
    if scene.group is None:
        return span
    if scene.dominant is None or scene.interval is None:
        return f"shown most, {span}"
    low, high = (share_of(ends, scene.dominant) for ends in scene.interval)
    if low is None or high is None:
        return f"shown most, {span}"
    who = "one face: " if scene.effective_people < _TWO_FACES else ""
    return f"{who}{100 * low:.0f} to {100 * high:.0f} %, {span}"


def _meters(panel: U8, scene: Scene, left: int, right: int, y: int, u: int) -> int:
    """Entropy as diversity, and the JSD to the window before."""
    entropy, entropy_share = scene.entropy, scene.entropy_share
    shift = scene.shift
    for name, value, share, digits, extra in (
        ("diversity", entropy, entropy_share, 2, True),
        ("shift", shift, None if shift is None else shift / MAX_JSD, 3, False),
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
    draw_history(panel[top : top + tall, left:right], scene, u)
    y = top + tall + u
    _write(panel, "-60 s", left, y, small, MUTED)
    _write(panel, "-30 s", (left + right) // 2, y, small, MUTED, "centre")
    _write(panel, "now", right, y, small, MUTED, "right")
    if not rows:
        return
    y += round(1.6 * u)
    recent = sorted(scene.shifts, key=lambda shift: shift.t, reverse=True)[:rows]
    if not recent:
        _write(panel, "no mood shift yet", left, y, u, MUTED)
    for i, shift in enumerate(recent):
        _shift_row(panel, shift, left, right, y + i * step, u)


def _shift_row(panel: U8, shift: ShownShift, left: int, right: int, base: int, u: int) -> None:
    """When, from which mood, an arrow, to which mood; a question mark while it is provisional."""
    when = f"{shift.t:.1f} s" if shift.t < 60 else clock(shift.t).lstrip("0:")
    doubt = "?" if shift.status == "provisional" else ""
    _write(panel, when + doubt, left, base, u, MUTED)
    if shift.status == "withdrawn":
        _write(panel, "withdrawn", left + round(4.7 * u), base, u, MUTED)
        return
    x, dot, middle = left + round(4.7 * u), round(0.5 * u), base - round(0.36 * u)
    for name, last in ((shift.start, False), (shift.end, True)):
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
