"""Whom it fails: detection, quality and predictions by an attribute of the people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.people import quality
from moodstream.realtime.arrays import F32, F64
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.attributes import in_groups
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
from moodstream.realtime.evaluation.emotions.metrics import interval

MIN_FACES = 30
"""Faces (of *detected*, pictures) from which a group is compared with others."""

LEVEL = 0.90
"""How often intervals are to hold what is true."""

DETECTED, QUALITY, RIGHT, JSD = "detected", "quality", "right", "jsd"
"""What is measured of each face, besides the lean to each of EMOTIONS."""

_Z90 = 1.644854  # of the normal distribution, for Wilson's interval
_REPLICATES = 1000


@dataclass(frozen=True)
class Estimate:
    """A mean over the faces of a group.

    Attributes:
        mean: The mean.
        low: Lower end of its interval (LEVEL), NaN for a single face.
        high: Upper end.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """The people of one value of an attribute.

    Attributes:
        value: Of the attribute.
        n: Faces that were classified.
        pictures: Those and the pictures in which no face was found.
        few: Whether there are fewer than MIN_FACES faces: its figures prove little.
        figures: By DETECTED (where faces were detected), QUALITY, RIGHT, JSD (where there are
            votes), and by emotion the mean of predicted minus true share; where the truth is not
            known, without RIGHT and JSD, and by emotion the mean predicted share.
    """

    value: str
    n: int
    pictures: int
    few: bool
    figures: Mapping[str, Estimate]


@dataclass(frozen=True)
class Difference:
    """The largest difference between two groups in one figure.

    Where some are beyond chance, the largest of those: others may be of groups with few faces.

    Attributes:
        figure: A key of ``Group.figures``.
        higher: The group where it is higher.
        lower: The group where it is lower.
        size: By how much.
        low: Lower end of its interval. Intervals hold together (LEVEL) for all pairs of groups,
            and of the leans for all emotions, so that the largest of many is no finding by itself.
        high: Upper end.
    """

    figure: str
    higher: str
    lower: str
    size: float
    low: float
    high: float

    @property
    def beyond_chance(self) -> bool:
        """Whether 0 is outside of the interval."""
        return self.low > 0


@dataclass(frozen=True)
class ByAttribute:
    """The groups of one attribute.

    Attributes:
        name: Of the attribute.
        groups: In order.
        differences: The largest one of each figure, between groups of MIN_FACES or more.
        unknown: How many faces have no value.
        judged: Whether the truth is known.
    """

    name: str
    groups: Sequence[Group]
    differences: Sequence[Difference]
    unknown: int
    judged: bool


def by_attributes(
    faces: LabelledFaces,
    names: Sequence[str],
    probs: F32,
    right: npt.NDArray[np.bool_] | None,
    seed: int = 42,
) -> list[ByAttribute]:
    """The figures of each group of each attribute, and the largest differences between groups.

    Args:
        faces: N faces with their attributes.
        names: Of the attributes.
        probs: (N, 7) the predictions.
        right: (N,) where they are right; None where the truth is not known.
        seed: Of the bootstrap.
    """
    if not names:
        return []
    columns: dict[str, F64] = {QUALITY: _qualities(faces)}
    shares = np.asarray(probs, np.float64)
    if right is not None:
        columns[RIGHT] = right.astype(np.float64)
        if faces.votes is not None:
            columns[JSD] = maths.row_jsd(shares, faces.truth)
        shares = shares - faces.truth
    columns |= dict(zip(EMOTIONS, shares.T, strict=True))
    return [_by_attribute(faces, name, columns, np.random.default_rng(seed)) for name in names]


def _by_attribute(
    faces: LabelledFaces, name: str, columns: Mapping[str, F64], rng: np.random.Generator
) -> ByAttribute:
    seen = faces.attributes[name]
    unseen = faces.without_face.get(name, np.zeros(0, seen.dtype))
    groups, values = in_groups(name, np.concatenate([seen, unseen]))
    with_face = groups[: len(seen)]
    measured: dict[str, list[_Sample]] = {}
    if faces.boxes is not None:  # they were detected
        found = np.arange(len(groups)) < len(seen)
        measured[DETECTED] = [_share(found[groups == value], rng) for value in values]
    if RIGHT in columns:
        measured[RIGHT] = [_share(columns[RIGHT][with_face == value], rng) for value in values]
    means = [key for key in columns if key != RIGHT]
    matrix = np.stack([columns[key] for key in means], axis=1)
    for value in values:
        for key, sample in zip(means, _means(matrix[with_face == value], rng), strict=True):
            measured.setdefault(key, []).append(sample)
    described = [
        _group(value, {key: samples[i] for key, samples in measured.items()}, groups == value)
        for i, value in enumerate(values)
    ]
    leans = [key for key in measured if key in EMOTIONS]
    families = [*([key] for key in measured if key not in EMOTIONS), leans]
    differences = [d for family in families for d in _largest(family, values, measured)]
    return ByAttribute(name, described, differences, int((with_face == "").sum()), RIGHT in columns)


def _group(value: str, samples: Mapping[str, _Sample], pictures: npt.NDArray[np.bool_]) -> Group:
    n = samples[QUALITY].n
    return Group(
        value,
        n,
        int(pictures.sum()),
        n < MIN_FACES,
        {key: sample.estimate for key, sample in samples.items() if sample.n},
    )


def _qualities(faces: LabelledFaces) -> F64:
    return np.array(
        [quality.measure(faces.images[i], faces.box(i)[None])[0] for i in range(len(faces))]
    ).astype(np.float64)


@dataclass(frozen=True)
class _Sample:
    """One figure of one group.

    Attributes:
        n: Of how many faces or pictures.
        estimate: The mean.
        replicates: (_REPLICATES,) means that other people might have had.
        variance: Of single faces.
    """

    n: int
    estimate: Estimate
    replicates: F64
    variance: float


def _share(hits: npt.NDArray[Any], rng: np.random.Generator) -> _Sample:
    """The share of 1s among 0s and 1s (n,).

    Replicates are drawn with one 1 and one 0 more (Agresti & Caffo 2000): of a group without a
    single failure all would be the same.
    """
    n = len(hits)
    if n == 0:
        return _nothing()
    share = float(hits.mean())
    drawn = rng.binomial(n, (share * n + 1) / (n + 2), _REPLICATES) / n
    return _Sample(n, Estimate(share, *interval(share, n, _Z90)), drawn, share * (1 - share))


def _means(matrix: F64, rng: np.random.Generator) -> list[_Sample]:
    """The means of the columns of (n, M), with faces drawn again with replacement (bootstrap)."""
    n = len(matrix)
    if n == 0:
        return [_nothing()] * matrix.shape[1]
    drawn = np.empty((_REPLICATES, matrix.shape[1]))
    for row in drawn:
        row[:] = np.bincount(rng.integers(0, n, n), minlength=n) @ matrix / n
    ends = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), axis=0).T
    if n == 1:  # one face says nothing of how much faces differ
        ends = np.full_like(ends, np.nan)
    estimates = [
        Estimate(float(mean), float(low), float(high))
        for mean, (low, high) in zip(matrix.mean(axis=0), ends, strict=True)
    ]
    variances = matrix.var(axis=0)
    return [
        _Sample(n, estimate, column, float(variance))
        for estimate, column, variance in zip(estimates, drawn.T, variances, strict=True)
    ]


def _nothing() -> _Sample:
    nan = float("nan")
    return _Sample(0, Estimate(nan, nan, nan), np.full(_REPLICATES, nan), nan)


def _largest(
    family: Sequence[str], names: Sequence[str], measured: Mapping[str, Sequence[_Sample]]
) -> list[Difference]:
    """The largest difference of each figure of a family, with intervals that hold together.

    The half-width is c standard errors, c being the quantile (LEVEL) of the largest of all
    standardised differences of the bootstrap (the maximum-t method, Romano & Wolf 2005). The
    standard error is at least that of the variance within all groups together: a group in which
    something rare did not occur is not certain that it never does.
    """
    pairs: dict[str, list[tuple[int, int, float, float]]] = {key: [] for key in family}
    largest = np.zeros(_REPLICATES)
    for key in family:
        enough = [(i, one) for i, one in enumerate(measured[key]) if one.n >= MIN_FACES]
        faces = sum(one.n for _, one in enough)
        within = sum(one.n * one.variance for _, one in enough) / max(1, faces)
        for (i, one), (j, other) in combinations(enough, 2):
            gaps = one.replicates - other.replicates
            error = max(float(gaps.std(ddof=1)), 1e-12)
            largest = np.maximum(largest, np.abs(gaps - gaps.mean()) / error)
            error = max(error, float(np.sqrt(within / one.n + within / other.n)))
            pairs[key].append((i, j, one.estimate.mean - other.estimate.mean, error))
    c = float(np.quantile(largest, LEVEL))
    found = []
    for key in family:
        if pairs[key]:
            # one beyond chance comes before a larger one of a group with few faces
            i, j, gap, error = max(
                pairs[key], key=lambda pair: (abs(pair[2]) > c * pair[3], abs(pair[2]))
            )
            higher, lower = (i, j) if gap >= 0 else (j, i)
            size, half = abs(gap), c * error
            found.append(
                Difference(key, names[higher], names[lower], size, size - half, size + half)
            )
    return found
