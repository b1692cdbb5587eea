"""Labelled faces as arrays in a .npz file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import I64, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.listing import Listing, counted
from moodstream.realtime.evaluation.datasets.synonyms import SPLITS, emotion_index, split_of
from moodstream.realtime.sources.images import shrink_to

Arrays = dict[str, npt.NDArray[Any]]


def list_npz(path: Path, split: str | None) -> Listing:
    """The pictures of a .npz file.

    images: (N, H, W) grey or (N, H, W, 3) RGB uint8; labels: (N,) index into classes; classes:
    (K,) names; usage, if there: (N,) 0 train, 1 val, 2 test, or words for them; names, if
    there: (N,).

    Args:
        path: The file.
        split: ``train``, ``val`` or ``test``; by default ``test``, if there is usage.

    Raises:
        MoodstreamError: The file holds anything else.
    """
    arrays = _load(path)
    _check(path, arrays)
    images, labels = arrays["images"], arrays["labels"].astype(np.int64)
    kept, notes = np.ones(len(labels), bool), []
    if "usage" in arrays:
        if split is None:
            split, notes = "test", ["no --split was given, so test is used"]
        kept = _usage(path, arrays["usage"]) == SPLITS.index(split)
    elif split is not None:
        raise MoodstreamError(f"--data {path}: holds no usage, so no --split {split}")
    to_emotion, skipped = _classes(arrays["classes"], labels[kept])
    rows = np.flatnonzero(kept & (to_emotion[labels] >= 0))
    names = arrays.get("names")

    def read(i: int, max_side: int | None) -> Image:
        image = _bgr(images[rows[i]])
        return image if max_side is None else shrink_to(image, max_side)

    return Listing(
        [f"#{row}" if names is None else str(names[row]) for row in rows],
        to_emotion[labels[rows]],
        read,
        f"{path.name}, {split}" if split else path.name,
        skipped,
        notes,
    )


def _load(path: Path) -> Arrays:
    try:
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("it is a single array")
        with file:
            return {name: file[name] for name in file.files}
    except ValueError as error:
        reason = "it holds pickled objects" if "allow_pickle" in str(error) else str(error)
        raise MoodstreamError(f"--data {path}: not a .npz of arrays ({reason})") from None
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise MoodstreamError(f"--data {path}: cannot be read as a .npz ({error})") from None


def _check(path: Path, arrays: Arrays) -> None:
    def expect(right: bool, what: str) -> None:
        if not right:
            raise MoodstreamError(f"--data {path}: expected {what}")

    missing = [name for name in ("images", "labels", "classes") if name not in arrays]
    expect(not missing, f"arrays images, labels and classes; {', '.join(missing)} missing")
    images, labels, classes = arrays["images"], arrays["labels"], arrays["classes"]
    n = len(images) if images.ndim else -1
    grey = images.ndim == 3 or (images.ndim == 4 and images.shape[3] in (1, 3))
    expect(
        images.dtype == np.uint8 and grey and 0 not in images.shape[1:],
        f"images of shape (N, H, W) or (N, H, W, 3) uint8, got {images.shape} {images.dtype}",
    )
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
