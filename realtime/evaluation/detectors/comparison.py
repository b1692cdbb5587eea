"""Detectors side by side on the same pictures: faces, agreement, time, and with labels errors."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from moodstream.realtime.analysis.people.quality import blur_score
from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError, UnreadableError
from moodstream.realtime.evaluation.detectors.candidates import Candidate
from moodstream.realtime.evaluation.detectors.matching import (
    Scored,
    average_precision,
    best_first,
    match,
    together,
)
from moodstream.realtime.frames import Detections
from moodstream.realtime.labels.record import LabelledPicture
from moodstream.realtime.networks.detectors.geometry import iou
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import read_picture

IOUS = (0.5, 0.3)
LOWEST = 0.05
"""The confidence from which faces count for average precision."""
USABLE_SIDE, USABLE_BLUR = 24.0, 50.0
"""The seed's bounds of a usable face: px of the smaller side, variance of the Laplacian."""


@dataclass(frozen=True)
class Run:
    """What one detector found: by picture all faces from LOWEST on, which of those are usable
    (N,), and how long it took in seconds.
    """

    name: str
    about: str
    found: list[Detections] = field(default_factory=list)
    usable: list[np.ndarray] = field(default_factory=list)  # type: ignore[type-arg]
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """All runs over the same pictures: paths of the P pictures that could be read, their labels
    or None, the runs, and the pictures left out.

    min_confidence: from which a face counts as found.
    """

    files: list[Path]
    labels: list[LabelledPicture | None]
    runs: list[Run]
    skipped: list[tuple[str, str]]
    min_confidence: float


@dataclass(frozen=True)
class Errors:
    """A detector against labels at one IoU.

    mean_iou: of the faces that are right, NaN without any; false: (picture, face) of the found
    faces that are no labelled one.
    """

    labelled: int
    right: int
    false: list[tuple[int, int]]
    average_precision: float
    mean_iou: float

    @property
    def precision(self) -> float:
        """The share of the found faces that are right; NaN where none was found."""
        found = self.right + len(self.false)
        return self.right / found if found else float("nan")

    @property
    def recall(self) -> float:
        """The share of the labelled faces that are found; NaN where none is labelled."""
        return self.right / self.labelled if self.labelled else float("nan")


def compare_detectors(
    contenders: Sequence[Candidate],
    files: Sequence[Path],
    labels: Mapping[Path, LabelledPicture],
    min_confidence: float = 0.5,
    on_progress: ProgressCallback = lambda *_: None,
) -> Comparison:
    """Run every detector over every picture, one picture at a time in memory.

    The first picture is run once more, so that no time holds what a detector does only once.
    Raises MoodstreamError where no picture can be read.
    """
    runs = [Run(one.name, one.about) for one in contenders]
    read: list[Path] = []
    skipped: list[tuple[str, str]] = []
    for i, file in enumerate(files):
        try:
            image = read_picture(file)
        except UnreadableError as error:
            skipped.append((str(file), str(error)))
            continue
        for contender, run in zip(contenders, runs, strict=True):
            if not read:
                contender.detector.detect([image], LOWEST)
            _look(contender, run, image)
        read.append(file)
        on_progress("finding faces", i + 1, len(files))
    if not read:
        raise MoodstreamError(f"none of {len(files)} pictures can be read ({skipped[-1][1]})")
    return Comparison(read, [labels.get(f) for f in read], runs, skipped, min_confidence)


def _look(contender: Candidate, run: Run, image: Image) -> None:
    start = time.perf_counter()
    found = contender.detector.detect([image], LOWEST)[0]
    run.seconds.append(time.perf_counter() - start)
    run.found.append(Detections(found.boxes, found.scores))
    run.usable.append(np.array([is_usable(image, box) for box in found.boxes], bool))


def is_usable(image: Image, box: F32) -> bool:
    """Whether the seed calls a face (4,) of a picture usable."""
    if min(box[2] - box[0], box[3] - box[1]) < USABLE_SIDE:
        return False
    height, width = image.shape[:2]
    x1, y1, x2, y2 = np.clip(np.rint(box), 0, [width, height, width, height]).astype(int)
    return blur_score(image[y1:y2, x1:x2]) >= USABLE_BLUR


def counted(run: Run, min_confidence: float) -> list[Detections]:
    """By picture the faces above the confidence."""
    return [found.take(found.scores > min_confidence) for found in run.found]


def usable(run: Run, min_confidence: float) -> int:
    """How many of the faces above the confidence are usable."""
    return sum(
        int((ok & (found.scores > min_confidence)).sum())
        for ok, found in zip(run.usable, run.found, strict=True)
    )


def agreement(a: Run, b: Run, min_confidence: float, threshold: float) -> int:
    """How many faces both detectors found."""
    pairs = zip(counted(a, min_confidence), counted(b, min_confidence), strict=True)
    return sum(len(match(one.boxes, other.boxes, threshold)) for one, other in pairs)


def errors(done: Comparison, run: Run, threshold: float) -> Errors:
    """A run against the labels of the pictures that have some.

    A found face on an ignored box is neither right nor false.
    """
    labelled, scored, overlaps, false = 0, [], [], []
    for place, (truth, found) in enumerate(zip(done.labels, run.found, strict=True)):
        if truth is None:
            continue
        boxes = truth.boxes[~truth.ignored]
        labelled += len(boxes)
        of = best_first(found.boxes, found.scores, boxes, threshold)
        counts = (of >= 0) | ~covered(found.boxes, truth, threshold)
        scored.append(Scored(found.scores[counts].astype(np.float64), of[counts] >= 0))
        above = found.scores > done.min_confidence
        overlaps += [
            float(iou(found.boxes[[i]], boxes[[of[i]]])[0, 0])
            for i in np.flatnonzero(above & (of >= 0))
        ]
        false += [(place, int(i)) for i in np.flatnonzero(above & counts & (of < 0))]
    precision = average_precision(together(scored), labelled)
    mean = float(np.mean(overlaps)) if overlaps else float("nan")
    return Errors(labelled, len(overlaps), false, precision, mean)


def covered(boxes: F32, truth: LabelledPicture, threshold: float) -> np.ndarray:  # type: ignore[type-arg]
    """Which of ``boxes`` (N, 4) lie on an ignored box, (N,) bool."""
    ignored = truth.boxes[truth.ignored]
    if not len(ignored):
        return np.zeros(len(boxes), bool)
    return np.asarray((iou(boxes, ignored) >= threshold).any(axis=1))


def false_faces(done: Comparison, run: Run, threshold: float) -> list[tuple[Path, F32, float]]:
    """The faces found where nothing is labelled, the most confident first: file, box, score."""
    found = [
        (done.files[place], run.found[place].boxes[i], float(run.found[place].scores[i]))
        for place, i in errors(done, run, threshold).false
    ]
    return sorted(found, key=lambda one: -one[2])
