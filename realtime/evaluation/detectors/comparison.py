"""Face detectors compared on the same pictures: faces, agreement, time, and with labels errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moodstream.realtime.analysis.people.quality import (
    USABLE_BLUR_SCORE,
    USABLE_SIDE_PX,
    blur_score,
)
from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError, UnreadableImageError
from moodstream.realtime.evaluation.detectors.candidates import Candidate
from moodstream.realtime.evaluation.detectors.matching import (
    Scored,
    average_precision,
    best_first,
    match,
    pooled,
)
from moodstream.realtime.frames import Detections
from moodstream.realtime.labels.record import LabelledPicture
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.detectors.geometry import iou
from moodstream.realtime.networks.detectors.small_faces import detect_closely
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import read_picture

IOUS = (0.5, 0.3)
"""From which overlap two boxes are the same face; figures are given for each."""

Read = Callable[[FaceDetector, Image, float], Detections]
"""How a detector reads a picture: the faces from a confidence on."""

AP_MIN_CONFIDENCE = 0.05
"""The confidence from which faces count for average precision."""


@dataclass(frozen=True)
class DetectorRun:
    """The results of one detector, a list entry for each picture.

    Attributes:
        name: Of the detector, for tables.
        about: What ran, in a few words.
        detections: All N faces from AP_MIN_CONFIDENCE on.
        usable: (N,) bool, which of them are usable.
        seconds: How long the picture took.
    """

    name: str
    about: str
    detections: list[Detections] = field(default_factory=list)
    usable: list[npt.NDArray[np.bool_]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Comparison:
    """Several detectors over the same pictures.

    Attributes:
        files: The P pictures that could be read.
        labels: Their labels, None for those without.
        runs: The results of each detector.
        skipped: Pictures that were left out, as (path, reason).
        min_confidence: Score from which a face counts as detected.
    """

    files: list[Path]
    labels: list[LabelledPicture | None]
    runs: list[DetectorRun]
    skipped: list[tuple[str, str]]
    min_confidence: float


@dataclass(frozen=True)
class DetectionErrors:
    """A detector against labels at one IoU.

    Attributes:
        labelled: How many faces are labelled.
        true_positives: How many of them were detected.
        false_positives: The detected faces that are no labelled one, as (picture, face) indices.
        average_precision: Over all confidences from AP_MIN_CONFIDENCE on, NaN without labels.
        mean_iou: Of the true positives, NaN without any.
    """

    labelled: int
    true_positives: int
    false_positives: list[tuple[int, int]]
    average_precision: float
    mean_iou: float

    @property
    def precision(self) -> float:
        """The share of the detected faces that are labelled ones; NaN without any."""
        detected = self.true_positives + len(self.false_positives)
        return self.true_positives / detected if detected else float("nan")

    @property
    def recall(self) -> float:
        """The share of the labelled faces that were detected; NaN without any."""
        return self.true_positives / self.labelled if self.labelled else float("nan")


def compare_detectors(
    candidates: Sequence[Candidate],
    files: Sequence[Path],
    labels: Mapping[Path, LabelledPicture],
    min_confidence: float = 0.5,
    on_progress: ProgressCallback = lambda *_: None,
    read: Read = detect_closely,
) -> Comparison:
    """Run every detector over every picture, one picture at a time in memory.

    The first picture is run once more, so that no time holds what a detector does only once.

    Args:
        candidates: The detectors.
        files: The pictures.
        labels: The labels of those that have some.
        min_confidence: Score from which a face counts as detected.
        on_progress: Called after each picture.
        read: How a detector reads a picture; as photos are read unless told otherwise.

    Raises:
        MoodstreamError: No picture can be read.
    """
    runs = [DetectorRun(one.name, one.about) for one in candidates]
    decoded: list[Path] = []
    skipped: list[tuple[str, str]] = []
    for i, file in enumerate(files):
        try:
            image = read_picture(file)
        except UnreadableImageError as error:
            skipped.append((str(file), str(error)))
            continue
        for candidate, run in zip(candidates, runs, strict=True):
            if not decoded:
                read(candidate.detector, image, AP_MIN_CONFIDENCE)
            _detect(candidate, run, image, read)
        decoded.append(file)
        on_progress("detecting faces", i + 1, len(files))
    if not decoded:
        raise MoodstreamError(f"none of {len(files)} pictures can be read ({skipped[-1][1]})")
    return Comparison(decoded, [labels.get(f) for f in decoded], runs, skipped, min_confidence)


def once(detector: FaceDetector, image: Image, min_confidence: float) -> Detections:
    """The faces of a picture that is read once, at the detector's own size."""
    return detector.detect([image], min_confidence)[0]


def _detect(candidate: Candidate, run: DetectorRun, image: Image, read: Read) -> None:
    start = time.perf_counter()
    faces = read(candidate.detector, image, AP_MIN_CONFIDENCE)
    run.seconds.append(time.perf_counter() - start)
    run.detections.append(Detections(faces.boxes, faces.scores))
    run.usable.append(np.array([is_usable(image, box) for box in faces.boxes], bool))


def is_usable(image: Image, box: F32) -> bool:
    """Whether a face (4,) of a picture is large and sharp enough to be classified."""
    if min(box[2] - box[0], box[3] - box[1]) < USABLE_SIDE_PX:
        return False
    height, width = image.shape[:2]
    x1, y1, x2, y2 = np.clip(np.rint(box), 0, [width, height, width, height]).astype(int)
    return blur_score(image[y1:y2, x1:x2]) >= USABLE_BLUR_SCORE


def above_confidence(run: DetectorRun, min_confidence: float) -> list[Detections]:
    """By picture the faces above the confidence."""
    return [faces.take(faces.scores > min_confidence) for faces in run.detections]


def usable(run: DetectorRun, min_confidence: float) -> int:
    """How many of the faces above the confidence are usable."""
    return sum(
        int((usable_faces & (faces.scores > min_confidence)).sum())
        for usable_faces, faces in zip(run.usable, run.detections, strict=True)
    )


def agreement(a: DetectorRun, b: DetectorRun, min_confidence: float, threshold: float) -> int:
    """How many faces both detectors detected."""
    pairs = zip(
        above_confidence(a, min_confidence), above_confidence(b, min_confidence), strict=True
    )
    return sum(len(match(one.boxes, other.boxes, threshold)) for one, other in pairs)


def errors(done: Comparison, run: DetectorRun, threshold: float) -> DetectionErrors:
    """A run against the labels of the pictures that have some.

    A detected face on an ignored box is neither a true nor a false positive.
    """
    labelled, scored, overlaps, false_positives = 0, [], [], []
    for place, (truth, faces) in enumerate(zip(done.labels, run.detections, strict=True)):
        if truth is None:
            continue
        boxes = truth.boxes[~truth.ignored]
        labelled += len(boxes)
        matched = best_first(faces.boxes, faces.scores, boxes, threshold)
        counts = (matched >= 0) | ~covered(faces.boxes, truth, threshold)
        scored.append(Scored(faces.scores[counts].astype(np.float64), matched[counts] >= 0))
        above = faces.scores > done.min_confidence
        overlaps += [
            float(iou(faces.boxes[[i]], boxes[[matched[i]]])[0, 0])
            for i in np.flatnonzero(above & (matched >= 0))
        ]
        false_positives += [(place, int(i)) for i in np.flatnonzero(above & counts & (matched < 0))]
    precision = average_precision(pooled(scored), labelled)
    mean = float(np.mean(overlaps)) if overlaps else float("nan")
    return DetectionErrors(labelled, len(overlaps), false_positives, precision, mean)


def covered(boxes: F32, truth: LabelledPicture, threshold: float) -> npt.NDArray[np.bool_]:
    """Which of ``boxes`` (N, 4) lie on an ignored box, (N,) bool."""
    ignored = truth.boxes[truth.ignored]
    if not len(ignored):
        return np.zeros(len(boxes), bool)
    return np.asarray((iou(boxes, ignored) >= threshold).any(axis=1))


def false_faces(
    done: Comparison, run: DetectorRun, threshold: float
) -> list[tuple[Path, F32, float]]:
    """The false positives, the most confident first: file, box, score."""
    faces = [
        (done.files[place], run.detections[place].boxes[i], float(run.detections[place].scores[i]))
        for place, i in errors(done, run, threshold).false_positives
    ]
    return sorted(faces, key=lambda one: -one[2])
