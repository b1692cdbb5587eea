"""Groups drawn from labelled faces, each classified under everything that a camera may do to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.people import quality
from moodstream.realtime.arrays import F32, F64, I64, Image
from moodstream.realtime.emotions import EMOTIONS, PRIOR
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
from moodstream.realtime.evaluation.emotions.degrade import compress, darken
from moodstream.realtime.evaluation.emotions.evaluate import (
    Change,
    as_is,
    blurring,
    predict_both,
    shrinking,
)
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.calibration import prior_of
from moodstream.realtime.progress import ProgressCallback

K = len(EMOTIONS)
MIN_CLASS_FACES = 20
"""A class with fewer faces is not drawn: the same few would represent it again and again."""


def moved(image: Image, box: F32) -> tuple[Image, F32]:
    """The face a little turned and shifted, as from one detection pass to the next."""
    height, width = image.shape[:2]
    turn = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), 5.0, 1.03), np.float64)
    turn[:, 2] += 0.03 * float(min(box[2:] - box[:2]))
    turned = cv2.warpAffine(image, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8), box


def in_the_dark(image: Image, box: F32) -> tuple[Image, F32]:
    """The face in a quarter of the light, with the noise that a sensor then has."""
    return darken(image, 0.25, 9.0), box


def compressed(image: Image, box: F32) -> tuple[Image, F32]:
    """The face after JPEG of quality 12."""
    return compress(image, 12), box


CHANGES: Mapping[str, Change] = {
    "as is": as_is,
    **{f"{size} px": shrinking(size) for size in (32, 24, 16, 12)},
    **{f"blur {share:.0%}": blurring(share) for share in (0.04, 0.08)},
    "dark": in_the_dark,
    "compressed": compressed,
}
"""What a room and a camera do to faces: far away, out of focus, in the dark, saved too small."""

Draw = Callable[[np.random.Generator, F64, int], I64]
"""Draws the emotions of the people of one group, (size,) index into EMOTIONS, given random numbers,
the frequencies (7,) in the data, 0 where there are too few faces, and how many people."""


def as_in_the_data(rng: np.random.Generator, frequencies: F64, size: int) -> I64:
    """People like a random sample of the data."""
    return rng.choice(K, size, p=frequencies)


def one_common(rng: np.random.Generator, frequencies: F64, size: int, share: float = 0.7) -> I64:
    """``share`` of the people show one emotion, any of them, the others are as in the data."""
    labels = as_in_the_data(rng, frequencies, size)
    labels[: round(share * size)] = rng.choice(np.flatnonzero(frequencies))
    return labels


def one_sided(rng: np.random.Generator, frequencies: F64, size: int) -> I64:
    """Everyone shows the same emotion."""
    return one_common(rng, frequencies, size, 1.0)


def varied(rng: np.random.Generator, frequencies: F64, size: int) -> I64:
    """The shares of the emotions are drawn from a flat Dirichlet distribution."""
    shares = np.zeros(K)
    there = np.flatnonzero(frequencies)
    shares[there] = rng.dirichlet(np.ones(len(there)))
    return rng.choice(K, size, p=shares)


DISTRIBUTIONS: Mapping[str, Draw] = {
    "as in the data": as_in_the_data,
    "one mood common": one_common,
    "one-sided": one_sided,
    "varied": varied,
}
"""How the emotions of a group are distributed."""


@dataclass(frozen=True)
class FacePredictions:
    """The predictions for all N faces under each of C changes.

    Attributes:
        probs: (C, N, 7) without calibration.
        calibrated: (C, N, 7) with it.
        quality: (C, N) of the changed faces, in [0, 1].
        labels: (N,) index into EMOTIONS.
        prior: (7,) the class distribution that ``calibrated`` assumes.
        shares: (N, 7) of the raters who named each emotion; None for all on the label.
        moved: (N, 7) calibrated predictions for the same faces slightly moved, None where there
            are no raters.
    """

    probs: F32
    calibrated: F32
    quality: F32
    labels: I64
    prior: tuple[float, ...] = PRIOR
    shares: F64 | None = None
    moved: F32 | None = None

    def truth(self, people: I64) -> F64:
        """What is true of a group of faces (n,): (7,) the mean of what is true of each."""
        if self.shares is None:
            return np.bincount(self.labels[people], minlength=K) / len(people)
        return np.asarray(self.shares[people].mean(axis=0))


@dataclass(frozen=True)
class Group:
    """One group of n people.

    Attributes:
        probs: (n, 7) predictions without calibration.
        calibrated: (n, 7) predictions with it.
        quality: (n,) the weights of their faces.
        truth: (7,) the labelled shares, or the mean shares of the raters.
        prior: (7,) the class distribution that ``calibrated`` assumes.
    """

    probs: F64
    calibrated: F64
    quality: F64
    truth: F64
    prior: tuple[float, ...] = PRIOR


@dataclass(frozen=True)
class Condition:
    """What is done to the faces of a group.

    Attributes:
        degraded: The share of them that is made small or blurred.
        one_camera: Whether all of those get the same change, drawn once for the group, or each
            its own.
    """

    degraded: float = 0.0
    one_camera: bool = False

    @property
    def label(self) -> str:
        """In a few words, for headings."""
        if self.one_camera:
            return "all faces degraded alike (one bad camera)"
        return f"{self.degraded:.0%} of faces degraded" if self.degraded else "faces as they are"


def predict_all(
    classifier: EmotionClassifier,
    faces: LabelledFaces,
    on_progress: ProgressCallback = lambda *_: None,
    changes: Mapping[str, Change] | None = None,
) -> FacePredictions:
    """Classify every face under every change, and measure its quality after the change.

    Args:
        classifier: What predicts.
        faces: The N faces.
        on_progress: Called after each batch.
        changes: By default CHANGES, which degraded groups need, and where there are raters a slight
            move, which timelines need.
    """
    probs, calibrated, qualities = [], [], []
    for name, change in (CHANGES if changes is None else changes).items():
        measured: list[F32] = []
        after, before, _ = predict_both(
            classifier, faces, _measuring(change, measured), name, on_progress
        )
        probs.append(before)
        calibrated.append(after)
        # some ensembles classify everything twice: the first pass has all faces, in order
        qualities.append(np.concatenate(measured[: len(faces)]))
    predictions = np.stack(probs), np.stack(calibrated), np.stack(qualities)
    shares = None if faces.votes is None else faces.votes.shares
    step = None
    if changes is None and shares is not None:
        step, _, _ = predict_both(classifier, faces, moved, "moved", on_progress)
    return FacePredictions(*predictions, faces.labels, prior_of(classifier), shares, step)


def _measuring(change: Change, measured: list[F32]) -> Change:
    """The same change, which adds the quality (1,) of each changed face to ``measured``."""

    def measure(image: Image, box: F32) -> tuple[Image, F32]:
        image, box = change(image, box)
        measured.append(quality.measure(image, box[None]))
        return image, box

    return measure


def drawable(labels: I64) -> npt.NDArray[np.bool_]:
    """Which classes (7,) have enough faces to be drawn.

    Raises:
        MoodstreamError: There are fewer than two.
    """
    enough = np.bincount(labels, minlength=K) >= MIN_CLASS_FACES
    if enough.sum() < 2:
        raise MoodstreamError(
            f"expected two or more emotions with {MIN_CLASS_FACES} or more faces each to draw "
            f"groups from, got {int(enough.sum())}"
        )
    return enough


class GroupSampler:
    """Draws groups of classified faces.

    Args:
        predictions: The faces.

    Raises:
        MoodstreamError: There are too few of them.
    """

    def __init__(self, predictions: FacePredictions) -> None:
        self._predictions = predictions
        self._enough = drawable(predictions.labels)
        self._by_class = [np.flatnonzero(predictions.labels == k) for k in range(K)]

    def group(
        self, rng: np.random.Generator, distribution: Draw, size: int, condition: Condition
    ) -> Group:
        """A group of ``size`` people.

        Args:
            rng: Random numbers.
            distribution: A value of DISTRIBUTIONS.
            size: How many people.
            condition: What is done to their faces.
        """
        people = self.people(rng, distribution, size)
        return degraded_group(rng, self._predictions, people, condition)

    def people(self, rng: np.random.Generator, distribution: Draw, size: int) -> I64:
        """The numbers of ``size`` faces, drawn with replacement."""
        counts = np.bincount(self._predictions.labels, minlength=K) * self._enough
        labels = distribution(rng, counts / counts.sum(), size)
        return np.array([rng.choice(self._by_class[k]) for k in labels])


def degraded_group(
    rng: np.random.Generator, predictions: FacePredictions, people: I64, condition: Condition
) -> Group:
    """A group of people as a camera sees them.

    Args:
        rng: Draws what happens to whose picture.
        predictions: Of all faces.
        people: (N,) the numbers of theirs.
        condition: How their pictures are degraded.
    """
    degraded = rng.random(len(people)) < condition.degraded
    changes = 1 if condition.one_camera else len(people)
    change = np.where(degraded, rng.integers(1, len(CHANGES), changes), 0)
    return Group(
        predictions.probs[change, people].astype(np.float64),
        predictions.calibrated[change, people].astype(np.float64),
        maths.quality_weights(predictions.quality[change, people]),
        predictions.truth(people),
        predictions.prior,
    )
