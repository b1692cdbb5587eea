"""Classification metrics: pure functions of labels and probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.evaluation.emotions.calibrate import cross_entropy, reliability


@dataclass(frozen=True)
class ClassificationScores:
    """The metrics of N labelled faces.

    Attributes:
        accuracy: The share of right predictions.
        balanced_accuracy: The mean recall over the classes that occur among the labels.
        macro_f1: The mean F1 over those classes.
        cross_entropy: In nats.
        ece: Expected calibration error in 15 bins.
        n: How many faces there are.
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    cross_entropy: float
    ece: float
    n: int


@dataclass(frozen=True)
class PerClass:
    """The metrics of each class, NaN where they are undefined.

    Attributes:
        precision: (K,), undefined for a class that is never predicted.
        recall: (K,), undefined for a class that never occurs.
        f1: (K,), undefined for a class that never occurs.
        support: (K,) the labelled faces.
    """

    precision: F64
    recall: F64
    f1: F64
    support: I64


@dataclass(frozen=True)
class ClassShares:
    """How often each class occurs and is predicted.

    Attributes:
        true: (K,) shares among the labels.
        predicted: (K,) shares among the predictions.
        ratio: (K,) predicted / true, NaN for a class that never occurs.
    """

    true: F64
    predicted: F64
    ratio: F64


def figures(probs: npt.NDArray[Any], labels: I64) -> ClassificationScores:
    """The metrics of predictions.

    Args:
        probs: (N, K) probabilities.
        labels: (N,) the true classes.

    Raises:
        ValueError: There are no faces, or not a label for each.
    """
    if len(labels) == 0 or len(probs) != len(labels):
        raise ValueError(f"expected a label for each face, got {len(probs)} and {len(labels)}")
    counts = confusion(probs.argmax(axis=1), labels, probs.shape[1])
    return ClassificationScores(
        accuracy(counts),
        balanced_accuracy(counts),
        macro_f1(counts),
        cross_entropy(probs, labels),
        reliability(probs, labels).ece,
        len(labels),
    )


def confusion(predicted: npt.NDArray[Any], labels: I64, k: int) -> I64:
    """Counts (K, K) of faces: the row is the label, the column the prediction."""
    flat = np.bincount(np.asarray(labels) * k + np.asarray(predicted), minlength=k * k)
    return flat.reshape(k, k).astype(np.int64)


def accuracy(counts: I64) -> float:
    """The share of right predictions in a confusion matrix (K, K); NaN without faces."""
    return float(_divide(np.trace(counts), counts.sum()))


def balanced_accuracy(counts: I64) -> float:
    """The mean recall over the classes that occur; NaN without faces."""
    return _mean(per_class(counts).recall)


def macro_f1(counts: I64) -> float:
    """The mean F1 over the classes that occur; NaN without faces."""
    return _mean(per_class(counts).f1)


def per_class(counts: I64) -> PerClass:
    """Precision, recall and F1 of each class of a confusion matrix (K, K)."""
    right, true, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    f1 = np.where(true > 0, _divide(2 * right, true + predicted), np.nan)
    return PerClass(_divide(right, predicted), _divide(right, true), f1, true)


def class_shares(counts: I64) -> ClassShares:
    """How often each class occurs and is predicted, from a confusion matrix (K, K)."""
    true, predicted = counts.sum(axis=1), counts.sum(axis=0)
    n = counts.sum()
    return ClassShares(_divide(true, n), _divide(predicted, n), _divide(predicted, true))


def interval(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Confidence interval of a share of ``n`` > 0 (Wilson 1927), by default of 95 %.

    Args:
        share: In [0, 1].
        n: Of how many.
        z: Quantile of the normal distribution: 1.96 for 95 %, 1.645 for 90 %.
    """
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def auroc(scores: npt.NDArray[Any], positive: npt.NDArray[np.bool_]) -> float:
    """The probability that a positive scores higher than a negative, ties counting half.

    Args:
        scores: (N,).
        positive: (N,) which of them are positives.

    Returns:
        From the ranks (Mann & Whitney 1947); NaN where there are no positives or no negatives.
    """
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
    n = int(positive.sum())
    above = ranks[positive].sum() - n * (n + 1) / 2
    return float(_divide(above, n * (len(positive) - n)))


def _mean(values: F64) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _divide(a: npt.ArrayLike, b: npt.ArrayLike) -> F64:
    """a / b, NaN where b is 0."""
    top, bottom = np.asarray(a, np.float64), np.asarray(b, np.float64)
    quotient = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=quotient, where=bottom > 0)
    return quotient
