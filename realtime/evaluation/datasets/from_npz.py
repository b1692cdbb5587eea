"""Labelled faces as arrays in a .npz file."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import I64, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.listing import Attributes, Listing, Truth, counted
from moodstream.realtime.evaluation.datasets.synonyms import SPLITS, emotion_index, split_of
from moodstream.realtime.evaluation.datasets.votes import Votes, named_votes
from moodstream.realtime.sources.images import shrink_to

Arrays = dict[str, npt.NDArray[Any]]

_KEYS = ("images", "labels", "classes", "usage", "names", "votes", "vote_classes")


def list_npz(path: Path, split: str | None, truth: Truth | None = None) -> Listing:
    """The pictures of a .npz file.

    images: (N, H, W) grey or (N, H, W, 3) RGB uint8; labels: (N,) index into classes; classes:
    (K,) names. Beside labels or instead of them votes: (N, C) how many raters gave each answer of
    vote_classes (C,), by default classes. If there: usage, (N,) 0 train, 1 val, 2 test, or words
    for them; names, (N,); and any other array (N,), an attribute.

    Args:
        path: The file.
        split: ``train``, ``val`` or ``test``; by default ``test``, if there is usage.
        truth: Which truth is asked for.

    Raises:
        MoodstreamError: The file holds anything else.
    """
    truth = truth or Truth()
    arrays = load_arrays(path)
    votes, notes = _votes(path, arrays, truth)
    _check(path, arrays, labelled=truth.kind == "labels" or (truth.takes_votes and votes is None))
    kept = np.ones(len(arrays["images"]), bool)
    if "usage" in arrays:
        if split is None:
            split, notes = "test", [*notes, "no --split was given, so test is used"]
        kept = _usage(path, arrays["usage"]) == SPLITS.index(split)
    elif split is not None:
        raise MoodstreamError(f"--data {path}: holds no usage, so no --split {split}")
    rows = np.flatnonzero(kept)
    labels, no_labels = _labels(arrays, rows)
    whole = Listing(
        _names(arrays.get("names"), rows),
        labels,
        _reader(arrays["images"], rows),
        f"{path.name}, {split}" if split else path.name,
        notes=notes,
        attributes={name: column[rows] for name, column in _attributes(arrays).items()},
    )
    try:
        return truth.judged(whole, None if votes is None else votes.take(rows), no_labels)
    except ValueError as error:
        raise MoodstreamError(f"--data {path}: {error}") from None


def load_arrays(path: Path, option: str = "--data") -> Arrays:
    """All arrays of a .npz file, by their names.

    Raises:
        MoodstreamError: It is none; the line begins with ``option``.
    """
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("it is a single array")
        with file:
            return {name: file[name] for name in file.files}
    except ValueError as error:
        reason = "it holds pickled objects" if "allow_pickle" in str(error) else str(error)
        raise MoodstreamError(f"{option} {path}: not a .npz of arrays ({reason})") from None
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise MoodstreamError(f"{option} {path}: cannot be read as a .npz ({error})") from None


def votes_in(path: Path, arrays: Arrays, option: str = "--data") -> tuple[Votes, list[str]]:
    """The votes of a .npz file for all of its rows, and notes for the user.

    Raises:
        MoodstreamError: They are none; the line begins with ``option``.
    """
    names = arrays.get("vote_classes", arrays.get("classes"))
    counts = arrays["votes"]
    if names is None or names.ndim != 1 or names.dtype.kind != "U":
        raise MoodstreamError(f"{option} {path}: expected vote_classes, the names of the answers")
    try:
        return named_votes(counts, names.tolist())
    except ValueError as error:
        raise MoodstreamError(f"{option} {path}: votes: {error}") from None


def _votes(path: Path, arrays: Arrays, truth: Truth) -> tuple[Votes | None, list[str]]:
    """The votes for every row of the file, from beside it or in it, and notes."""
    if truth.votes is None and ("votes" not in arrays or not truth.takes_votes):
        return None, []
    votes, notes = (truth.votes, []) if truth.votes else votes_in(path, arrays)
    images = arrays.get("images")
    if images is not None and images.ndim:
        try:
            votes.check_rows(len(images))
        except ValueError as error:
            raise MoodstreamError(f"--data {path}: {error}") from None
    return votes, notes


def _labels(arrays: Arrays, rows: npt.NDArray[Any]) -> tuple[I64, list[tuple[str, str]]]:
    """The labels of some rows, -1 where one is no emotion, and which classes are none."""
    if "labels" not in arrays:
        return np.full(len(rows), -1, np.int64), []
    labels = arrays["labels"][rows].astype(np.int64)
    to_emotion, none = _classes(arrays["classes"], labels)
    return to_emotion[labels], none


def _names(names: npt.NDArray[Any] | None, rows: npt.NDArray[Any]) -> list[str]:
    return [f"#{row}" if names is None else str(names[row]) for row in rows]


def _reader(
    images: npt.NDArray[np.uint8], rows: npt.NDArray[Any]
) -> Callable[[int, int | None], Image]:
    def read(i: int, max_side: int | None) -> Image:
        image = _bgr(images[rows[i]])
        return image if max_side is None else shrink_to(image, max_side)

    return read


def _attributes(arrays: Arrays) -> Attributes:
    """The arrays (N,) of a file that have no meaning of their own here."""
    n = len(arrays["images"])
    return {
        name: np.char.decode(column, "utf-8", "replace")
        if column.dtype.kind == "S"
        else column.astype(str)
        for name, column in arrays.items()
        if name not in _KEYS and column.shape == (n,) and column.dtype.kind in "USiufb"
    }


def _check(path: Path, arrays: Arrays, labelled: bool) -> None:
    def expect(right: bool, what: str) -> None:
        if not right:
            raise MoodstreamError(f"--data {path}: expected {what}")

    needed = ("images", "labels", "classes") if labelled else ("images",)
    missing = [name for name in needed if name not in arrays]
    expect(not missing, f"arrays {', '.join(needed)}; {', '.join(missing)} missing")
    images = arrays["images"]
    n = len(images) if images.ndim else -1
    grey = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
    expect(
        images.dtype == np.uint8 and grey and 0 not in images.shape[1:],
        f"images of shape (N, H, W) or (N, H, W, 3) uint8, got {images.shape} {images.dtype}",
    )
    if "labels" in arrays:
        labels, classes = arrays["labels"], arrays.get("classes", np.zeros(0))
        expect(
            labels.shape == (n,) and labels.dtype.kind in "iu",
            f"labels of shape ({n},) of integers, got {labels.shape} {labels.dtype}",
        )
        expect(
            classes.ndim == 1 and classes.dtype.kind == "U",
            f"classes to be a list of names, got {classes.shape} {classes.dtype}",
        )
        inside = n == 0 or (labels.min() >= 0 and labels.max() < len(classes))
        expect(inside, f"labels from 0 to {len(classes) - 1}, the places in classes")
    for name in ("usage", "names"):
        if name in arrays:
            shape = arrays[name].shape
            expect(shape == (n,), f"{name} of shape ({n},), got {shape}")


def _usage(path: Path, usage: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The place in SPLITS of each picture (N,); raises MoodstreamError for other words."""
    if usage.dtype.kind in "iufb":
        return usage
    words, rows = np.unique(usage.astype(str), return_inverse=True)
    parts = [split_of(word) for word in words.tolist()]
    odd = [word for word, part in zip(words.tolist(), parts, strict=True) if part is None]
    if odd:
        listed = ", ".join(map(repr, odd[:5])) + (" and more" if len(odd) > 5 else "")
        raise MoodstreamError(
            f"--data {path}: expected usage to be train, val or test, or 0, 1 or 2, got {listed}"
        )
    return np.array([SPLITS.index(part) for part in parts if part is not None])[rows]


def _classes(classes: npt.NDArray[Any], labels: I64) -> tuple[I64, list[tuple[str, str]]]:
    """The index into EMOTIONS of each class, -1 where it is none, and what that leaves out."""
    to_emotion = np.full(len(classes), -1, np.int64)
    skipped = []
    for place, name in enumerate(classes.tolist()):
        try:
            to_emotion[place] = emotion_index(name)
        except ValueError as error:
            count = int((labels == place).sum())
            skipped.append((f"class {name} ({counted(count)})", str(error)))
    return to_emotion, skipped


def _bgr(image: npt.NDArray[np.uint8]) -> Image:
    if image.ndim == 3 and image.shape[2] == 3:
        return np.ascontiguousarray(image[..., ::-1])
    return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
