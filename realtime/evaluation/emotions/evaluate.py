"""A classifier on labelled faces: as they are, smaller, and blurred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32, I64, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
from moodstream.realtime.evaluation.datasets.votes import Votes
from moodstream.realtime.evaluation.emotions.degrade import blur
from moodstream.realtime.evaluation.emotions.metrics import (
    ClassificationScores,
    auroc,
    confusion,
    figures,
)
from moodstream.realtime.evaluation.emotions.vote_scores import VoteScores, vote_scores
from moodstream.realtime.maths import fold_to
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.calibration import Calibrated, rescale
from moodstream.realtime.networks.classifiers.ensemble import Ensemble
from moodstream.realtime.networks.classifiers.face_preprocessing import WithPreprocessing
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import scaled

SIZES_PX = (64, 48, 32, 24, 16)
BLUR_SHARES = (0.02, 0.04, 0.08)
BATCH = 64
"""Faces that are classified at once."""

Change = Callable[[Image, F32], tuple[Image, F32]]
"""A function of a picture and the box (4,) of the face in it, which returns both changed."""


@dataclass(frozen=True)
class EmotionSettings:
    """Which changes the faces are evaluated under, besides as they are.

    Attributes:
        sizes: Px of the smaller side that faces are shrunk to.
        blurs: Sigma of a Gaussian, as a share of that side.
    """

    sizes: tuple[int, ...] = SIZES_PX
    blurs: tuple[float, ...] = BLUR_SHARES


@dataclass(frozen=True)
class Changed:
    """The figures of all faces after a change.

    Attributes:
        figures: Of all faces.
        unchanged: How many of them the change left as they were.
        votes: Their figures against the votes of raters, None where there are none.
    """

    figures: ClassificationScores
    unchanged: int = 0
    votes: VoteScores | None = None

    @property
    def as_is(self) -> bool:
        """Whether the change left every face as it was."""
        return self.unchanged == self.figures.n


@dataclass(frozen=True)
class Evaluation:
    """The predictions of a classifier for N labelled faces.

    Attributes:
        labels: (N,) index into EMOTIONS; what most raters named, where there are votes.
        probs: (N, 7) over EMOTIONS, with the temperatures that the classifier has.
        uncalibrated: (N, 7) without any temperature.
        disagreement: (N,) nats, of an ensemble; None for one network.
        by_size: The figures by px of the smaller side.
        by_blur: The figures by sigma, as a share of that side.
        votes: Of the raters, None where it is not known how they voted.
    """

    labels: I64
    probs: F32
    uncalibrated: F32
    disagreement: F32 | None
    by_size: dict[int, Changed]
    by_blur: dict[float, Changed]
    votes: Votes | None = None

    @property
    def figures(self) -> ClassificationScores:
        """The figures of the faces as they are."""
        return figures(self.probs, self.labels)

    @property
    def targets(self) -> npt.NDArray[Any]:
        """What is true of the faces: the shares (N, 7) of the raters, or the labels (N,)."""
        return self.labels if self.votes is None else self.votes.shares

    @property
    def confusion(self) -> I64:
        """Counts (7, 7): rows are the labels, columns the predictions."""
        return confusion(self.predicted, self.labels, len(EMOTIONS))

    @property
    def predicted(self) -> npt.NDArray[np.intp]:
        """The most probable emotions (N,), index into EMOTIONS."""
        return np.asarray(self.probs.argmax(axis=1))

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(N,) where the prediction is the label."""
        return np.asarray(self.predicted == self.labels)

    def uncertainty(self) -> dict[str, float]:
        """How well uncertainty separates wrong predictions from right ones.

        Returns:
            ``auroc_confidence``, by the highest probability (0.5 is chance); for an ensemble
            besides ``auroc_disagreement``, and ``disagreement_right`` and ``disagreement_wrong``,
            its means in nats; NaN where there are no such predictions.
        """
        wrong = ~self.right
        uncertainty = {"auroc_confidence": auroc(-self.probs.max(axis=1), wrong)}
        if self.disagreement is not None:
            uncertainty["auroc_disagreement"] = auroc(self.disagreement, wrong)
            for name, rows in (("right", ~wrong), ("wrong", wrong)):
                mean = self.disagreement[rows].mean() if rows.any() else np.nan
                uncertainty[f"disagreement_{name}"] = float(mean)
        return uncertainty

    def mistakes(self) -> npt.NDArray[np.intp]:
        """The rows of wrong predictions, the most confident ones first.

        Where raters tie, none of the emotions that they named most is wrong.
        """
        wrong = np.flatnonzero(~self.right)
        if self.votes is not None:
            wrong = wrong[~self.votes.named_most[wrong, self.predicted[wrong]]]
        return wrong[np.argsort(-self.probs[wrong].max(axis=1), kind="stable")]


def without_temperature(classifier: EmotionClassifier) -> EmotionClassifier:
    """The classifier without any temperature, an ensemble's members included."""
    if isinstance(classifier, Calibrated):
        return without_temperature(classifier.inner)
    if isinstance(classifier, Ensemble):
        members = [without_temperature(member) for member in classifier.members]
        if any(a is not b for a, b in zip(members, classifier.members, strict=True)):
            return Ensemble(members, classifier.name, classifier.vote)
    if isinstance(classifier, WithPreprocessing):
        inner = without_temperature(classifier.inner)
        return (
            classifier if inner is classifier.inner else WithPreprocessing(inner, classifier.change)
        )
    return classifier


def evaluate(
    classifier: EmotionClassifier,
    faces: LabelledFaces,
    settings: EmotionSettings | None = None,
    on_progress: ProgressCallback = lambda *_: None,
) -> Evaluation:
    """Classify all faces as they are, shrunk to each size, and blurred by each share.

    Args:
        classifier: What is evaluated.
        faces: At least one.
        settings: The sizes and blurs.
        on_progress: Called after each batch.
    """
    settings = settings or EmotionSettings()
    everyone = np.arange(len(faces))
    probs, uncalibrated, disagreement = predict_both(
        classifier, faces, as_is, "as they are", on_progress
    )

    def changed(rows: npt.NDArray[np.intp], change: Change, stage: str) -> Changed:
        after = probs.copy()
        if len(rows):
            after[rows] = _predict(classifier, faces, rows, change, stage, on_progress)[0]
        voted = None if faces.votes is None else vote_scores(after, faces.votes)
        return Changed(figures(after, faces.labels), len(faces) - len(rows), voted)

    sides = faces.sides()
    return Evaluation(
        faces.labels,
        probs,
        uncalibrated,
        disagreement,
        {
            size: changed(np.flatnonzero(sides > size), shrinking(size), f"{size} px")
            for size in settings.sizes
        },
        {
            share: changed(everyone, blurring(share), f"blur {share:.0%}")
            for share in settings.blurs
        },
        faces.votes,
    )


def predict_both(
    classifier: EmotionClassifier,
    faces: LabelledFaces,
    change: Change,
    stage: str,
    on_progress: ProgressCallback = lambda *_: None,
) -> tuple[F32, F32, F32 | None]:
    """Classify all faces after a change, with calibration and without.

    Args:
        classifier: What predicts.
        faces: N faces.
        change: What is done to each of them.
        stage: The name of this pass for ``on_progress``.
        on_progress: Called after each batch.

    Returns:
        Probabilities (N, 7) with the temperatures, (N, 7) without, and the disagreement (N,) of an
        ensemble's members in nats, None for one network.
    """
    everyone, plain = np.arange(len(faces)), without_temperature(classifier)
    if plain is classifier:
        probs, disagreement = _predict(classifier, faces, everyone, change, stage, on_progress)
        return probs, probs, disagreement
    if isinstance(classifier, Calibrated) and plain is classifier.inner:
        without, disagreement = _predict(plain, faces, everyone, change, stage, on_progress)
        # whether classes are dropped before or after rescaling is the same: one pass gives both
        calibrated = rescale(without, classifier.temperature).astype(np.float32)
        return calibrated, without, disagreement
    # an ensemble of calibrated members: its average cannot be undone
    probs, disagreement = _predict(classifier, faces, everyone, change, stage, on_progress)
    without, _ = _predict(plain, faces, everyone, change, f"{stage}, uncalibrated", on_progress)
    return probs, without, disagreement


def _predict(
    classifier: EmotionClassifier,
    faces: LabelledFaces,
    rows: npt.NDArray[np.intp],
    change: Change,
    stage: str,
    on_progress: ProgressCallback,
) -> tuple[F32, F32 | None]:
    """Probabilities (len(rows), 7) over EMOTIONS, and the disagreement, of changed faces."""
    probs, disagreement = [], []
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        pairs = [change(faces.images[i], faces.box(i)) for i in batch]
        predictions = classifier.classify(
            [image for image, _ in pairs], [box[None] for _, box in pairs]
        )
        probs.append(fold_to(predictions.probs, classifier.classes, EMOTIONS))
        if predictions.disagreement is not None:
            disagreement.append(predictions.disagreement)
        on_progress(stage, start + len(batch), len(rows))
    return np.concatenate(probs), np.concatenate(disagreement) if disagreement else None


def as_is(image: Image, box: F32) -> tuple[Image, F32]:
    """No change."""
    return image, box


def shrinking(size: int) -> Change:
    """The face made ``size`` px on its smaller side, where it is larger."""

    def change(image: Image, box: F32) -> tuple[Image, F32]:
        small = scaled(image, size / _side(box))
        # what rounding left of the factor, by axis
        ratio = np.array(
            [b / a for a, b in zip(image.shape[1::-1], small.shape[1::-1], strict=True)]
        )
        return small, (box * np.tile(ratio, 2)).astype(np.float32)

    return change


def blurring(share: float) -> Change:
    """The face under a Gaussian with sigma = ``share`` of its smaller side."""
    return lambda image, box: (blur(image, share, _side(box)), box)


def _side(box: F32) -> float:
    return float(min(box[2] - box[0], box[3] - box[1]))
