"""Labelled faces in a folder that has a sub-folder for each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.listing import Listing, counted
from moodstream.realtime.evaluation.datasets.synonyms import emotion_index, split_of
from moodstream.realtime.sources.images import IMAGE_SUFFIXES, read_picture


def list_folder(path: Path, split: str | None) -> Listing:
    """The pictures of PATH/CLASS or PATH/SPLIT/CLASS, also in folders further down.

    Sub-folders named after no emotion are listed as skipped.

    Args:
        path: The folder.
        split: ``train``, ``val`` or ``test``; by default ``test``, if there are only splits.

    Raises:
        MoodstreamError: There is no such split, or no sub-folder at all.
    """
    root, part, notes = _part(path, split)
    files: list[tuple[Path, int]] = []
    skipped: list[tuple[str, str]] = []
    for sub in _folders(root):
        held = _pictures(sub)
        try:
            label = _label(sub)
        except ValueError as error:
            skipped.append((f"{sub.name}/ ({counted(len(held))})", str(error)))
        else:
            files += [(file, label) for file in held]
    if not files and not skipped:
        raise MoodstreamError(f"--data {root}: expected sub-folders of pictures, one a class")
    return Listing(
        [str(file.relative_to(path)) for file, _ in files],
        np.array([label for _, label in files], np.int64),
        lambda i, max_side: read_picture(files[i][0], max_side),
        f"{path.resolve().name}, {part}" if part else path.resolve().name,
        skipped,
        notes,
    )


def _part(path: Path, split: str | None) -> tuple[Path, str | None, list[str]]:
    """The folder that holds the classes, the split that it is, and notes for the user."""
    parts = {part: sub for sub in _folders(path) if (part := split_of(sub.name))}
    if split is not None:
        if split not in parts:
            raise MoodstreamError(f"--data {path}: holds no folder {split}, so no --split {split}")
        return parts[split], split, []
    if not parts or any(_is_class(sub) for sub in _folders(path)):
        return path, None, []
    part = "test" if "test" in parts else next(iter(parts))
    return parts[part], part, [f"no --split was given, so {part} is used"]


def _label(folder: Path) -> int:
    # Numbered folders follow a different order in each data set: guessing would be worse.
    if folder.name.strip().isdecimal():
        raise ValueError("the name of an emotion was expected, not a number")
    return emotion_index(folder.name)


def _is_class(folder: Path) -> bool:
    try:
        _label(folder)
    except ValueError:
        return False
    return True


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise MoodstreamError(f"--data {path}: cannot be read ({error.strerror})") from None


def _pictures(folder: Path) -> list[Path]:
    try:
        return sorted(
            p
            for p in folder.rglob("*")
            if p.suffix.casefold() in IMAGE_SUFFIXES and not p.name.startswith(".") and p.is_file()
        )
    except OSError as error:
        raise MoodstreamError(f"--data {folder}: cannot be read ({error.strerror})") from None
