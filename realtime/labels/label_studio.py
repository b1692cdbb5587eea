"""Label Studio's JSON: tasks, the rectangles people drew, and those a network proposes."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.labels.json_entries import entry, read_json, text_of, write_json
from moodstream.realtime.labels.record import (
    FACE,
    LabelledBox,
    LabelledPicture,
    number_of,
    picture_of,
)

LOCAL_FILES = "/data/local-files/?d="
"""How Label Studio addresses a file of its own storage; what follows is the path there."""

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # put before the name of a picture that was uploaded


def read(path: Path) -> list[LabelledPicture]:
    """The pictures of an export that people have labelled.

    Of several annotations of a task the last one counts that was not cancelled; a task without
    any is left out: whether it has faces is not known.

    Raises:
        MoodstreamError: It is malformed; names the task.
    """
    return [picture for _, picture in read_tasks(path)]


def read_tasks(path: Path) -> list[tuple[dict[str, Any], LabelledPicture]]:
    """The ``data`` of each task that people have labelled, and its picture; see ``read``."""
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise MoodstreamError(f"{path}: expected a list of tasks, as Label Studio exports them")
    done = []
    for i, task in enumerate(tasks):
        with entry(path, f"task {i + 1}"):
            valid = [one for one in task.get("annotations") or [] if not one.get("was_cancelled")]
            if valid:
                done.append((task["data"], _picture(task["data"], valid[-1])))
    return done


def write(pictures: Sequence[LabelledPicture], path: Path) -> None:
    """Write tasks with annotations; ignored boxes have no place in it.

    Raises:
        MoodstreamError: The size of a picture is unknown; rectangles are in per cent of it.
    """
    write_json(
        path,
        [
            {
                "id": i,
                "data": {"image": address(picture.name)},
                "annotations": [{"result": rectangles(picture)}],
            }
            for i, picture in enumerate(pictures, start=1)
        ],
    )


def rectangles(
    picture: LabelledPicture, scores: Sequence[float] | None = None
) -> list[dict[str, Any]]:
    """The boxes of a picture as results of an annotation or of a prediction.

    Args:
        picture: Of known size.
        scores: Of the N boxes, for a prediction.

    Raises:
        MoodstreamError: The size of the picture is unknown.
    """
    if picture.size is None:
        raise MoodstreamError(f"{picture.name}: Label Studio's format needs the picture's size")
    wide, high = picture.size
    results = []
    for i, (box, kind, ignored) in enumerate(
        zip(picture.boxes.astype(float), picture.classes, picture.ignored, strict=True)
    ):
        if ignored:
            continue
        x1, y1, x2, y2 = box.tolist()
        value = {
            "x": round(100 * x1 / wide, 6),
            "y": round(100 * y1 / high, 6),
            "width": round(100 * (x2 - x1) / wide, 6),
            "height": round(100 * (y2 - y1) / high, 6),
            "rotation": 0,
            "rectanglelabels": [kind or FACE],
        }
        results.append(
            {
                "id": f"face{i + 1}",
                "type": "rectanglelabels",
                "from_name": "emotion",
                "to_name": "image",
                "original_width": wide,
                "original_height": high,
                "image_rotation": 0,
                "value": value,
                **({} if scores is None else {"score": round(float(scores[i]), 4)}),
            }
        )
    return results


def config(kinds: Sequence[tuple[str, str]]) -> str:
    """The labelling interface of a project, as XML.

    Args:
        kinds: Name and colour of each kind of rectangle.
    """
    labels = "\n".join(
        f'    <Label value="{name}" background="{colour}"/>' for name, colour in kinds
    )
    return (
        "<View>\n"
        '  <Image name="image" value="$image" zoom="true" zoomControl="true"/>\n'
        '  <RectangleLabels name="emotion" toName="image">\n'
        f"{labels}\n"
        "  </RectangleLabels>\n"
        "</View>\n"
    )


def address(name: str) -> str:
    """The address of a picture of Label Studio's local storage."""
    return LOCAL_FILES + quote(name)


def name_of(image: str) -> str:
    """The picture behind an address: a path in the storage, or the name that was uploaded."""
    parts = urlsplit(image)
    local = parse_qs(parts.query).get("d")
    if local:
        return local[0]
    path = unquote(parts.path)
    if path.startswith("/data/upload/"):
        return _UPLOADED.sub("", path.rsplit("/", 1)[-1])
    return path.rsplit("/", 1)[-1] if parts.scheme in ("http", "https") else path


def _picture(data: dict[str, Any], annotation: dict[str, Any]) -> LabelledPicture:
    boxes: list[LabelledBox] = []
    size: tuple[int, int] | None = None
    for i, result in enumerate(annotation.get("result") or []):
        if result["type"] != "rectanglelabels":
            continue
        try:
            wide, high = (number_of(result[s], s) for s in ("original_width", "original_height"))
            size = int(wide), int(high)
            made = _box(result["value"], size)
            picture_of("", [made])  # here the result is still known
        except ValueError as error:
            raise ValueError(f"result {i + 1}: {error}") from None
        boxes.append(made)
    return picture_of(name_of(text_of(data["image"], "image")), boxes, size)


def _box(value: dict[str, Any], size: tuple[int, int]) -> LabelledBox:
    """The upright box around a rectangle, which may be turned about its top left corner."""
    if min(size) < 1:
        raise ValueError(f"a picture of {size} px")
    x, y, wide, high = (
        number_of(value[name], name) * side / 100
        for name, side in zip(("x", "y", "width", "height"), size * 2, strict=True)
    )
    turn = math.radians(number_of(value.get("rotation") or 0, "rotation"))
    along, down = (math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))
    corners = [
        (x + a * wide * along[0] + b * high * down[0], y + a * wide * along[1] + b * high * down[1])
        for a in (0, 1)
        for b in (0, 1)
    ]
    across, up = zip(*corners, strict=True)
    names = value.get("rectanglelabels") or []
    return LabelledBox(
        (min(across), min(up), max(across), max(up)), text_of(names[0], "label") if names else None
    )
