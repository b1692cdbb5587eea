"""Groups of faces with known emotions: how far is each group distribution from the truth?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.aggregator import GroupSettings
from moodstream.realtime.analysis.people import quality
from moodstream.realtime.arrays import F32, F64, I64, Image
from moodstream.realtime.emotions import EMOTIONS, PRIOR
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
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

SIZE_BINS = ((2, 5), (6, 15), (16, 40))
BASELINE = "average, uncalibrated"
DEFAULT = "default"
COMPARED = ("quality-weighted, calibrated", "settled, calibrated, unweighted")
"""What the default is compared with, group by group: without adaptation, and without weights."""
POOLED = "all distributions together"
"""The name of groups of all DISTRIBUTIONS."""


BOOTSTRAPS = 400
"""Resamples of the groups for standard errors."""


@dataclass(frozen=True)
class GroupStudySettings:
    """Which groups are drawn.

    Attributes:
        draws: Groups of each kind.
        smallest: Fewest people in a group.
        largest: Most people in a group.
        degraded: The share of them that is made small or blurred in the degraded groups.
        seed: Of the random numbers.
    """

    draws: int = 1000
    smallest: int = 2
    largest: int = 40
    degraded: float = 0.5
    seed: int = 42

    def __post_init__(self) -> None:
        if self.draws < 2 or not 1 <= self.smallest <= self.largest:
            raise ValueError(f"expected 2 or more draws and 1 ≤ smallest ≤ largest, got {self}")
        if not 0 <= self.degraded <= 1:
            raise ValueError(f"expected degraded in [0, 1], got {self.degraded}")


CHANGES: Mapping[str, Change] = {
    "as is": as_is,
    **{f"{size} px": shrinking(size) for size in (32, 24, 16, 12)},
    **{f"blur {share:.0%}": blurring(share) for share in (0.04, 0.08)},
}
"""What a room does to faces: far away, or out of focus."""

DISTRIBUTIONS: Mapping[str, float | None] = {
    "varied": 1.0,
    "shared mood": 0.3,
    "as in the data": None,
}
"""How the emotions of a group are distributed: drawn from a flat Dirichlet distribution, from one
of concentration 0.3 (most people show the same one or two), or as in the data set (None)."""


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
    """

    probs: F32
    calibrated: F32
    quality: F32
    labels: I64
    prior: tuple[float, ...] = PRIOR
    shares: F64 | None = None

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


def _unit(index: int) -> F64:
    unit: F64 = np.eye(K)[index]
    return unit


def _mean(probs: F64, weights: F64) -> F64:
    mean = maths.weighted_mean(probs, weights)
    assert mean is not None  # weights are above 0
    return mean


def _prior_adapted(probs: F64, weights: F64, prior: tuple[float, ...]) -> F64:
    people = GroupSettings.prior_people
    assert people is not None  # the default adapts to the group
    shares = maths.group_shares(probs, weights, prior, people)
    assert shares is not None  # there is a person
    return shares


def _even(group: Group) -> F64:
    return np.ones(len(group.quality))


STRATEGIES: Mapping[str, Callable[[Group], F64]] = {
    BASELINE: lambda g: _mean(g.probs, _even(g)),
    "average, calibrated": lambda g: _mean(g.calibrated, _even(g)),
    "quality-weighted, uncalibrated": lambda g: _mean(g.probs, g.quality),
    "quality-weighted, calibrated": lambda g: _mean(g.calibrated, g.quality),
    "settled, uncalibrated": lambda g: _prior_adapted(g.probs, maths.em_weights(g.quality), PRIOR),
    "settled, calibrated, unweighted": lambda g: _prior_adapted(g.calibrated, _even(g), g.prior),
    "settled, calibrated, by quality": lambda g: _prior_adapted(g.calibrated, g.quality, g.prior),
    DEFAULT: lambda g: _prior_adapted(g.calibrated, maths.em_weights(g.quality), g.prior),
    "majority vote": lambda g: np.bincount(g.probs.argmax(1), minlength=K) / len(g.probs),
    "sum and max": lambda g: _unit(int(g.probs.sum(0).argmax())),
}
"""Ways of summing up a group, by their names in groups.json.

*quality-weighted*: by clip(q, 0, 1) + 1e-6; *settled*: prior-adapted, ``maths.group_shares``;
*default*: what the pipeline does, prior-adapted, calibrated and weighted by the root of quality
(``maths.em_weights``); *majority vote*: shares of the top classes; *sum and max*: all on one class.
"""


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


@dataclass(frozen=True)
class Result:
    """G groups of one kind.

    Attributes:
        distribution: A key of DISTRIBUTIONS, or POOLED.
        condition: What was done to their faces.
        sizes: (G,) people.
        jsd: By strategy (G,) nats to the truth.
        variation: By strategy (G,) the total variation to the truth.
    """

    distribution: str
    condition: Condition
    sizes: I64
    jsd: Mapping[str, F64]
    variation: Mapping[str, F64]

    @property
    def label(self) -> str:
        """The distribution and the condition, for headings."""
        pooled = self.distribution == POOLED
        distribution = POOLED if pooled else f"distribution {self.distribution}"
        return f"{distribution}, {self.condition.label}"

    def change(self, strategy: str) -> float:
        """Mean JSD against the baseline's: -0.25 is a quarter less."""
        return float(self.jsd[strategy].mean() / self.jsd[BASELINE].mean() - 1)

    def change_error(self, strategy: str) -> float:
        """Standard error of ``change``, by bootstrap over the groups (seeded)."""
        return float((self._means[strategy] / self._means[BASELINE]).std(ddof=1))

    def difference(self, other: str, ours: str = DEFAULT) -> tuple[float, float]:
        """Mean difference in JSD (nats) of ``ours`` to ``other`` in the same groups.

        Below 0 ``ours`` is nearer to the truth. With its standard error, by bootstrap.
        """
        error = (self._means[ours] - self._means[other]).std(ddof=1)
        return float((self.jsd[ours] - self.jsd[other]).mean()), float(error)

    @cached_property
    def _means(self) -> dict[str, F64]:
        """By strategy the mean JSD (BOOTSTRAPS,) of groups drawn again with replacement.

        One at a time: all picks together would be BOOTSTRAPS times the groups.
        """
        rng = np.random.default_rng(0)
        divergences, n = np.stack(list(self.jsd.values())), len(self.sizes)
        means = np.empty((BOOTSTRAPS, len(divergences)))
        for row in means:
            row[:] = divergences @ np.bincount(rng.integers(0, n, n), minlength=n) / n
        return dict(zip(self.jsd, means.T, strict=True))


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
        changes: By default CHANGES, which degraded groups need.
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
    return FacePredictions(*predictions, faces.labels, prior_of(classifier), shares)


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


def study(
    predictions: FacePredictions,
    distribution: str,
    condition: Condition,
    settings: GroupStudySettings,
) -> Result:
    """Draw groups of one kind and compare every strategy with the truth."""
    rng = np.random.default_rng(settings.seed)
    sampler = GroupSampler(predictions)
    sizes, divergences, variations = [], [], []
    for _ in range(settings.draws):
        size = int(rng.integers(settings.smallest, settings.largest + 1))
        group = sampler.group(rng, DISTRIBUTIONS[distribution], size, condition)
        predicted = {name: strategy(group) for name, strategy in STRATEGIES.items()}
        sizes.append(size)
        divergences.append([maths.jsd(p, group.truth) for p in predicted.values()])
        variations.append([np.abs(p - group.truth).sum() / 2 for p in predicted.values()])
    return Result(
        distribution,
        condition,
        np.array(sizes),
        dict(zip(STRATEGIES, np.array(divergences).T, strict=True)),
        dict(zip(STRATEGIES, np.array(variations).T, strict=True)),
    )


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
        self, rng: np.random.Generator, distribution: float | None, size: int, condition: Condition
    ) -> Group:
        """A group of ``size`` people.

        Args:
            rng: Random numbers.
            distribution: A value of DISTRIBUTIONS.
            size: How many people.
            condition: What is done to their faces.
        """
        labels = _labels(rng, self._predictions.labels, self._enough, distribution, size)
        return draw_group(rng, self._predictions, self._by_class, labels, condition)


def _labels(
    rng: np.random.Generator,
    labels: I64,
    enough: npt.NDArray[np.bool_],
    concentration: float | None,
    size: int,
) -> I64:
    """The emotions of the people of one group, (size,) index into EMOTIONS."""
    if concentration is None:
        counts = np.bincount(labels, minlength=K) * enough
        return rng.choice(K, size, p=counts / counts.sum())
    shares = np.zeros(K)
    shares[enough] = rng.dirichlet(np.full(int(enough.sum()), concentration))
    return rng.choice(K, size, p=shares)


def draw_group(
    rng: np.random.Generator,
    predictions: FacePredictions,
    by_class: list[I64],
    labels: I64,
    condition: Condition,
) -> Group:
    """A group of people with given emotions, drawn with replacement.

    Args:
        rng: Draws.
        predictions: Of all faces there are to draw from.
        by_class: The numbers of the faces of each emotion.
        labels: (N,) the emotions of its people, index into EMOTIONS.
        condition: How their pictures are degraded.
    """
    people = np.array([rng.choice(by_class[k]) for k in labels])
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


def study_all(
    predictions: FacePredictions,
    settings: GroupStudySettings,
    on_progress: ProgressCallback = lambda *_: None,
) -> list[Result]:
    """Every one of DISTRIBUTIONS under every one of ``conditions``."""
    kinds = [
        (distribution, condition)
        for condition in conditions(settings)
        for distribution in DISTRIBUTIONS
    ]
    results = []
    for i, (distribution, condition) in enumerate(kinds):
        results.append(study(predictions, distribution, condition, settings))
        on_progress("drawing groups", i + 1, len(kinds))
    return results


def conditions(settings: GroupStudySettings) -> list[Condition]:
    """``settings.degraded`` of the faces degraded, all of them by one camera, and none."""
    if not settings.degraded:
        return [Condition()]
    return [Condition(settings.degraded), Condition(1.0, one_camera=True), Condition()]


def pooled(results: Sequence[Result]) -> list[Result]:
    """The groups of all distributions together, one result for each condition."""
    results_by_condition = []
    for condition in dict.fromkeys(result.condition for result in results):
        of_condition = [result for result in results if result.condition == condition]
        results_by_condition.append(
            Result(
                POOLED,
                condition,
                np.concatenate([part.sizes for part in of_condition]),
                {s: np.concatenate([part.jsd[s] for part in of_condition]) for s in STRATEGIES},
                {
                    s: np.concatenate([part.variation[s] for part in of_condition])
                    for s in STRATEGIES
                },
            )
        )
    return results_by_condition
