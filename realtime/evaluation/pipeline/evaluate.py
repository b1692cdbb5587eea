"""The whole way on labelled photos: faces found, emotions named, groups summed up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.aggregator import GroupSettings, adapt_to_group
from moodstream.realtime.analysis.people import quality
from moodstream.realtime.arrays import F32, I64, Image
from moodstream.realtime.emotions import EMOTIONS, PRIOR
from moodstream.realtime.errors import MoodstreamError, UnreadableError
from moodstream.realtime.evaluation.datasets.synonyms import emotion_index
from moodstream.realtime.evaluation.detectors.comparison import LOWEST, covered
from moodstream.realtime.evaluation.detectors.matching import (
    Scored,
    average_precision,
    best_first,
    match,
    together,
)
from moodstream.realtime.frames import Detections
from moodstream.realtime.labels.record import LabelledPicture
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.calibration import prior_of
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import read_picture

K = len(EMOTIONS)
IOU = 0.5
UNKNOWN = -1
"""The emotion of a labelled face of which only the place is known."""


@dataclass(frozen=True)
class Photo:
    """One photo: what is labelled and what was read, and the seconds that took.

    truth: the labels; emotions: (M,) index into EMOTIONS of them, UNKNOWN where not told; found:
    N faces from LOWEST on; probs: (N, 7); quality: (N,); prior: the mix (7,) that probs assume.
    """

    file: Path
    truth: LabelledPicture
    emotions: I64
    found: Detections
    probs: F32
    quality: F32
    detecting: float
    reading: float
    prior: tuple[float, ...] = PRIOR

    def above(self, min_confidence: float) -> Photo:
        """With the faces above a confidence alone."""
        rows = self.found.scores > min_confidence
        return Photo(
            self.file,
            self.truth,
            self.emotions,
            self.found.take(rows),
            self.probs[rows],
            self.quality[rows],
            self.detecting,
            self.reading,
            self.prior,
        )


@dataclass(frozen=True)
class Mistake:
    """A face that was missed (said None), invented (true None) or called another name."""

    file: Path
    box: F32
    true: str | None
    said: str | None
    sure: float


@dataclass(frozen=True)
class Evaluation:
    """All photos: precision (7,) is the average precision of each emotion, NaN for those that do
    not occur; confusion (8, 8): true emotions and *invented* by said emotions and *missed*;
    votes: by kind how many of ``voted`` photos were right; mistakes.
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
        """The mean over the emotions that occur: EmoSense's mAP."""
        return float(np.nanmean(self.precision))


def emotions_of(truth: LabelledPicture) -> I64:
    """The emotion of each labelled face (M,), UNKNOWN where none is told; ValueError for others."""
    return np.array([UNKNOWN if k is None else emotion_index(k) for k in truth.classes], np.int64)


def evaluate(
    detector: FaceDetector,
    classifier: EmotionClassifier,
    labelled: Mapping[Path, LabelledPicture],
    min_confidence: float = 0.5,
    on_progress: ProgressCallback = lambda *_: None,
) -> Evaluation:
    """Find and read the faces of every photo, and compare with its labels.

    The first photo is run once more, so that no time holds what is done only once. Raises
    MoodstreamError where no photo can be read or no emotion is labelled.
    """
    emotions = _emotions(labelled)
    photos: list[Photo] = []
    skipped = []
    for i, (file, truth) in enumerate(labelled.items()):
        try:
            image = read_picture(file)
        except UnreadableError as error:
            skipped.append((str(file), str(error)))
            continue
        for _ in range(1 if photos else 2):
            photo = _photo(detector, classifier, image, file, truth, emotions[file])
        photos.append(photo)
        on_progress("reading photos", i + 1, len(labelled))
    if not photos:
        raise MoodstreamError(f"none of {len(labelled)} photos can be read ({skipped[-1][1]})")
    above = [photo.above(min_confidence) for photo in photos]
    counts, mistakes = confusion(above)
    votes, voted = count_votes(above)
    return Evaluation(photos, precisions(photos), counts, votes, voted, skipped, mistakes)


def _emotions(labelled: Mapping[Path, LabelledPicture]) -> dict[Path, I64]:
    found = {}
    for file, truth in labelled.items():
        try:
            found[file] = emotions_of(truth)
        except ValueError as error:
            raise MoodstreamError(f"labels of {truth.name}: {error}") from None
    if not any((one != UNKNOWN).any() for one in found.values()):
        raise MoodstreamError("the labels name no emotion: only faces, which `detectors` evaluates")
    return found


def _photo(
    detector: FaceDetector,
    classifier: EmotionClassifier,
    image: Image,
    file: Path,
    truth: LabelledPicture,
    emotions: I64,
) -> Photo:
    start = time.perf_counter()
    found = detector.detect([image], LOWEST)[0]
    middle = time.perf_counter()
    read = classifier.classify([image], [found.boxes])
    probs = maths.fold_to(read.probs, classifier.classes, EMOTIONS)
    end = time.perf_counter()
    good = quality.measure(image, found.boxes)
    took = middle - start, end - middle
    return Photo(file, truth, emotions, found, probs, good, *took, prior_of(classifier))


def precisions(photos: Sequence[Photo]) -> npt.NDArray[np.float64]:
    """The average precision of each emotion, (7,): right is found and named right.

    A face's score is its detection's confidence × the probability of the emotion named. Faces
    found on ignored boxes, or on ones without an emotion, count for nothing.
    """
    return np.array([_precision(photos, k) for k in range(K)])


def _precision(photos: Sequence[Photo], emotion: int) -> float:
    parts, positives = [], 0
    for photo in photos:
        told = ~photo.truth.ignored & (photo.emotions == emotion)
        positives += int(told.sum())
        rows = photo.probs.argmax(axis=1) == emotion if len(photo.probs) else np.zeros(0, bool)
        boxes = photo.found.boxes[rows]
        scores = (photo.found.scores[rows] * photo.probs[rows, emotion]).astype(np.float64)
        of = best_first(boxes, scores, photo.truth.boxes[told], IOU)
        counts = (of >= 0) | ~_uncounted(photo, boxes)
        parts.append(Scored(scores[counts], of[counts] >= 0))
    return average_precision(together(parts), positives)


def _uncounted(photo: Photo, boxes: F32) -> npt.NDArray[np.bool_]:
    """Which boxes (N, 4) are of faces that are ignored or of no known emotion, (N,)."""
    truth = photo.truth
    hidden = truth.ignored | (photo.emotions == UNKNOWN)
    return covered(
        boxes, LabelledPicture(truth.name, truth.boxes, truth.classes, hidden, truth.size), IOU
    )


def confusion(photos: Sequence[Photo]) -> tuple[I64, list[Mistake]]:
    """Counts (8, 8) of labelled and found faces, and every one off the diagonal.

    Row: the true emotion, the last one invented; column: the one said, the last one missed.
    """
    counts = np.zeros((K + 1, K + 1), np.int64)
    mistakes = []
    for photo in photos:
        said = photo.probs.argmax(axis=1) if len(photo.probs) else np.zeros(0, np.int64)
        known = np.flatnonzero(~photo.truth.ignored & (photo.emotions != UNKNOWN))
        boxes = photo.truth.boxes[known]
        pairs = match(photo.found.boxes, boxes, IOU)
        of = dict(pairs.tolist())
        invented = ~_uncounted(photo, photo.found.boxes)
        for i in range(len(said)):
            if i not in of and not invented[i]:
                continue
            true = int(photo.emotions[known[of[i]]]) if i in of else K
            counts[true, said[i]] += 1
            if true != said[i]:
                name = EMOTIONS[true] if true < K else None
                sure = float(photo.probs[i].max())
                box = photo.found.boxes[i]
                mistakes.append(Mistake(photo.file, box, name, EMOTIONS[said[i]], sure))
        for j in set(range(len(known))) - set(of.values()):
            true = int(photo.emotions[known[j]])
            counts[true, K] += 1
            mistakes.append(Mistake(photo.file, boxes[j], EMOTIONS[true], None, 1.0))
    return counts, sorted(mistakes, key=lambda one: -one.sure)


Vote = Callable[[Photo], int]


def _sum_and_max(photo: Photo) -> int:
    return int(photo.probs.sum(axis=0).argmax())


def _majority(photo: Photo) -> int:
    """The most frequent answer; of equally frequent ones that of the larger sum."""
    votes = np.bincount(photo.probs.argmax(axis=1), minlength=K)
    total = photo.probs.sum(axis=0)
    return int(np.lexsort((-total, -votes))[0])


def _weighted(photo: Photo) -> int:
    found = maths.photo_distribution(photo.probs, photo.quality)
    assert found is not None  # a vote is asked only of photos with faces
    return int(found.argmax())


def _settled(photo: Photo) -> int:
    weights = maths.seen_weights(photo.quality)
    found = adapt_to_group(photo.probs, weights, photo.prior, GroupSettings.prior_people)
    assert found is not None
    return int(found.argmax())


VOTES: Mapping[str, Vote] = {
    "sum and max": _sum_and_max,
    "majority": _majority,
    "quality-weighted": _weighted,
    "settled (default)": _settled,
}
"""How a group's one emotion is decided; the first two are EmoSense's."""


def count_votes(photos: Sequence[Photo]) -> tuple[dict[str, int], int]:
    """How many photos each kind of vote gets right, and how many have a labelled emotion.

    Right is any emotion that most labelled faces of the photo share; a photo in which no face was
    found is wrong.
    """
    right = dict.fromkeys(VOTES, 0)
    voted = 0
    for photo in photos:
        told = photo.emotions[~photo.truth.ignored & (photo.emotions != UNKNOWN)]
        if not len(told):
            continue
        voted += 1
        counts = np.bincount(told, minlength=K)
        winners = np.flatnonzero(counts == counts.max())
        if len(photo.probs):
            for name, vote in VOTES.items():
                right[name] += vote(photo) in winners
    return right, voted
