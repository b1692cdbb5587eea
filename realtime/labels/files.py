"""Every label format by name, which one a file is in, and where its pictures are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.labels import coco, dlib, label_studio, voc, wider, yolo
from moodstream.realtime.labels.json_entries import read_json
from moodstream.realtime.labels.record import LabelledPicture
from moodstream.realtime.labels.xml_tree import read_xml
from moodstream.realtime.sources.images import SUFFIXES


@dataclass(frozen=True)
class Format:
    """How a format is read and written."""

    read: Callable[[Path], list[LabelledPicture]]
    write: Callable[[Sequence[LabelledPicture], Path], None]


FORMATS: Mapping[str, Format] = {
    "label-studio": Format(label_studio.read, label_studio.write),
    "coco": Format(coco.read, coco.write),
    "yolo": Format(yolo.read, yolo.write),
    "voc": Format(voc.read, voc.write),
    "dlib": Format(dlib.read, dlib.write),
    "wider": Format(wider.read, wider.write),
}


def format_of(path: Path) -> str:
    """The name in FORMATS of a file or folder; raises MoodstreamError where it is none of them."""
    if not path.exists():
        raise MoodstreamError(f"--labels {path}: no such file or folder")
    if path.is_dir():
        if any(path.rglob("*.xml")):
            return "voc"
        if any(path.rglob("*.txt")):
            return "yolo"
    elif path.suffix.casefold() == ".json":
        return "label-studio" if isinstance(read_json(path), list) else "coco"
    elif path.suffix.casefold() == ".xml":
        return "dlib" if read_xml(path).tag == "dataset" else "voc"
    elif path.suffix.casefold() == ".txt":
        return "wider"
    raise MoodstreamError(
        f"--labels {path}: expected Label Studio or COCO (.json), dlib or Pascal VOC (.xml), "
        "WIDER FACE (.txt), or a folder of Pascal VOC or YOLO files"
    )


def read_labels(paths: Iterable[Path], pictures: Path) -> list[LabelledPicture]:
    """What all these label files say, whatever their formats.

    ``pictures``: the folder of the pictures, for the format that does not tell their sizes.
    Raises MoodstreamError for a malformed file, or a picture that is labelled twice.
    """
    found: dict[str, LabelledPicture] = {}
    for path in paths:
        name = format_of(path)
        if name == "yolo":
            inside = (path / "images").is_dir()
            read = yolo.read(path, None if inside else pictures)
        else:
            read = FORMATS[name].read(path)
        for picture in read:
            if picture.name in found:
                raise MoodstreamError(f"--labels {path}: {picture.name} is labelled twice")
            found[picture.name] = picture
    return list(found.values())


def pictures_in(folder: Path) -> list[Path]:
    """Every picture file of a folder and the folders in it, sorted by path.

    Raises MoodstreamError where there is none.
    """
    if not folder.is_dir():
        raise MoodstreamError(f"{folder}: no such folder of pictures")
    found = sorted(p for p in folder.rglob("*") if p.suffix.casefold() in SUFFIXES and p.is_file())
    if not found:
        raise MoodstreamError(f"{folder}: holds no pictures")
    return found


def locate(
    labelled: Iterable[LabelledPicture], folder: Path, files: Sequence[Path]
) -> tuple[dict[Path, LabelledPicture], list[str]]:
    """The labels of each file, and the names of labels that no file has.

    A label's name is looked for as a path in ``folder``, then as the end of a path, then as a
    file name, if it is the only one.
    """
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(file.name, []).append(file)
    found: dict[Path, LabelledPicture] = {}
    lost = []
    for picture in labelled:
        tail = re.sub(r"^(\.?/)+", "", picture.name)
        same = by_name.get(PurePosixPath(tail).name, [])
        exact = [f for f in same if f.relative_to(folder).as_posix() == tail]
        ends = [f for f in same if f.resolve().as_posix().endswith(f"/{tail}")]
        match = next((m[0] for m in (exact, ends, same) if len(m) == 1), None)
        if match is None or match in found:
            lost.append(picture.name)
        else:
            found[match] = picture
    return found, lost
