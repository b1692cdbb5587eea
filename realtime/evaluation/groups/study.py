"""Groups of faces with known emotions: how far is each group distribution from the truth?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.distribution import group_contributions
from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.evaluation.groups.drawing import (
    DISTRIBUTIONS,
    Condition,
    FacePredictions,
    Group,
    GroupSampler,
    K,
)
from moodstream.realtime.progress import ProgressCallback

PEOPLE = (2, 40)
"""The fewest and the most people in a group."""

SIZE_BINS = ((2, 5), (6, 15), (16, 40))
BASELINE = "average, uncalibrated"
DEFAULT = "default"
COMPARED = ("average, calibrated", "quality-weighted, calibrated")
"""What the default is compared with, group by group: means, without and with weights."""
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
    smallest: int = PEOPLE[0]
    largest: int = PEOPLE[1]
    degraded: float = 0.5
    seed: int = 42

    def __post_init__(self) -> None:
        if self.draws < 2 or not 1 <= self.smallest <= self.largest:
            raise ValueError(f"expected 2 or more draws and 1 ≤ smallest ≤ largest, got {self}")
        if not 0 <= self.degraded <= 1:
            raise ValueError(f"expected degraded in [0, 1], got {self.degraded}")


def _unit(index: int) -> F64:
    unit: F64 = np.eye(K)[index]
    return unit


def _mean(probs: F64, weights: F64) -> F64:
    mean = maths.weighted_mean(probs, weights)
    assert mean is not None  # weights are above 0
    return mean


def _prior_adapted(group: Group) -> F64:
    added = group_contributions(group.calibrated, group.quality, group.prior)
    assert added is not None  # there is a person
    shares: F64 = added.sum(axis=0)
    return shares


def _even(group: Group) -> F64:
    return np.ones(len(group.quality))


STRATEGIES: Mapping[str, Callable[[Group], F64]] = {
    BASELINE: lambda g: _mean(g.probs, _even(g)),
    "average, calibrated": lambda g: _mean(g.calibrated, _even(g)),
    "quality-weighted, calibrated": lambda g: _mean(g.calibrated, g.quality),
    DEFAULT: _prior_adapted,
    "majority vote": lambda g: np.bincount(g.probs.argmax(1), minlength=K) / len(g.probs),
    "sum and max": lambda g: _unit(int(g.probs.sum(0).argmax())),
}
"""Ways of summing up a group, by their names in groups.json.

*quality-weighted*: by clip(q, 0, 1) + 1e-6; *default*: what the pipeline does,
``analysis.group.distribution``; *majority vote*: shares of the top classes; *sum and max*: all on
one class.
"""


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
