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
from moodstream.realtime.sources.images import IMAGE_SUFFIXES


@dataclass(frozen=True)
class Format:
    """How a format is read and written.

    Attributes:
        read: The pictures of a file or folder.
        write: Pictures into a file or folder.
    """

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
    """The format of a file or folder.

    Returns:
        Its name in FORMATS.

    Raises:
        MoodstreamError: It is in none of them, or not there.
    """
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
    """The labelled pictures of several files, whatever their formats.

    Args:
        paths: Files and folders of labels.
        pictures: The folder of the pictures, for the format that does not hold their sizes.

    Raises:
        MoodstreamError: A file is malformed, or a picture is labelled twice.
    """
    by_name: dict[str, LabelledPicture] = {}
    for path in paths:
        name = format_of(path)
        if name == "yolo":
            inside = (path / "images").is_dir()
            labelled = yolo.read(path, None if inside else pictures)
        else:
            labelled = FORMATS[name].read(path)
        for picture in labelled:
            if picture.name in by_name:
                raise MoodstreamError(f"--labels {path}: {picture.name} is labelled twice")
            by_name[picture.name] = picture
    return list(by_name.values())


def pictures_in(folder: Path) -> list[Path]:
    """Every picture file of a folder and the folders in it, sorted by path.

    Raises:
        MoodstreamError: There is none.
    """
    if not folder.is_dir():
        raise MoodstreamError(f"{folder}: no such folder of pictures")
    files = sorted(
        p for p in folder.rglob("*") if p.suffix.casefold() in IMAGE_SUFFIXES and p.is_file()
    )
    if not files:
        raise MoodstreamError(f"{folder}: holds no pictures")
    return files


def locate(
    labelled: Iterable[LabelledPicture], folder: Path, files: Sequence[Path]
) -> tuple[dict[Path, LabelledPicture], list[str]]:
    """Assign labels to files by the names of the pictures.

    A name is taken as a path in ``folder``, else as the end of a path, else as a file name; each
    only where a single file has it.

    Args:
        labelled: The labels.
        folder: Of the pictures.
        files: Every picture in it.

    Returns:
        The labels of each file, and the names of the labels that have none.
    """
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(file.name, []).append(file)
    labels: dict[Path, LabelledPicture] = {}
    unmatched = []
    for picture in labelled:
        tail = re.sub(r"^(\.?/)+", "", picture.name)
        same = by_name.get(PurePosixPath(tail).name, [])
        exact = [f for f in same if f.relative_to(folder).as_posix() == tail]
        ends = [f for f in same if f.resolve().as_posix().endswith(f"/{tail}")]
        match = next((m[0] for m in (exact, ends, same) if len(m) == 1), None)
        if match is None or match in labels:
            unmatched.append(picture.name)
        else:
            labels[match] = picture
    return labels, unmatched
