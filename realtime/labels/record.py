"""The labels of one picture, whichever format they were in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32
from moodstream.realtime.errors import MoodstreamError

FACE = "face"
"""The class of a face without an emotion, in formats that need one."""


@dataclass(frozen=True)
class LabelledPicture:
    """The boxes that people drew in one picture.

    Attributes:
        name: Its path as in the label file, with forward slashes.
        boxes: (N, 4) float32 xyxy px.
        classes: N names, None for a face without an emotion.
        ignored: (N,) bool, boxes that count neither as missed nor as detected.
        size: (width, height) px, None where the label file does not hold it.
    """

    name: str
    boxes: F32
    classes: tuple[str | None, ...]
    ignored: npt.NDArray[np.bool_]
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        n = len(self.classes)
        if self.boxes.shape != (n, 4) or self.ignored.shape != (n,):
            raise ValueError(
                f"expected boxes and ignored of {n} faces, got {self.boxes.shape} and "
                f"{self.ignored.shape}"
            )

    def __len__(self) -> int:
        return len(self.classes)


@dataclass(frozen=True)
class LabelledBox:
    """One box on its way into a LabelledPicture.

    Attributes:
        corners: xyxy px.
        kind: Its class, None for a face without an emotion.
        ignored: It counts neither as missed nor as detected.
    """

    corners: Sequence[float]
    kind: str | None = None
    ignored: bool = False


def picture_of(
    name: str, boxes: Iterable[LabelledBox], size: tuple[int, int] | None = None
) -> LabelledPicture:
    """The record of a picture from its boxes.

    Raises:
        ValueError: A box has no area.
    """
    boxes = list(boxes)
    corners = np.array([box.corners for box in boxes], np.float64).reshape(-1, 4)
    for box, (x1, y1, x2, y2) in zip(boxes, corners, strict=True):
        if not (np.isfinite([x1, y1, x2, y2]).all() and x1 < x2 and y1 < y2) and not box.ignored:
            raise ValueError(f"a box without an area ({x1:g}, {y1:g}, {x2:g}, {y2:g})")
    return LabelledPicture(
        name.replace("\\", "/"),
        corners.astype(np.float32),
        tuple(_class_of(box.kind) for box in boxes),
        np.array([box.ignored for box in boxes], bool),
        size,
    )


def rounded(box: F32) -> list[float]:
    """The corners of a box (4,) for a text file: a thousandth of a pixel is enough."""
    return [round(float(side), 3) for side in box]


def read_text(path: Path) -> str:
    """The content of a text file.

    Raises:
        MoodstreamError: It cannot be read, or is not in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MoodstreamError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise MoodstreamError(f"{path}: line {line}: not text in UTF-8") from None


def number_of(text: object, what: str) -> float:
    """A finite number.

    Raises:
        ValueError: It is none; the message names ``what`` should have been one.
    """
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = float("nan")
    if isinstance(text, bool) or not np.isfinite(value):
        raise ValueError(f"{what} is {text!r}, expected a number")
    return value


def _class_of(kind: str | None) -> str | None:
    name = (kind or "").strip()
    return None if name.casefold() in ("", FACE) else name
