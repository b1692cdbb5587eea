"""YOLO's text files: one for each picture, with a class and a box in shares of it on each line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.labels.record import (
    FACE,
    LabelledBox,
    LabelledPicture,
    number_of,
    picture_of,
    read_text,
)
from moodstream.realtime.sources.images import IMAGE_SUFFIXES

CLASSES = "classes.txt"
_ORIENTATION = 0x0112  # the EXIF tag; from 5 on, height and width change places


def read(path: Path, pictures: Path | None = None) -> list[LabelledPicture]:
    """The pictures of a folder, in it or in its ``images``, labelled in it or in its ``labels``.

    A picture without a file of labels has no faces. The names of the classes are in classes.txt
    or data.yaml.

    Args:
        path: The folder.
        pictures: Where the pictures are if not there; their sizes are read from them.

    Raises:
        MoodstreamError: A file is malformed; names the line.
    """
    labels = _inside(path, "labels")
    root = pictures or _inside(path, "images")
    names = _names(path) or _names(labels)
    images = {
        file.relative_to(root).with_suffix(""): file
        for file in sorted(root.rglob("*"))
        if file.suffix.casefold() in IMAGE_SUFFIXES
    }
    files = {
        file.relative_to(labels).with_suffix(""): file
        for file in sorted(labels.rglob("*.txt"))
        if file.name != CLASSES
    }
    for stem in files.keys() - images.keys():
        raise MoodstreamError(f"{files[stem]}: there is no picture {stem} in {root}")
    labelled = []
    for stem, picture in images.items():
        size = _size(picture)
        boxes = _boxes(files[stem], size, names) if stem in files else []
        labelled.append(picture_of(picture.relative_to(root).as_posix(), boxes, size))
    return labelled


def write(pictures: Sequence[LabelledPicture], path: Path) -> None:
    """Write ``labels`` and classes.txt into a folder; ignored boxes have no place in it.

    Raises:
        MoodstreamError: The size of a picture is unknown.
    """
    names = [FACE, *sorted({k for p in pictures for k in p.classes if k is not None})]
    path.mkdir(parents=True, exist_ok=True)
    (path / CLASSES).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    for picture in pictures:
        if picture.size is None:
            raise MoodstreamError(f"{picture.name}: YOLO's format needs the picture's size")
        wide, high = picture.size
        file = (path / "labels" / picture.name).with_suffix(".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = []
        for box, kind, ignored in zip(
            picture.boxes.astype(float), picture.classes, picture.ignored, strict=True
        ):
            x1, y1, x2, y2 = box.tolist()
            shares = (
                (x1 + x2) / 2 / wide,
                (y1 + y2) / 2 / high,
                (x2 - x1) / wide,
                (y2 - y1) / high,
            )
            if not ignored:
                numbers = " ".join(f"{share:.8f}" for share in shares)
                lines.append(f"{names.index(kind or FACE)} {numbers}\n")
        file.write_text("".join(lines), encoding="utf-8")


def _inside(path: Path, name: str) -> Path:
    return path / name if (path / name).is_dir() else path


def _names(folder: Path) -> list[str]:
    """The names of the classes, as far as the folder has them."""
    if (folder / CLASSES).is_file():
        return [line.strip() for line in read_text(folder / CLASSES).splitlines() if line.strip()]
    path = folder / "data.yaml"
    if not path.is_file():
        return []
    import yaml

    try:
        names = yaml.safe_load(read_text(path))["names"]
        return [str(names[i]) for i in range(len(names))]
    except (yaml.YAMLError, TypeError, KeyError, IndexError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise MoodstreamError(f"{path}: {line}holds no names of classes") from None


def _size(picture: Path) -> tuple[int, int]:
    """Width and height as the picture is shown, from its head alone."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(picture) as file:
            sideways = file.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
            return (file.height, file.width) if sideways else (file.width, file.height)
    except (OSError, UnidentifiedImageError):
        raise MoodstreamError(f"{picture}: not a picture, so its size is not known") from None


def _boxes(file: Path, size: tuple[int, int], names: Sequence[str]) -> list[LabelledBox]:
    boxes: list[LabelledBox] = []
    for i, line in enumerate(read_text(file).splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        try:
            boxes.append(_box(fields, size, names))
            picture_of("", boxes[-1:])  # here the line is still known
        except ValueError as error:
            raise MoodstreamError(f"{file}: line {i}: {error}") from None
    return boxes


def _box(fields: Sequence[str], size: tuple[int, int], names: Sequence[str]) -> LabelledBox:
    if len(fields) != 5 or not fields[0].isdecimal():
        raise ValueError(f"expected class x y width height, got {' '.join(fields)!r}")
    kind = int(fields[0])
    if names and kind >= len(names):
        raise ValueError(f"class {kind} has no name; there are {len(names)}")
    across, down, wide, high = (
        number_of(field, "a field") * side for field, side in zip(fields[1:], size * 2, strict=True)
    )
    corners = (across - wide / 2, down - high / 2, across + wide / 2, down + high / 2)
    return LabelledBox(corners, names[kind] if names else None if kind == 0 else str(kind))
