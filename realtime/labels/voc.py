"""Pascal VOC: one XML file for each picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.labels.record import (
    FACE,
    LabelledBox,
    LabelledPicture,
    number_of,
    picture_of,
    rounded,
)
from moodstream.realtime.labels.xml_tree import Node, read_xml

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read(path: Path) -> list[LabelledPicture]:
    """The picture of a file, or those of all .xml files of a folder.

    Corners are taken as they are, xmax and ymax being where the box ends; boxes marked as
    difficult are ignored.

    Raises:
        MoodstreamError: A file is malformed; names the line.
    """
    files = sorted(path.rglob("*.xml")) if path.is_dir() else [path]
    return [_picture(file) for file in files]


def write(pictures: Sequence[LabelledPicture], path: Path) -> None:
    """Write a file for each picture into a folder, sub-folders as the pictures have them."""
    for picture in pictures:
        file = (path / picture.name).with_suffix(".xml")
        file.parent.mkdir(parents=True, exist_ok=True)
        root = ElementTree.Element("annotation")
        ElementTree.SubElement(root, "filename").text = picture.name
        if picture.size is not None:
            size = ElementTree.SubElement(root, "size")
            for name, side in zip(("width", "height", "depth"), (*picture.size, 3), strict=True):
                ElementTree.SubElement(size, name).text = str(side)
        for box, kind, ignored in zip(picture.boxes, picture.classes, picture.ignored, strict=True):
            thing = ElementTree.SubElement(root, "object")
            ElementTree.SubElement(thing, "name").text = kind or FACE
            ElementTree.SubElement(thing, "difficult").text = str(int(ignored))
            drawn = ElementTree.SubElement(thing, "bndbox")
            for name, value in zip(_CORNERS, rounded(box), strict=True):
                ElementTree.SubElement(drawn, name).text = f"{value:.10g}"
        ElementTree.indent(root)
        ElementTree.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


def _picture(file: Path) -> LabelledPicture:
    root = read_xml(file)
    name = root.value("filename")
    if root.tag != "annotation" or not name:
        raise MoodstreamError(f"{file}: line {root.line}: expected <annotation> with <filename>")
    size = root.first("size")
    try:
        sides = None
        if size is not None:
            wide, high = (int(number_of(size.value(s), s)) for s in ("width", "height"))
            sides = (wide, high) if wide > 0 and high > 0 else None  # some programs write 0
    except ValueError as error:
        raise MoodstreamError(f"{file}: line {size.line if size else 0}: {error}") from None
    return picture_of(name, [_box(file, thing) for thing in root.all("object")], sides)


def _box(file: Path, thing: Node) -> LabelledBox:
    try:
        drawn = thing.first("bndbox")
        if drawn is None:
            raise ValueError("an object without a bndbox")
        corners = [number_of(drawn.value(name), name) for name in _CORNERS]
        made = LabelledBox(corners, thing.value("name"), thing.value("difficult") == "1")
        picture_of("", [made])  # here the line of the box is still known
        return made
    except ValueError as error:
        raise MoodstreamError(f"{file}: line {thing.line}: {error}") from None
