"""Folders of results: checked before the work, and never left with half-written files."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from moodstream.realtime.errors import MoodstreamError, NotReplacedError

_MAX_NAME_LENGTH = 60


def prepare_folder(
    folder: Path, outputs: Sequence[str], overwrite: bool, must_be_empty: bool = False
) -> bool:
    """Make a folder where it is missing, and make sure that results can be written there.

    Args:
        folder: Where results go.
        outputs: Names of the files that will be written.
        overwrite: Whether the folder may hold results already.
        must_be_empty: Whether, without ``overwrite``, it may hold no file of any kind.

    Returns:
        Whether the folder is new.

    Raises:
        MoodstreamError: It cannot be written, or holds what must not be there.
    """
    try:
        if not overwrite:
            _check_unused(folder, outputs, must_be_empty)
        new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise MoodstreamError(f"{folder}: cannot be written ({error.strerror})") from None
    return new


def _check_unused(folder: Path, outputs: Sequence[str], must_be_empty: bool) -> None:
    if any((folder / name).exists() for name in outputs):
        raise NotReplacedError(f"{folder}: holds results already", "replace them with")
    if must_be_empty and folder.is_dir() and any(folder.iterdir()):
        raise NotReplacedError(f"{folder}: is not empty", "write there anyway with")


def clean_up(folder: Path, outputs: Sequence[str], new: bool) -> None:
    """Remove half-written files and, if it is empty then, a new folder.

    Args:
        folder: Where the results go; all its other files stay.
        outputs: Names of the files that were being written.
        new: Whether the folder was made for them.
    """
    for name in outputs:
        (folder / f"{name}.part").unlink(missing_ok=True)
    if new and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def results_folder(folder: Path, outputs: Sequence[str], overwrite: bool) -> Iterator[None]:
    """A folder of nothing but results; on any error, no half-written file is left in it.

    An OSError inside is not converted, for it need not be the folder's fault: put ``writing``
    around the part that writes.

    Args:
        folder: Where results go.
        outputs: Names of the files that will be written.
        overwrite: Whether it may hold files already.

    Raises:
        MoodstreamError: It cannot be written, or is not empty.
    """
    new = prepare_folder(folder, outputs, overwrite, must_be_empty=True)
    try:
        yield
    except BaseException:
        clean_up(folder, outputs, new)
        raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns OSError into MoodstreamError; for code that only writes."""
    try:
        yield
    except OSError as error:
        raise MoodstreamError(f"{path}: cannot be written ({error})") from error


@contextmanager
def finished(path: Path) -> Iterator[Path]:
    """A ``.part`` file to write, renamed to ``path`` when it is done and removed on any error."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    except BaseException:
        with suppress(OSError):  # the first error is the one to report
            part.unlink(missing_ok=True)
        raise


def file_names(names: Sequence[str]) -> list[str]:
    """For each name one that can be a file's, no two alike even where case does not matter."""
    unique: list[str] = []
    taken: set[str] = set()
    for whole in names:
        # letters of any script, but nothing with a meaning in a file system
        plain = re.sub(r"[^\w.-]+", "-", whole).strip("-.")[:_MAX_NAME_LENGTH] or "source"
        name, number = plain, 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.casefold())
        unique.append(name)
    return unique


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON; the file is complete or not there."""
    with finished(path) as part:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        MoodstreamError: It cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MoodstreamError(f"{path}: cannot be read ({error})") from error
