"""COCO's JSON: images, annotations and categories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.labels.json_entries import entry, items, read_json, text_of, write_json
from moodstream.realtime.labels.record import (
    FACE,
    LabelledBox,
    LabelledPicture,
    number_of,
    picture_of,
    rounded,
)


def read(path: Path) -> list[LabelledPicture]:
    """The pictures of a file, those without boxes too; boxes of a crowd are ignored.

    Raises:
        MoodstreamError: It is malformed; names the entry.
    """
    content = read_json(path)
    if not isinstance(content, dict) or "images" not in content:
        raise MoodstreamError(f"{path}: expected an object with images, annotations, categories")
    kinds: dict[Any, str] = {}
    for i, one in enumerate(items(path, content, "categories")):
        with entry(path, f"categories[{i}]"):
            kinds[one["id"]] = text_of(one["name"], "name")
    boxes: dict[Any, list[LabelledBox]] = {}
    images = items(path, content, "images")
    for i, one in enumerate(images):
        with entry(path, f"images[{i}]"):
            boxes[one["id"]] = []
    for i, one in enumerate(items(path, content, "annotations")):
        with entry(path, f"annotations[{i}]"):
            if one["image_id"] not in boxes:
                raise ValueError(f"image_id {one['image_id']!r} is no image")
            boxes[one["image_id"]].append(_box(one, kinds))
    pictures = []
    for i, one in enumerate(images):
        with entry(path, f"images[{i}]"):
            size = None
            if one.get("width") and one.get("height"):
                wide, high = (int(number_of(one[side], side)) for side in ("width", "height"))
                size = wide, high
            pictures.append(
                picture_of(text_of(one["file_name"], "file_name"), boxes[one["id"]], size)
            )
    return pictures


def write(pictures: Sequence[LabelledPicture], path: Path) -> None:
    """Write a file that ``read`` can read."""
    names = [FACE, *sorted({k for p in pictures for k in p.classes if k is not None})]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i, picture in enumerate(pictures, start=1):
        sides = dict(zip(("width", "height"), picture.size or (), strict=False))
        images.append({"id": i, "file_name": picture.name, **sides})
        for box, kind, ignored in zip(picture.boxes, picture.classes, picture.ignored, strict=True):
            x1, y1, x2, y2 = rounded(box)
            wide, high = round(x2 - x1, 3), round(y2 - y1, 3)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": names.index(kind or FACE),
                    "bbox": [x1, y1, wide, high],
                    "area": round(wide * high, 3),
                    "iscrowd": int(ignored),
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(names)]
    write_json(path, {"images": images, "annotations": annotations, "categories": categories})


def _box(one: dict[str, Any], kinds: dict[Any, str]) -> LabelledBox:
    numbers = one["bbox"]
    if not isinstance(numbers, list) or len(numbers) != 4:
        raise ValueError(f"bbox is {numbers!r}, expected four numbers")
    x, y, wide, high = (number_of(value, "bbox") for value in numbers)
    if one["category_id"] not in kinds:
        raise ValueError(f"category_id {one['category_id']!r} is no category")
    made = LabelledBox(
        (x, y, x + wide, y + high), kinds[one["category_id"]], bool(one.get("iscrowd"))
    )
    picture_of("", [made])  # here the entry is still known
    return made
