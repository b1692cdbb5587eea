"""Boxes with id, mood and confidence; the labels are shorter the more people there are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.overlays.palette import (
    BACKGROUND,
    NO_PREDICTION,
    TEXT,
    TRACK,
    U8,
    Colour,
    bgr,
    blend,
    fill_rounded,
    put_text,
    rounded_mask,
    text_on,
    text_width,
)
from moodstream.overlays.scene import F32

LOW_QUALITY = 0.3  # below which boxes are dashed, as predictions are unreliable
MAX_WIDE_LABELS = 8  # up to so many people every label may be wider than its face

Rect = tuple[int, int, int, int]


@dataclass(frozen=True)
class Mark:
    """One person to draw.

    Attributes:
        box: (x0, y0, x1, y1) px, inside the picture.
        track_id: Of the person.
        mood: The most probable class, None where there is no prediction yet.
        confidence: Its probability.
        quality: Of the face, in [0, 1].
    """

    box: Rect
    track_id: int
    mood: str | None
    confidence: float
    quality: float

    @property
    def colour(self) -> Colour:
        """Colour of the mood, grey while there is none."""
        return bgr(self.mood) if self.mood else NO_PREDICTION


def label_size(width: int, height: int) -> int:
    """Font size of labels in px for a picture of that size: readable from 480p to 4K."""
    return max(12, round(min(width, height) / 48))


def draw_boxes(
    image: U8,
    boxes: F32,
    track_ids: npt.NDArray[np.int64],
    probs: F32,
    quality: F32,
    classes: tuple[str, ...],
    labels: npt.NDArray[np.int64] | None = None,
) -> None:
    """Draw boxes and labels of people in place.

    Labels go above their box, or below where there is no room. Where they would hide a face or
    another label they are shortened to id and a confidence bar, and then left out.

    Args:
        image: (H, W, 3) uint8 BGR, drawn on.
        boxes: (N, 4) xyxy px.
        track_ids: (N,).
        probs: (N, K), rows of NaN where there is no prediction yet.
        quality: (N,) of the faces, in [0, 1].
        classes: The K names.
        labels: (N,) index into ``classes`` of the word for each; by default the most likely one.
    """
    height, width = image.shape[:2]
    if labels is None:
        labels = np.nan_to_num(probs, nan=0.0).argmax(axis=1) if len(probs) else track_ids
    marks = _marks(boxes, track_ids, probs, quality, classes, labels, width, height)
    size = label_size(width, height)
    for mark in marks:
        _outline(image, mark, size)
    taken: list[Rect] = []
    boxes_drawn = np.array([mark.box for mark in marks]).reshape(-1, 4)
    # older ids choose first, so that labels do not change places from frame to frame
    for mark in sorted(marks, key=lambda m: m.track_id):
        for short in (False, True):
            w, h = _label_extent(mark, size, short)
            box_width = mark.box[2] - mark.box[0]
            if len(marks) > MAX_WIDE_LABELS and w > box_width * (1.6 if short else 1.25):
                continue
            spot = _spot(mark, w, h, boxes_drawn, taken, width, height)
            if spot is not None:
                _label(image, mark, spot, size, short)
                taken.append((*spot, spot[0] + w, spot[1] + h))
                break


def _marks(
    boxes: F32,
    track_ids: npt.NDArray[np.int64],
    probs: F32,
    quality: F32,
    classes: tuple[str, ...],
    labels: npt.NDArray[np.int64],
    width: int,
    height: int,
) -> list[Mark]:
    """Those whose box is at least partly inside the picture, clipped to it."""
    marks = []
    people = zip(boxes, track_ids, probs, quality, labels.tolist(), strict=True)
    for box, track_id, row, each, label in people:
        if not np.isfinite(box).all():
            continue
        x0, y0 = max(0, round(float(box[0]))), max(0, round(float(box[1])))
        x1, y1 = min(width - 1, round(float(box[2]))), min(height - 1, round(float(box[3])))
        if x1 - x0 < 2 or y1 - y0 < 2:
            continue
        predicted = bool(len(row)) and bool(np.isfinite(row).all())
        marks.append(
            Mark(
                (x0, y0, x1, y1),
                int(track_id),
                classes[label] if predicted else None,
                float(np.clip(row[label], 0, 1)) if predicted else 0.0,
                float(each) if np.isfinite(each) else 0.0,
            )
        )
    return marks


def _outline(image: U8, mark: Mark, size: int) -> None:
    """A rounded box on a dark rim, so that it shows on white shirts and black hair alike."""
    x0, y0, x1, y1 = mark.box
    side = min(x1 - x0, y1 - y0)
    low = mark.mood is not None and mark.quality < LOW_QUALITY
    thick = max(1, min(round(size / 8.5), side // 24))
    if low or mark.mood is None:
        thick = max(1, thick // 2)
    rim = thick + (2 if thick > 1 else 1)
    path = _rounded_path(x1 - x0, y1 - y0, max(2, side // 8))
    path = np.add(path, (x0 * 16, y0 * 16), dtype=np.int32)
    lines = _dashes(path, max(3 * thick, side // 12)) if low else [path]
    cv2.polylines(image, lines, not low, BACKGROUND, rim, cv2.LINE_AA, shift=4)
    cv2.polylines(image, lines, not low, mark.colour, thick, cv2.LINE_AA, shift=4)


@lru_cache(maxsize=512)
def _rounded_path(width: int, height: int, radius: int) -> npt.NDArray[np.int32]:
    """Corner points (P, 2) of a rounded rectangle at the origin, in 1/16 px, clockwise."""
    # few points, as most of the cost is OpenCV's rounding of each joint of a thick line
    quarter = np.linspace(0, np.pi / 2, 4 + radius // 8)
    centres = (
        (width - radius, radius, -np.pi / 2),
        (width - radius, height - radius, 0.0),
        (radius, height - radius, np.pi / 2),
        (radius, radius, np.pi),
    )
    points = [
        np.stack([x + radius * np.cos(quarter + turn), y + radius * np.sin(quarter + turn)], 1)
        for x, y, turn in centres
    ]
    fixed: npt.NDArray[np.int32] = np.round(np.concatenate(points) * 16).astype(np.int32)
    return fixed


def _dashes(path: npt.NDArray[np.int32], dash: int) -> list[npt.NDArray[np.int32]]:
    """Cut a closed path in 1/16 px into dashes of about `dash` px with gaps as long."""
    closed = np.concatenate([path, path[:1]]).astype(np.float64)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(4, int(along[-1] / (32 * dash)))
    marks = np.linspace(0, along[-1], 2 * count + 1)
    lines = []
    for start, stop in zip(marks[0:-1:2], marks[1::2], strict=True):
        at = np.concatenate([[start], along[(along > start) & (along < stop)], [stop]])
        line = np.stack([np.interp(at, along, closed[:, i]) for i in (0, 1)], 1)
        lines.append(np.round(line).astype(np.int32))
    return lines


def _label_text(mark: Mark) -> str:
    if mark.mood is None:
        return f"#{mark.track_id} …"
    return f"#{mark.track_id} {mark.mood} {100 * mark.confidence:.0f} %"


def _label_extent(mark: Mark, size: int, short: bool) -> tuple[int, int]:
    """Width and height in px of a label's pill."""
    if short:
        return _short_extent(mark.track_id, mark.mood is not None, size)
    return text_width(_label_text(mark), size) + size, round(1.4 * size)


def _short_extent(track_id: int, predicted: bool, size: int) -> tuple[int, int]:
    small = _small(size)
    bar = small // 4 + _bar_width(size) if predicted else 0
    return text_width(f"#{track_id}", small) + bar + round(0.85 * small), round(1.35 * small)


def _small(size: int) -> int:
    return max(11, round(0.72 * size))


def _bar_width(size: int) -> int:
    return round(1.8 * _small(size))


def _spot(
    mark: Mark,
    w: int,
    h: int,
    faces: npt.NDArray[np.int64],
    taken: list[Rect],
    width: int,
    height: int,
) -> tuple[int, int] | None:
    """Top left corner of the first free place of a label: above the box, then below it."""
    x0, y0, _, y1 = mark.box
    left = max(0, min(x0, width - w))
    gap = max(2, h // 8)
    for top in (y0 - h - gap, y1 + gap):
        if -h // 4 <= top < 0:
            top = 0
        if top < 0 or top + h > height:
            continue
        rect = (left, top, left + w, top + h)
        # A label may graze the rim of a box, not lie on the face.
        if _overlap(rect, faces).max() <= w * h // 4 and not (
            taken and _overlap(rect, np.array(taken)).any()
        ):
            return left, top
    return None


def _overlap(rect: Rect, others: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Areas in px (M,) that a rectangle shares with each of the others (M, 4)."""
    shared = np.minimum(rect[2:], others[:, 2:]) - np.maximum(rect[:2], others[:, :2])
    areas: npt.NDArray[np.int64] = np.clip(shared, 0, None).prod(axis=1)
    return areas


def _label(image: U8, mark: Mark, spot: tuple[int, int], size: int, short: bool) -> None:
    if short:
        done = round(_bar_width(size) * mark.confidence)
        pill, mask = _short_pill(mark.track_id, mark.colour, mark.mood is not None, done, size)
    else:
        pill, mask = _full_pill(_label_text(mark), mark.colour, size)
    blend(image, mask, *spot, pill)


@lru_cache(maxsize=256)
def _full_pill(line: str, colour: Colour, size: int) -> tuple[U8, U8]:
    """Picture (h, w, 3) and coverage (h, w) of a label in the colour of the mood."""
    w, h = text_width(line, size) + size, round(1.4 * size)
    pill = np.full((h, w, 3), colour, np.uint8)
    put_text(pill, line, size // 2, round(0.7 * h + 0.05 * size), size, text_on(colour))
    return pill, rounded_mask(w, h, h // 2)


@lru_cache(maxsize=1024)
def _short_pill(
    track_id: int, colour: Colour, predicted: bool, done: int, size: int
) -> tuple[U8, U8]:
    """Picture and coverage of a dark label with the id and a bar that is `done` px full."""
    small, full = _small(size), _bar_width(size)
    w, h = _short_extent(track_id, predicted, size)
    pill = np.full((h, w, 3), BACKGROUND, np.uint8)
    start = round(0.4 * small)
    start += put_text(pill, f"#{track_id}", start, round(0.76 * h), small, TEXT) + small // 4
    if predicted:
        thick = max(4, round(0.42 * small))
        top = (h - thick) // 2
        fill_rounded(pill, start, top, full, thick, TRACK)
        fill_rounded(pill, start, top, max(thick, done), thick, colour)
    return pill, np.multiply(rounded_mask(w, h, h // 3), 0.85).astype(np.uint8)
