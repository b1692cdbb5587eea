"""Folders of results: checked before the work, and never left with half-written files."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from moodstream.realtime.errors import MoodstreamError

_NAME_LENGTH = 60


def prepare_folder(
    folder: Path, outputs: Sequence[str], overwrite: bool, alone: bool = False
) -> bool:
    """Make sure that results can be written there; returns whether the folder is new.

    Raises MoodstreamError where it cannot be written, or where it holds any of ``outputs`` (or
    with ``alone`` any file at all) and ``overwrite`` is False.
    """
    try:
        if not overwrite:
            _check_unused(folder, outputs, alone)
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MoodstreamError(f"{folder}: cannot be written ({error.strerror})") from None
    return new


def _check_unused(folder: Path, outputs: Sequence[str], alone: bool) -> None:
    if any((folder / name).exists() for name in outputs):
        raise MoodstreamError(f"{folder}: holds results already; use --overwrite to replace them")
    if alone and folder.is_dir() and any(folder.iterdir()):
        raise MoodstreamError(f"{folder}: is not empty; use --overwrite to write there anyway")


def clean_up(folder: Path, outputs: Sequence[str], new: bool) -> None:
    """Remove those of ``outputs`` that are half-written, and the folder if it is ``new`` and empty.

    Other people's files stay, whatever they are called.
    """
    for name in outputs:
        (folder / f"{name}.part").unlink(missing_ok=True)
    if new and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def results_folder(folder: Path, outputs: Sequence[str], overwrite: bool) -> Iterator[None]:
    """A folder of nothing but results; on any error, no half-written file is left in it.

    Raises MoodstreamError as ``prepare_folder`` does. What fails inside need not be the folder's
    fault: put ``writing`` around the part that writes.
    """
    new = prepare_folder(folder, outputs, overwrite, alone=True)
    try:
        yield
    except BaseException:
        clean_up(folder, outputs, new)
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around code that writes and does not read: turns OSError into MoodstreamError."""
    try:
        yield
    except OSError as error:
        raise MoodstreamError(f"{path}: cannot be written ({error})") from error


@contextmanager
def finished(path: Path) -> Iterator[Path]:
    """A ``.part`` file to write, which takes its name when it is done; on any error it is gone."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    except BaseException:
        with suppress(OSError):  # the first error is the one to tell
            part.unlink(missing_ok=True)
        raise


def file_names(names: Sequence[str]) -> list[str]:
    """A name fit for a file or folder for each of ``names``, no two alike in any file system."""
    found: list[str] = []
    taken: set[str] = set()
    for whole in names:
        # letters of any script, but nothing that means something to a file system
        plain = re.sub(r"[^\w.-]+", "-", whole).strip("-.")[:_NAME_LENGTH] or "source"
        name, number = plain, 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.casefold())
        found.append(name)
    return found


def write_json(path: Path, content: Any) -> None:
    """Write readable JSON, at once or not at all."""
    with finished(path) as part:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        MoodstreamError: It cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MoodstreamError(f"{path}: cannot be read ({error})") from error
