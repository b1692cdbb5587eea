"""Detection, classification and group vote evaluated together on labelled photos."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.distribution import group_contributions
from moodstream.realtime.analysis.people import quality
from moodstream.realtime.arrays import F32, I64, Image
from moodstream.realtime.emotions import EMOTIONS, PRIOR
from moodstream.realtime.errors import MoodstreamError, UnreadableImageError
from moodstream.realtime.evaluation.datasets.synonyms import emotion_index
from moodstream.realtime.evaluation.detectors.comparison import AP_MIN_CONFIDENCE, covered
from moodstream.realtime.evaluation.detectors.matching import (
    Scored,
    average_precision,
    best_first,
    match,
    pooled,
)
from moodstream.realtime.frames import Detections
from moodstream.realtime.labels.record import LabelledPicture
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.calibration import prior_of
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.detectors.small_faces import detect_closely
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import read_picture

K = len(EMOTIONS)
IOU = 0.5
"""From which overlap a detected face is a labelled one."""

UNKNOWN = -1
"""The emotion of a labelled face of which only the box is known."""


@dataclass(frozen=True)
class Photo:
    """One photo: its labels and predictions.

    Attributes:
        file: The photo.
        truth: Its M labelled faces.
        emotions: (M,) index into EMOTIONS, UNKNOWN where only the face is labelled.
        detections: The N detected faces from AP_MIN_CONFIDENCE on.
        probs: (N, 7) their predicted emotions.
        quality: (N,) in [0, 1].
        detect_seconds: How long the detector took.
        classify_seconds: How long the classifier took.
        prior: (7,) the class distribution that ``probs`` assume.
    """

    file: Path
    truth: LabelledPicture
    emotions: I64
    detections: Detections
    probs: F32
    quality: F32
    detect_seconds: float
    classify_seconds: float
    prior: tuple[float, ...] = PRIOR

    def above(self, min_confidence: float) -> Photo:
        """With the faces above a confidence alone."""
        rows = self.detections.scores > min_confidence
        return Photo(
            self.file,
            self.truth,
            self.emotions,
            self.detections.take(rows),
            self.probs[rows],
            self.quality[rows],
            self.detect_seconds,
            self.classify_seconds,
            self.prior,
        )


@dataclass(frozen=True)
class Mistake:
    """A face that was missed, invented or given another emotion.

    Attributes:
        file: The photo.
        box: (4,) of the face.
        true: Its labelled emotion, None for a face that is none.
        predicted: Its predicted emotion, None for a face that was missed.
        confidence: The probability of that emotion, 1 for a face that was missed.
    """

    file: Path
    box: F32
    true: str | None
    predicted: str | None
    confidence: float


@dataclass(frozen=True)
class Evaluation:
    """The results over all photos.

    Attributes:
        photos: Those that could be read.
        precision: (7,) the average precision of each emotion, NaN for those that do not occur.
        confusion: (8, 8) true emotions and *invented* by predicted emotions and *missed*.
        votes: By kind of VOTES, how many of ``voted`` photos were right.
        voted: Photos with a labelled emotion.
        skipped: Photos that were left out, as (path, reason).
        mistakes: All faces off the diagonal of ``confusion``.
    """

    photos: list[Photo]
    precision: npt.NDArray[np.float64]
    confusion: I64
    votes: Mapping[str, int]
    voted: int
    skipped: list[tuple[str, str]] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def mean_average_precision(self) -> float:
        """mAP: the mean average precision over the emotions that occur."""
        return float(np.nanmean(self.precision))


def emotions_of(truth: LabelledPicture) -> I64:
    """The emotion of each labelled face (M,), UNKNOWN where none is labelled.

    Raises:
        ValueError: A label is none of the seven.
    """
    return np.array([UNKNOWN if k is None else emotion_index(k) for k in truth.classes], np.int64)


def evaluate(
    detector: FaceDetector,
    classifier: EmotionClassifier,
    labelled: Mapping[Path, LabelledPicture],
    min_confidence: float = 0.5,
    on_progress: ProgressCallback = lambda *_: None,
) -> Evaluation:
    """Detect and classify the faces of every photo, and compare with its labels.

    The first photo is run once more, so that no time holds what is done only once.

    Args:
        detector: What detects.
        classifier: What predicts emotions.
        labelled: The labels of each photo.
        min_confidence: Score from which a face counts as detected.
        on_progress: Called after each photo.

    Raises:
        MoodstreamError: No photo can be read, or no emotion is labelled.
    """
    emotions = _emotions(labelled)
    photos: list[Photo] = []
    skipped = []
    for i, (file, truth) in enumerate(labelled.items()):
        try:
            image = read_picture(file)
        except UnreadableImageError as error:
            skipped.append((str(file), str(error)))
            continue
        for _ in range(1 if photos else 2):
            photo = _photo(detector, classifier, image, file, truth, emotions[file])
        photos.append(photo)
        on_progress("photos", i + 1, len(labelled))
    if not photos:
        raise MoodstreamError(f"none of {len(labelled)} photos can be read ({skipped[-1][1]})")
    above = [photo.above(min_confidence) for photo in photos]
    counts, mistakes = confusion(above)
    votes, voted = count_votes(above)
    return Evaluation(photos, precisions(photos), counts, votes, voted, skipped, mistakes)


def _emotions(labelled: Mapping[Path, LabelledPicture]) -> dict[Path, I64]:
    emotions = {}
    for file, truth in labelled.items():
        try:
            emotions[file] = emotions_of(truth)
        except ValueError as error:
            raise MoodstreamError(f"labels of {truth.name}: {error}") from None
    if not any((one != UNKNOWN).any() for one in emotions.values()):
        raise MoodstreamError("the labels name no emotion: only faces, which `detectors` evaluates")
    return emotions


def _photo(
    detector: FaceDetector,
    classifier: EmotionClassifier,
    image: Image,
    file: Path,
    truth: LabelledPicture,
    emotions: I64,
) -> Photo:
    start = time.perf_counter()
    faces = detect_closely(detector, image, AP_MIN_CONFIDENCE)
    middle = time.perf_counter()
    predictions = classifier.classify([image], [faces.boxes])
    probs = maths.fold_to(predictions.probs, classifier.classes, EMOTIONS)
    end = time.perf_counter()
    return Photo(
        file=file,
        truth=truth,
        emotions=emotions,
        detections=faces,
        probs=probs,
        quality=quality.measure(image, faces.boxes),
        detect_seconds=middle - start,
        classify_seconds=end - middle,
        prior=prior_of(classifier),
    )


def precisions(photos: Sequence[Photo]) -> npt.NDArray[np.float64]:
    """The average precision of each emotion, (7,): right is detected and classified right.

    A face's score is its detection's confidence × the probability of the predicted emotion. Faces
    on ignored boxes, or on ones without an emotion, count for nothing.
    """
    return np.array([_precision(photos, k) for k in range(K)])


def _precision(photos: Sequence[Photo], emotion: int) -> float:
    parts, positives = [], 0
    for photo in photos:
        labelled = ~photo.truth.ignored & (photo.emotions == emotion)
        positives += int(labelled.sum())
        rows = photo.probs.argmax(axis=1) == emotion if len(photo.probs) else np.zeros(0, bool)
        boxes = photo.detections.boxes[rows]
        scores = (photo.detections.scores[rows] * photo.probs[rows, emotion]).astype(np.float64)
        matched = best_first(boxes, scores, photo.truth.boxes[labelled], IOU)
        counts = (matched >= 0) | ~_uncounted(photo, boxes)
        parts.append(Scored(scores[counts], matched[counts] >= 0))
    return average_precision(pooled(parts), positives)


def _uncounted(photo: Photo, boxes: F32) -> npt.NDArray[np.bool_]:
    """Which boxes (N, 4) are of faces that are ignored or of no known emotion, (N,)."""
    truth = photo.truth
    hidden = truth.ignored | (photo.emotions == UNKNOWN)
    return covered(
        boxes, LabelledPicture(truth.name, truth.boxes, truth.classes, hidden, truth.size), IOU
    )


def confusion(photos: Sequence[Photo]) -> tuple[I64, list[Mistake]]:
    """Compare labelled with detected faces.

    Returns:
        Counts (8, 8), rows by true emotion and the last one *invented*, columns by predicted
        emotion and the last one *missed*; and every face off the diagonal.
    """
    counts = np.zeros((K + 1, K + 1), np.int64)
    mistakes = []
    for photo in photos:
        predicted = photo.probs.argmax(axis=1) if len(photo.probs) else np.zeros(0, np.int64)
        known = np.flatnonzero(~photo.truth.ignored & (photo.emotions != UNKNOWN))
        boxes = photo.truth.boxes[known]
        pairs = match(photo.detections.boxes, boxes, IOU)
        matched = dict(pairs.tolist())
        invented = ~_uncounted(photo, photo.detections.boxes)
        for i in range(len(predicted)):
            if i not in matched and not invented[i]:
                continue
            true = int(photo.emotions[known[matched[i]]]) if i in matched else K
            counts[true, predicted[i]] += 1
            if true != predicted[i]:
                name = EMOTIONS[true] if true < K else None
                confidence = float(photo.probs[i].max())
                box = photo.detections.boxes[i]
                mistakes.append(Mistake(photo.file, box, name, EMOTIONS[predicted[i]], confidence))
        for j in set(range(len(known))) - set(matched.values()):
            true = int(photo.emotions[known[j]])
            counts[true, K] += 1
            mistakes.append(Mistake(photo.file, boxes[j], EMOTIONS[true], None, 1.0))
    return counts, sorted(mistakes, key=lambda one: -one.confidence)


Vote = Callable[[Photo], int]


def _sum_and_max(photo: Photo) -> int:
    return int(photo.probs.sum(axis=0).argmax())


def _majority(photo: Photo) -> int:
    """The most frequent prediction; of equally frequent ones that of the larger sum."""
    votes = np.bincount(photo.probs.argmax(axis=1), minlength=K)
    total = photo.probs.sum(axis=0)
    return int(np.lexsort((-total, -votes))[0])


def _weighted(photo: Photo) -> int:
    shares = maths.photo_distribution(photo.probs, photo.quality)
    assert shares is not None  # only photos with faces have a vote
    return int(shares.argmax())


def _prior_adapted(photo: Photo) -> int:
    added = group_contributions(photo.probs, maths.quality_weights(photo.quality), photo.prior)
    assert added is not None  # only photos with faces have a vote
    return int(added.sum(axis=0).argmax())


VOTES: Mapping[str, Vote] = {
    "sum and max": _sum_and_max,
    "majority": _majority,
    "quality-weighted": _weighted,
    "prior-adapted (default)": _prior_adapted,
}
"""How a group's one emotion is decided, by the names in metrics.json."""


def count_votes(photos: Sequence[Photo]) -> tuple[dict[str, int], int]:
    """How many photos each kind of vote gets right, and how many have a labelled emotion.

    Right is any emotion that most labelled faces of the photo share; a photo without a detected
    face is wrong.
    """
    right = dict.fromkeys(VOTES, 0)
    voted = 0
    for photo in photos:
        labelled = photo.emotions[~photo.truth.ignored & (photo.emotions != UNKNOWN)]
        if not len(labelled):
            continue
        voted += 1
        counts = np.bincount(labelled, minlength=K)
        winners = np.flatnonzero(counts == counts.max())
        if len(photo.probs):
            for name, vote in VOTES.items():
                right[name] += vote(photo) in winners
    return right, voted
