"""A classifier over labelled faces: as they are, smaller, and blurred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32, I64, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
from moodstream.realtime.evaluation.emotions.degrade import blur
from moodstream.realtime.evaluation.emotions.metrics import (
    ClassificationScores,
    auroc,
    confusion,
    figures,
)
from moodstream.realtime.maths import fold_to
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.calibration import Calibrated, rescale
from moodstream.realtime.networks.classifiers.ensemble import Ensemble
from moodstream.realtime.networks.classifiers.face_preprocessing import WithPreprocessing
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import scaled

SIZES = (64, 48, 32, 24, 16)
BLURS = (0.02, 0.04, 0.08)
BATCH = 64

Change = Callable[[Image, F32], tuple[Image, F32]]
"""What is done to a picture and the box (4,) of the face in it."""


@dataclass(frozen=True)
class EmotionSettings:
    """sizes: px of the smaller side of a face; blurs: sigma as a share of it."""

    sizes: tuple[int, ...] = SIZES
    blurs: tuple[float, ...] = BLURS


@dataclass(frozen=True)
class Changed:
    """The figures of all faces after a change that left ``unchanged`` of them as they were."""

    figures: ClassificationScores
    unchanged: int = 0

    @property
    def as_is(self) -> bool:
        """Whether the change left every face as it was."""
        return self.unchanged == self.figures.n


@dataclass(frozen=True)
class Evaluation:
    """What a classifier said of N labelled faces.

    labels (N,) index into EMOTIONS; probs and uncalibrated (N, 7) over EMOTIONS, with the
    temperatures the classifier has and with none; disagreement (N,) nats of an ensemble or None;
    by_size and by_blur: the figures by the settings' px and shares.
    """

    labels: I64
    probs: F32
    uncalibrated: F32
    disagreement: F32 | None
    by_size: dict[int, Changed]
    by_blur: dict[float, Changed]

    @property
    def figures(self) -> ClassificationScores:
        """The figures of the faces as they are."""
        return figures(self.probs, self.labels)

    @property
    def confusion(self) -> I64:
        """Counts (7, 7): rows are the labels, columns the answers."""
        return confusion(self.said, self.labels, len(EMOTIONS))

    @property
    def said(self) -> npt.NDArray[np.intp]:
        """The answers (N,), index into EMOTIONS."""
        return np.asarray(self.probs.argmax(axis=1))

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """(N,) where the answer is the label."""
        return np.asarray(self.said == self.labels)

    def uncertainty(self) -> dict[str, float]:
        """How well doubt tells wrong answers from right ones: AUROC, 0.5 being chance.

        By 1 - the highest probability, and for an ensemble by the disagreement, with its mean
        over right and over wrong answers in nats; NaN where there are none.
        """
        wrong = ~self.right
        found = {"auroc_confidence": auroc(-self.probs.max(axis=1), wrong)}
        if self.disagreement is not None:
            found["auroc_disagreement"] = auroc(self.disagreement, wrong)
            for name, rows in (("right", ~wrong), ("wrong", wrong)):
                mean = self.disagreement[rows].mean() if rows.any() else np.nan
                found[f"disagreement_{name}"] = float(mean)
        return found

    def mistakes(self) -> npt.NDArray[np.intp]:
        """The wrong answers, the most confident ones first."""
        wrong = np.flatnonzero(~self.right)
        return wrong[np.argsort(-self.probs[wrong].max(axis=1), kind="stable")]


def bare(classifier: EmotionClassifier) -> EmotionClassifier:
    """The classifier without any temperature, an ensemble's members included."""
    if isinstance(classifier, Calibrated):
        return bare(classifier.inner)
    if isinstance(classifier, Ensemble):
        members = [bare(member) for member in classifier.members]
        if any(a is not b for a, b in zip(members, classifier.members, strict=True)):
            return Ensemble(members, classifier.name, classifier.vote)
    if isinstance(classifier, WithPreprocessing):
        inner = bare(classifier.inner)
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
    """Read all faces as they are, shrunk to each size and blurred by each share."""
    settings = settings or EmotionSettings()
    everyone = np.arange(len(faces))
    probs, uncalibrated, disagreement = read_both(
        classifier, faces, as_is, "as they are", on_progress
    )

    def changed(rows: npt.NDArray[np.intp], change: Change, stage: str) -> Changed:
        after = probs.copy()
        if len(rows):
            after[rows] = _read(classifier, faces, rows, change, stage, on_progress)[0]
        return Changed(figures(after, faces.labels), len(faces) - len(rows))

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
    )


def read_both(
    classifier: EmotionClassifier,
    faces: LabelledFaces,
    change: Change,
    stage: str,
    on_progress: ProgressCallback = lambda *_: None,
) -> tuple[F32, F32, F32 | None]:
    """All faces after a change: probabilities (N, 7) with and without the temperatures, and the
    members' disagreement (N,) in nats, None for one network.
    """
    everyone, plain = np.arange(len(faces)), bare(classifier)
    if plain is classifier:
        probs, disagreement = _read(classifier, faces, everyone, change, stage, on_progress)
        return probs, probs, disagreement
    if isinstance(classifier, Calibrated) and plain is classifier.inner:
        without, disagreement = _read(plain, faces, everyone, change, stage, on_progress)
        # whether classes are dropped before or after rescaling is the same: one pass gives both
        calibrated = rescale(without, classifier.temperature).astype(np.float32)
        return calibrated, without, disagreement
    # an ensemble of calibrated members: its average cannot be undone
    probs, disagreement = _read(classifier, faces, everyone, change, stage, on_progress)
    without, _ = _read(plain, faces, everyone, change, f"{stage}, uncalibrated", on_progress)
    return probs, without, disagreement


def _read(
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
        read = classifier.classify([image for image, _ in pairs], [box[None] for _, box in pairs])
        probs.append(fold_to(read.probs, classifier.classes, EMOTIONS))
        if read.disagreement is not None:
            disagreement.append(read.disagreement)
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
