"""Groups of faces with known emotions: how far off is what is said of the group?"""

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
    read_both,
    shrinking,
)
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.calibration import prior_of
from moodstream.realtime.progress import ProgressCallback

K = len(EMOTIONS)
LEAST_FACES = 20
"""A class with fewer faces is not drawn: the same few would stand for it again and again."""
SIZE_BANDS = ((2, 5), (6, 15), (16, 40))
BASELINE = "average, uncalibrated"
DEFAULT = "default"
COMPARED = ("quality-weighted, calibrated", "settled, calibrated, unweighted")
"""What the default is set beside, group by group: without settling, and without weighting."""
POOLED = "all mixes together"
BOOTSTRAPS = 400


@dataclass(frozen=True)
class GroupStudySettings:
    """draws: groups of each kind; smallest, largest: people in a group; degraded: the share of
    them that is made small or blurred in the degraded groups.
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

MIXES: Mapping[str, float | None] = {"varied": 1.0, "shared mood": 0.3, "as in the data": None}
"""How the emotions of a group are drawn: a mix from a flat Dirichlet distribution, from one with
concentration 0.3 (most people show the same one or two), or each face from all faces alike."""


@dataclass(frozen=True)
class Read:
    """All N faces under each of the C changes: probs and calibrated (C, N, 7), quality (C, N).

    prior (7,): the mix that the answers assume.
    """

    probs: F32
    calibrated: F32
    quality: F32
    labels: I64
    prior: tuple[float, ...] = PRIOR


@dataclass(frozen=True)
class Group:
    """One group: what its n people were read as (n, 7), their quality (n,), and the truth (7,).

    prior (7,): as in Read.
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


def _settled(probs: F64, weights: F64, prior: tuple[float, ...]) -> F64:
    people = GroupSettings.prior_people
    assert people is not None  # by default doubt is settled
    found = maths.group_shares(probs, weights, prior, people)
    assert found is not None
    return found


def _even(group: Group) -> F64:
    return np.ones(len(group.quality))


STRATEGIES: Mapping[str, Callable[[Group], F64]] = {
    BASELINE: lambda g: _mean(g.probs, _even(g)),
    "average, calibrated": lambda g: _mean(g.calibrated, _even(g)),
    "quality-weighted, uncalibrated": lambda g: _mean(g.probs, g.quality),
    "quality-weighted, calibrated": lambda g: _mean(g.calibrated, g.quality),
    "settled, uncalibrated": lambda g: _settled(g.probs, maths.softened(g.quality), PRIOR),
    "settled, calibrated, unweighted": lambda g: _settled(g.calibrated, _even(g), g.prior),
    "settled, calibrated, by quality": lambda g: _settled(g.calibrated, g.quality, g.prior),
    DEFAULT: lambda g: _settled(g.calibrated, maths.softened(g.quality), g.prior),
    "majority vote": lambda g: np.bincount(g.probs.argmax(1), minlength=K) / len(g.probs),
    "sum and max": lambda g: _unit(int(g.probs.sum(0).argmax())),
}
"""What can be said of a group. *quality-weighted*: the seed formula, clip(q, 0, 1) + 1e-6;
*settled*: ``maths.group_shares``; *default*: what the pipeline does, settled, calibrated and
weighted by the root of quality (``maths.softened``); *majority vote*: shares of the top classes;
*sum and max*: all on one class."""


@dataclass(frozen=True)
class Condition:
    """What is done to the faces of a group.

    degraded: the share of them that is made small or blurred; one_camera: whether all of those
    get the same change, drawn once for the group, or each its own.
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
    """One kind of groups: sizes (G,) and by strategy JSD in nats and total variation (G,)."""

    mix: str
    condition: Condition
    sizes: I64
    jsd: Mapping[str, F64]
    variation: Mapping[str, F64]

    @property
    def label(self) -> str:
        """The mix and the condition, for headings."""
        mix = self.mix if self.mix == POOLED else f"mix {self.mix}"
        return f"{mix}, {self.condition.label}"

    def change(self, strategy: str) -> float:
        """Mean JSD against the baseline's: -0.25 is a quarter less."""
        return float(self.jsd[strategy].mean() / self.jsd[BASELINE].mean() - 1)

    def change_error(self, strategy: str) -> float:
        """Standard error of ``change``, by bootstrap over the groups (seeded)."""
        return float((self._means[strategy] / self._means[BASELINE]).std(ddof=1))

    def gap(self, other: str, ours: str = DEFAULT) -> tuple[float, float]:
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
        far, n = np.stack(list(self.jsd.values())), len(self.sizes)
        means = np.empty((BOOTSTRAPS, len(far)))
        for row in means:
            row[:] = far @ np.bincount(rng.integers(0, n, n), minlength=n) / n
        return dict(zip(self.jsd, means.T, strict=True))


def read_all(
    classifier: EmotionClassifier,
    faces: LabelledFaces,
    on_progress: ProgressCallback = lambda *_: None,
    changes: Mapping[str, Change] | None = None,
) -> Read:
    """Every face under every change, with and without calibration, and its quality.

    A face's quality is measured on the changed picture, as the pipeline would. ``changes``: by
    default CHANGES, which degraded groups need.
    """
    probs, calibrated, worth = [], [], []
    for name, change in (CHANGES if changes is None else changes).items():
        measured: list[F32] = []
        after, before, _ = read_both(
            classifier, faces, _measuring(change, measured), name, on_progress
        )
        probs.append(before)
        calibrated.append(after)
        # some ensembles read everything twice: the first pass has them all, in order
        worth.append(np.concatenate(measured[: len(faces)]))
    read = np.stack(probs), np.stack(calibrated), np.stack(worth)
    return Read(*read, faces.labels, prior_of(classifier))


def _measuring(change: Change, found: list[F32]) -> Change:
    """The same change, which adds the quality (1,) of each changed face to ``found``."""

    def measure(image: Image, box: F32) -> tuple[Image, F32]:
        image, box = change(image, box)
        found.append(quality.measure(image, box[None]))
        return image, box

    return measure


def drawable(labels: I64) -> npt.NDArray[np.bool_]:
    """Which classes (7,) have enough faces; raises MoodstreamError for fewer than two."""
    enough = np.bincount(labels, minlength=K) >= LEAST_FACES
    if enough.sum() < 2:
        raise MoodstreamError(
            f"expected two or more emotions with {LEAST_FACES} or more faces each to draw groups "
            f"from, got {int(enough.sum())}"
        )
    return enough


def study(read: Read, mix: str, condition: Condition, settings: GroupStudySettings) -> Result:
    """Draw groups of one kind and compare every strategy with the truth."""
    rng = np.random.default_rng(settings.seed)
    draw = Drawer(read)
    sizes, far, off = [], [], []
    for _ in range(settings.draws):
        size = int(rng.integers(settings.smallest, settings.largest + 1))
        group = draw.group(rng, MIXES[mix], size, condition)
        said = {name: strategy(group) for name, strategy in STRATEGIES.items()}
        sizes.append(size)
        far.append([maths.jsd(p, group.truth) for p in said.values()])
        off.append([np.abs(p - group.truth).sum() / 2 for p in said.values()])
    return Result(
        mix,
        condition,
        np.array(sizes),
        dict(zip(STRATEGIES, np.array(far).T, strict=True)),
        dict(zip(STRATEGIES, np.array(off).T, strict=True)),
    )


class Drawer:
    """Draws groups of faces that were read; raises MoodstreamError for too few of them."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._enough = drawable(read.labels)
        self._by_class = [np.flatnonzero(read.labels == k) for k in range(K)]

    def group(
        self, rng: np.random.Generator, mix: float | None, size: int, condition: Condition
    ) -> Group:
        """A group of ``size`` people; mix: a value of MIXES."""
        labels = _labels(rng, self._read.labels, self._enough, mix, size)
        return _group(rng, self._read, self._by_class, labels, condition)


def _labels(
    rng: np.random.Generator,
    labels: I64,
    enough: npt.NDArray[np.bool_],
    concentration: float | None,
    size: int,
) -> I64:
    """What the people of one group show, (size,)."""
    if concentration is None:
        counts = np.bincount(labels, minlength=K) * enough
        return rng.choice(K, size, p=counts / counts.sum())
    shares = np.zeros(K)
    shares[enough] = rng.dirichlet(np.full(int(enough.sum()), concentration))
    return rng.choice(K, size, p=shares)


def _group(
    rng: np.random.Generator,
    read: Read,
    by_class: list[I64],
    labels: I64,
    condition: Condition,
) -> Group:
    people = np.array([rng.choice(by_class[k]) for k in labels])
    hit = rng.random(len(people)) < condition.degraded
    how_many = 1 if condition.one_camera else len(people)
    change = np.where(hit, rng.integers(1, len(CHANGES), how_many), 0)
    return Group(
        read.probs[change, people].astype(np.float64),
        read.calibrated[change, people].astype(np.float64),
        maths.seen_weights(read.quality[change, people]),
        np.bincount(labels, minlength=K) / len(labels),
        read.prior,
    )


def study_all(
    read: Read, settings: GroupStudySettings, on_progress: ProgressCallback = lambda *_: None
) -> list[Result]:
    """Every mix under every one of ``conditions``."""
    kinds = [(mix, condition) for condition in conditions(settings) for mix in MIXES]
    results = []
    for i, (mix, condition) in enumerate(kinds):
        results.append(study(read, mix, condition, settings))
        on_progress("drawing groups", i + 1, len(kinds))
    return results


def conditions(settings: GroupStudySettings) -> list[Condition]:
    """``settings.degraded`` of the faces degraded, all of them by one camera, and none."""
    if not settings.degraded:
        return [Condition()]
    return [Condition(settings.degraded), Condition(1.0, one_camera=True), Condition()]


def pooled(results: Sequence[Result]) -> list[Result]:
    """The groups of all mixes together, one result for each condition."""
    together = []
    for condition in dict.fromkeys(result.condition for result in results):
        parts = [result for result in results if result.condition == condition]
        together.append(
            Result(
                POOLED,
                condition,
                np.concatenate([part.sizes for part in parts]),
                {s: np.concatenate([part.jsd[s] for part in parts]) for s in STRATEGIES},
                {s: np.concatenate([part.variation[s] for part in parts]) for s in STRATEGIES},
            )
        )
    return together
