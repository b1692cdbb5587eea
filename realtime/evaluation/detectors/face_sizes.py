"""How small a face may be: recall, precision and time of detectors at chosen face sizes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.detectors.candidates import Candidate
from moodstream.realtime.evaluation.detectors.comparison import AP_MIN_CONFIDENCE, Read
from moodstream.realtime.evaluation.detectors.matching import (
    Scored,
    average_precision,
    best_first,
    pooled,
)
from moodstream.realtime.frames import Detections
from moodstream.realtime.labels.record import LabelledPicture
from moodstream.realtime.networks.detectors.geometry import iou
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import read_picture

IOU = 0.3
"""From which overlap a small box is a labelled face: a pixel more or less is much of it."""

_ALIKE = 1.1  # ratio of the sides of faces that are shown at one size together
_GREY = 110


@dataclass(frozen=True)
class Board:
    """Labelled pictures shrunk and laid out on one large picture.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        boxes: (N, 4) xyxy px of all labelled faces in it.
        counts: (N,) which of them have the size in question and are not ignored; the others are
            neither looked for nor wrong.
    """

    image: Image
    boxes: F32
    counts: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class SizeResult:
    """A detector at one face size.

    Attributes:
        labelled: How many faces of the size there are.
        found: How many of them were detected.
        false: Detected faces that are no labelled one.
        average_precision: Over all confidences from AP_MIN_CONFIDENCE on.
        ms: Median milliseconds for a board.
        boards: How many there were.
    """

    labelled: int
    found: int
    false: int
    average_precision: float
    ms: float
    boards: int


def boards(
    labels: Mapping[Path, LabelledPicture], face_px: float, size: tuple[int, int]
) -> Iterator[Board]:
    """Labelled pictures shrunk until their faces have a size, as many as fit on each board.

    A picture with faces of several sizes comes once for each of them.

    Args:
        labels: The labels of each picture.
        face_px: The smaller side that faces shall have; those that are smaller are left out.
        size: Height and width of a board in px.
    """
    shelf = _Shelf(size)
    for file, truth in labels.items():
        image = read_picture(file)
        for ratio, counts in _ratios(truth, face_px):
            part = _shrunk(image, truth.boxes, counts, ratio)
            if not shelf.fits(part.image):
                if len(shelf.boxes):
                    yield shelf.board()
                shelf = _Shelf(size)
            shelf.add(part)
    if len(shelf.boxes):
        yield shelf.board()


def _ratios(
    truth: LabelledPicture, face_px: float
) -> Iterator[tuple[float, npt.NDArray[np.bool_]]]:
    """By how much to shrink a picture, and which faces then have the size."""
    sides = (truth.boxes[:, 2:] - truth.boxes[:, :2]).min(axis=1, initial=np.inf)
    left = ~truth.ignored & (sides >= face_px)
    while left.any():
        smallest = sides[left].min()
        alike = left & (sides <= smallest * _ALIKE)
        yield face_px / float(sides[alike].mean()), alike
        left &= ~alike


def _shrunk(image: Image, boxes: F32, counts: npt.NDArray[np.bool_], ratio: float) -> Board:
    height, width = (max(1, round(length * ratio)) for length in image.shape[:2])
    small = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    gain = np.array([width / image.shape[1], height / image.shape[0]] * 2, np.float32)
    return Board(small, boxes * gain, counts)


class _Shelf:
    """Lays pictures out in rows, from the left and from above."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._image = np.full((*size, 3), _GREY, np.uint8)
        self.boxes: list[F32] = []
        self._counts: list[npt.NDArray[np.bool_]] = []
        self._x = self._y = self._row = 0

    def fits(self, image: Image) -> bool:
        return self._place(image) is not None

    def _place(self, image: Image) -> tuple[int, int] | None:
        height, width = image.shape[:2]
        limit = self._image.shape
        for x, y in ((self._x, self._y), (0, self._y + self._row)):
            if x + width <= limit[1] and y + height <= limit[0]:
                return x, y
        return None

    def add(self, part: Board) -> None:
        height, width = part.image.shape[:2]
        place = self._place(part.image)
        if place is None:
            raise MoodstreamError(
                f"--picture-size: expected at least {width}x{height}, which a labelled picture "
                "takes at this face size"
            )
        x, y = place
        self._row = max(self._row, height) if y == self._y else height
        self._x, self._y = x + width, y
        self._image[y : y + height, x : x + width] = part.image
        self.boxes.append(part.boxes + np.array([x, y, x, y], np.float32))
        self._counts.append(part.counts)

    def board(self) -> Board:
        return Board(self._image, np.concatenate(self.boxes), np.concatenate(self._counts))


def at_sizes(
    candidates: Sequence[Candidate],
    labels: Mapping[Path, LabelledPicture],
    sizes: Sequence[float],
    size: tuple[int, int],
    read: Read,
    min_confidence: float = 0.5,
    on_progress: ProgressCallback = lambda *_: None,
) -> dict[str, dict[str, SizeResult]]:
    """Every detector at every face size.

    Args:
        candidates: The detectors.
        labels: The labels of each picture.
        sizes: Smaller sides of faces in px.
        size: Height and width in px of the pictures that are shown.
        read: How a detector reads a picture.
        min_confidence: Score from which a face counts as detected.
        on_progress: Called after each size of each detector.

    Returns:
        By name of the detector and by size.

    Raises:
        MoodstreamError: No labelled face is as large as a size.
    """
    results: dict[str, dict[str, SizeResult]] = {one.name: {} for one in candidates}
    for k, face_px in enumerate(sizes):
        shown = list(boards(labels, face_px, size))
        if not shown:
            raise MoodstreamError(f"--face-sizes {face_px:g}: no labelled face is as large")
        for n, one in enumerate(candidates):
            results[one.name][f"{face_px:g}"] = _result(one, shown, read, min_confidence)
            on_progress(
                "detecting faces", k * len(candidates) + n + 1, len(sizes) * len(candidates)
            )
    return results


def _result(one: Candidate, shown: Sequence[Board], read: Read, threshold: float) -> SizeResult:
    read(one.detector, shown[0].image, AP_MIN_CONFIDENCE)  # no time holds what is done only once
    scored, seconds, found, false = [], [], 0, 0
    for board in shown:
        began = time.perf_counter()
        faces = read(one.detector, board.image, AP_MIN_CONFIDENCE)
        seconds.append(time.perf_counter() - began)
        right, counted = _matched(faces, board)
        scored.append(Scored(faces.scores[counted].astype(np.float64), right[counted]))
        above = faces.scores > threshold
        found += int((above & right).sum())
        false += int((above & counted & ~right).sum())
    labelled = sum(int(board.counts.sum()) for board in shown)
    precision = average_precision(pooled(scored), labelled)
    ms = 1000 * float(np.median(seconds))
    return SizeResult(labelled, found, false, precision, ms, len(shown))


def _matched(
    faces: Detections, board: Board
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which faces are labelled ones of the size, and which are right or wrong at all, (N,) each."""
    wanted, others = board.boxes[board.counts], board.boxes[~board.counts]
    right = best_first(faces.boxes, faces.scores, wanted, IOU) >= 0
    beside = (iou(faces.boxes, others) >= IOU).any(axis=1) & ~right
    return right, ~beside
