"""dlib's XML, as its imglab writes it: <dataset><images><image file=…><box top=… …/>."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.labels.record import (
    LabelledBox,
    LabelledPicture,
    number_of,
    picture_of,
    rounded,
)
from moodstream.realtime.labels.xml_tree import Node, read_xml


def read(path: Path) -> list[LabelledPicture]:
    """The pictures of a file.

    Raises:
        MoodstreamError: It is malformed; names the line.
    """
    root = read_xml(path)
    images = root.first("images")
    if root.tag != "dataset" or images is None:
        raise MoodstreamError(f"{path}: line {root.line}: expected <dataset> with <images>")
    return [_picture(path, image) for image in images.all("image")]


def write(pictures: Sequence[LabelledPicture], path: Path) -> None:
    """Write a file that ``read`` and imglab can read."""
    root = ElementTree.Element("dataset")
    images = ElementTree.SubElement(root, "images")
    for picture in pictures:
        image = ElementTree.SubElement(images, "image", file=picture.name)
        for name, side in zip(("width", "height"), picture.size or (), strict=False):
            image.set(name, str(side))
        for box, kind, ignored in zip(picture.boxes, picture.classes, picture.ignored, strict=True):
            x1, y1, x2, y2 = rounded(box)
            place = {"top": y1, "left": x1, "width": x2 - x1, "height": y2 - y1}
            drawn = ElementTree.SubElement(
                image, "box", {name: f"{value:.10g}" for name, value in place.items()}
            )
            if ignored:
                drawn.set("ignore", "1")
            if kind is not None:
                ElementTree.SubElement(drawn, "label").text = kind
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _picture(path: Path, image: Node) -> LabelledPicture:
    try:
        if not image.attributes.get("file"):
            raise ValueError("an image without a file")
        size = None
        if "width" in image.attributes and "height" in image.attributes:
            size = (int(_side(image, "width")), int(_side(image, "height")))
        return picture_of(image.attributes["file"], [_box(path, b) for b in image.all("box")], size)
    except ValueError as error:
        raise MoodstreamError(f"{path}: line {image.line}: {error}") from None


def _box(path: Path, box: Node) -> LabelledBox:
    try:
        left, top, width, height = (_side(box, n) for n in ("left", "top", "width", "height"))
        made = LabelledBox(
            (left, top, left + width, top + height),
            box.value("label") or None,
            box.attributes.get("ignore") == "1",
        )
        picture_of("", [made])  # here the line of the box is still known
        return made
    except ValueError as error:
        raise MoodstreamError(f"{path}: line {box.line}: {error}") from None


def _side(node: Node, name: str) -> float:
    return number_of(node.attributes.get(name), name)
