"""Labelled faces named in a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.listing import Listing
from moodstream.realtime.evaluation.datasets.synonyms import emotion_index, split_of
from moodstream.realtime.sources.images import read_picture

_COLUMNS = {
    "path": ("path", "image", "file", "filename", "file_name", "image_path", "filepath"),
    "label": ("label", "emotion", "class", "expression"),
    "pixels": ("pixels",),
    "split": ("usage", "split"),
}
_ORDER = ", ".join(f"{i} {name}" for i, name in enumerate(EMOTIONS))


def list_csv(path: Path, split: str | None) -> Listing:
    """The pictures of a CSV file with columns of paths and labels, in any order, and others.

    path (also image, file): relative to the CSV; label (also emotion, class): a name or the
    index into EMOTIONS, which is then noted; usage or split, if there: train, val or test.
    Instead of paths there may be pixels, the grey values of a square picture, as in the original
    fer2013.csv. Rows that cannot be used are listed as skipped.

    Args:
        path: The file.
        split: ``train``, ``val`` or ``test``; by default ``test``, if the file has splits.

    Raises:
        MoodstreamError: The file cannot be read, or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=header.count)
            rows = csv.reader(file, delimiter=delimiter)
            columns = _columns(path, next(rows, []))
            return _list(path, split, columns, rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MoodstreamError(f"--data {path}: cannot be read as a CSV ({error})") from None


def _columns(path: Path, header: list[str]) -> dict[str, int]:
    names = [name.strip().casefold() for name in header]
    columns = {
        kind: next(names.index(alias) for alias in aliases if alias in names)
        for kind, aliases in _COLUMNS.items()
        if any(alias in names for alias in aliases)
    }
    for kinds in (("path", "pixels"), ("label",)):
        if not any(kind in columns for kind in kinds):
            asked = ", ".join(_COLUMNS[kinds[0]][:3])
            raise MoodstreamError(
                f"--data {path}: expected a column {asked}; there are {', '.join(names) or 'none'}"
            )
    return columns


def _list(
    path: Path, split: str | None, columns: dict[str, int], rows: Iterator[list[str]]
) -> Listing:
    names, labels, notes = [], [], []
    pictures: list[Path | Image] = []
    numbered = False
    skipped: list[tuple[str, str]] = []
    if "split" in columns and split is None:
        split, notes = "test", ["no --split was given, so test is used"]
    elif "split" not in columns and split is not None:
        raise MoodstreamError(f"--data {path}: has no column usage, so no --split {split}")
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        name = f"row {number}"
        try:
            if len(row) <= max(columns.values()):
                raise ValueError("fewer cells than the header")
            name = row[columns["path"]].strip() if "path" in columns else name
            if split is not None and split_of(row[columns["split"]]) != split:
                continue
            label = emotion_index(row[columns["label"]])
            pictures.append(
                path.parent / name if "path" in columns else _grey(row[columns["pixels"]])
            )
        except ValueError as error:
            skipped.append((name, str(error)))
        else:
            names.append(name)
            labels.append(label)
            numbered = numbered or row[columns["label"]].strip().isdecimal()

    def read(i: int, max_side: int | None) -> Image:
        picture = pictures[i]
        return read_picture(picture, max_side) if isinstance(picture, Path) else picture

    if numbered:
        notes.append(f"labels are numbers, taken as {_ORDER}")
    source = f"{path.name}, {split}" if split else path.name
    return Listing(names, np.array(labels, np.int64), read, source, skipped, notes)


def _grey(cell: str) -> Image:
    """A square grey picture written as numbers, (S, S, 3) uint8."""
    values = np.array(cell.split(), np.float64)
    side = round(len(values) ** 0.5)
    if side == 0 or side * side != len(values) or not ((values >= 0) & (values <= 255)).all():
        raise ValueError(f"expected the pixels of a square picture, got {len(values)} numbers")
    return np.repeat(values.astype(np.uint8).reshape(side, side, 1), 3, axis=2)
