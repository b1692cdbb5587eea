"""WIDER FACE's text: a picture's name, how many faces, and a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.labels.record import (
    LabelledBox,
    LabelledPicture,
    number_of,
    picture_of,
    read_text,
    rounded,
)

_INVALID_FIELD = 7  # after x, y, width, height, blur, expression, illumination


def read(path: Path) -> list[LabelledPicture]:
    """The pictures of a file; invalid faces are ignored.

    Raises:
        MoodstreamError: It is malformed; names the line.
    """
    lines = read_text(path).splitlines()
    at, pictures = 0, []
    while at < len(lines):
        name = lines[at].strip()
        if not name:
            at += 1
            continue
        try:
            count = lines[at + 1].strip() if at + 1 < len(lines) else ""
            if not count.isdecimal():
                raise ValueError(f"{count!r} is not a number of faces", at + 1)
            first, n = at + 2, int(count)
            # a picture without faces has one line of zeros in WIDER's own files
            if n == 0 and first < len(lines) and not set(lines[first].split()) - {"0"}:
                at = first + bool(lines[first].strip())
            else:
                at = first + n
            boxes = [_box(lines, i) for i in range(first, first + n)]
            pictures.append(picture_of(name, boxes))
        except ValueError as error:
            what, line = error.args
            raise MoodstreamError(f"{path}: line {line + 1}: {what}") from None
    return pictures


def write(pictures: Sequence[LabelledPicture], path: Path) -> None:
    """Write a file that ``read`` can read; classes and sizes have no place in it."""
    lines: list[str] = []
    for picture in pictures:
        lines += [picture.name, str(len(picture))]
        for box, ignored in zip(picture.boxes, picture.ignored, strict=True):
            x1, y1, x2, y2 = rounded(box)
            numbers = " ".join(f"{value:.10g}" for value in (x1, y1, x2 - x1, y2 - y1))
            lines.append(f"{numbers} 0 0 0 {int(ignored)} 0 0")
        if not len(picture):
            lines.append(" ".join("0" * 10))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _box(lines: Sequence[str], at: int) -> LabelledBox:
    """The box of a line; raises ValueError with what is wrong and the line's index."""
    fields = lines[at].split() if at < len(lines) else []
    try:
        if len(fields) < 4:
            raise ValueError(f"expected x y width height …, got {' '.join(fields)!r}")
        values = [number_of(field, "a field") for field in fields]
        x, y, width, height = values[:4]
        invalid = len(values) > _INVALID_FIELD and values[_INVALID_FIELD] == 1
        # WIDER itself has a few faces without an area, which no detector can find
        flat = width <= 0 or height <= 0
        return LabelledBox((x, y, x + width, y + height), None, invalid or flat)
    except ValueError as error:
        raise ValueError(str(error), at) from None
