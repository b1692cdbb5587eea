"""Labelled faces in memory, from any kind of data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from moodstream.realtime.arrays import F32, F64, I64, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError, UnreadableImageError
from moodstream.realtime.evaluation.datasets.from_csv import list_csv
from moodstream.realtime.evaluation.datasets.from_folder import list_folder
from moodstream.realtime.evaluation.datasets.from_npz import list_npz
from moodstream.realtime.evaluation.datasets.listing import Attributes, Listing, Truth
from moodstream.realtime.evaluation.datasets.votes import Votes
from moodstream.realtime.evaluation.datasets.votes_file import read_votes
from moodstream.realtime.progress import ProgressCallback

MAX_SIDE_PX = 512
"""Pictures of faces with a longer side than this are shrunk to it."""


@dataclass(frozen=True)
class LabelledFaces:
    """N pictures with one face each, and its emotion.

    Attributes:
        images: (H, W, 3) uint8 BGR each.
        labels: (N,) int64 index into EMOTIONS; what most raters named, where there are votes.
        names: Of the pictures.
        skipped: What was left out, as (what, why).
        source: The data set and its split.
        boxes: (N, 4) float32 xyxy px of the faces, None where each is the whole picture.
        notes: What was chosen for the user.
        votes: What the raters of each face answered, None where it is not known.
        own_labels: (N,) the data's own labels beside votes, -1 where one is none of EMOTIONS.
        attributes: What else is known of each picture, by its name.
        without_face: The same of the pictures in which no face was found, each (M,).
    """

    images: list[Image]
    labels: I64
    names: list[str]
    skipped: list[tuple[str, str]]
    source: str
    boxes: F32 | None = None
    notes: list[str] = field(default_factory=list)
    votes: Votes | None = None
    own_labels: I64 | None = None
    attributes: Attributes = field(default_factory=dict)
    without_face: Attributes = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.labels.shape != (n,) or len(self.names) != n:
            raise ValueError(
                f"expected {n} labels and names, got {self.labels.shape} and {len(self.names)}"
            )
        if self.votes is not None and len(self.votes) != n:
            raise ValueError(f"expected votes for {n} faces, got {len(self.votes)}")
        if self.boxes is not None and self.boxes.shape != (n, 4):
            raise ValueError(f"expected boxes of shape ({n}, 4), got {self.boxes.shape}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def truth(self) -> F64:
        """What is true of each face, (N, 7): the shares of its raters, or all on its label."""
        if self.votes is not None:
            return self.votes.shares
        unit: F64 = np.eye(len(EMOTIONS))[self.labels]
        return unit

    def box(self, i: int) -> F32:
        """Where face i is in its picture: (4,) float32 xyxy px."""
        if self.boxes is not None:
            return np.asarray(self.boxes[i], np.float32)
        height, width = self.images[i].shape[:2]
        return np.array([0, 0, width, height], np.float32)

    def sides(self) -> F32:
        """The smaller side of each face, (N,) float32 px."""
        boxes = np.array([self.box(i) for i in range(len(self))], np.float32).reshape(-1, 4)
        return np.asarray((boxes[:, 2:] - boxes[:, :2]).min(axis=1), np.float32)


def list_faces(
    path: Path,
    split: str | None = None,
    limit: int | None = None,
    votes: Path | None = None,
    truth: str | None = None,
) -> Listing:
    """What a folder with a sub-folder for each class, a .npz or a CSV file holds.

    Their formats are those of ``list_folder``, ``list_npz`` and ``list_csv``.

    Args:
        path: The data set.
        split: ``train``, ``val`` or ``test``.
        limit: A random subset of so many, always the same.
        votes: A file with the votes of raters, row for row with a .npz or CSV (``read_votes``).
        truth: ``votes`` or ``labels``; by default votes where there are some.

    Raises:
        MoodstreamError: The data set cannot be read, or no face of the split is labelled.
    """
    try:
        is_folder = path.is_dir()
        there = is_folder or path.exists()
    except OSError as error:
        raise MoodstreamError(f"--data {path}: cannot be read ({error.strerror})") from None
    if not there:
        raise MoodstreamError(f"--data {path}: no such file or folder")
    if is_folder and (votes is not None or truth == "votes"):
        raise MoodstreamError(
            f"--data {path}: a folder has labels; votes need a .npz or a .csv file"
        )
    asked = Truth(truth, None if votes is None else read_votes(votes))
    if is_folder:
        listing = list_folder(path, split)
    elif path.suffix.casefold() == ".npz":
        listing = list_npz(path, split, asked)
    elif path.suffix.casefold() in (".csv", ".tsv"):
        listing = list_csv(path, split, asked)
    else:
        raise MoodstreamError(f"--data {path}: expected a folder, a .npz or a .csv file")
    if len(listing) == 0:
        raise _nothing(path, f"no labelled pictures in {listing.source}", listing.skipped)
    return listing if limit is None else listing.sample(limit)


def load(
    path: Path,
    split: str | None = None,
    limit: int | None = None,
    on_progress: ProgressCallback | None = None,
    votes: Path | None = None,
    truth: str | None = None,
) -> LabelledFaces:
    """The faces of ``list_faces``, read by ``read_faces``."""
    return read_faces(path, list_faces(path, split, limit, votes, truth), on_progress)


def read_faces(
    path: Path, listing: Listing, on_progress: ProgressCallback | None = None
) -> LabelledFaces:
    """The pictures of a listing, each of which is one face, at most MAX_SIDE_PX a side.

    Args:
        path: The data set.
        listing: What it holds; pictures that cannot be read are skipped.
        on_progress: Called after each picture.

    Raises:
        MoodstreamError: No picture can be read.
    """
    skipped = list(listing.skipped)
    decoded = list(readable(listing, MAX_SIDE_PX, skipped, "reading pictures", on_progress))
    if not decoded:
        raise _nothing(path, "none of its pictures can be read", skipped)
    return of_listing(listing, [i for i, _ in decoded], [image for _, image in decoded], skipped)


def readable(
    listing: Listing,
    max_side: int | None,
    skipped: list[tuple[str, str]],
    stage: str,
    on_progress: ProgressCallback | None = None,
) -> Iterator[tuple[int, Image]]:
    """The pictures of a listing that can be read, one at a time, by their place in it.

    Args:
        listing: The data set.
        max_side: Px that the longer side is shrunk to.
        skipped: Where pictures that cannot be read are added, as (name, reason).
        stage: The name of this pass for ``on_progress``.
        on_progress: Called after each picture.
    """
    for i, name in enumerate(listing.names):
        try:
            image = listing.read(i, max_side)
        except UnreadableImageError as error:
            skipped.append((name, str(error)))
        else:
            yield i, image
        if on_progress:
            on_progress(stage, i + 1, len(listing))


def of_listing(
    listing: Listing,
    rows: list[int],
    images: list[Image],
    skipped: list[tuple[str, str]],
    boxes: F32 | None = None,
    without_face: Sequence[int] = (),
) -> LabelledFaces:
    """The faces that were read from the ``rows`` of a listing, and the rows that had none."""
    kept = listing.take(np.array(rows, np.int64))
    return LabelledFaces(
        images,
        kept.labels,
        kept.names,
        skipped,
        listing.source,
        boxes,
        listing.notes,
        kept.votes,
        kept.own_labels,
        kept.attributes,
        listing.take(np.array(without_face, np.int64)).attributes,
    )


def _nothing(path: Path, what: str, skipped: list[tuple[str, str]]) -> MoodstreamError:
    why = f" ({skipped[-1][0]}: {skipped[-1][1]})" if skipped else ""
    return MoodstreamError(f"--data {path}: {what}{why}")
