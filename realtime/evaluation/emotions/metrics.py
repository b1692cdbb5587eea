"""How right a classifier is: pure functions of labels and probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.evaluation.emotions.calibrate import cross_entropy, reliability


@dataclass(frozen=True)
class ClassificationScores:
    """What N labelled faces come down to.

    balanced_accuracy and macro_f1: means over the classes that occur among the labels;
    cross_entropy: nats; ece: expected calibration error in 15 bins.
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    cross_entropy: float
    ece: float
    n: int


@dataclass(frozen=True)
class PerClass:
    """precision, recall, f1 (K,), NaN where undefined, and support (K,), the labelled faces.

    Precision is undefined for a class that is never said, recall and F1 for one that never occurs.
    """

    precision: F64
    recall: F64
    f1: F64
    support: I64


@dataclass(frozen=True)
class Mix:
    """Shares (K,) of the classes among the labels and the answers, and said / true.

    The ratio is NaN for a class that never occurs.
    """

    true: F64
    said: F64
    ratio: F64


def figures(probs: npt.NDArray[Any], labels: I64) -> ClassificationScores:
    """The figures of (N, K) probabilities and (N,) labels; raises ValueError for no faces."""
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


def confusion(said: npt.NDArray[Any], labels: I64, k: int) -> I64:
    """Counts (K, K) of faces: the row is the label, the column the answer."""
    flat = np.bincount(np.asarray(labels) * k + np.asarray(said), minlength=k * k)
    return flat.reshape(k, k).astype(np.int64)


def accuracy(counts: I64) -> float:
    """The share of right answers in a confusion matrix (K, K); NaN without faces."""
    return float(_divide(np.trace(counts), counts.sum()))


def balanced_accuracy(counts: I64) -> float:
    """The mean recall over the classes that occur; NaN without faces."""
    return _mean(per_class(counts).recall)


def macro_f1(counts: I64) -> float:
    """The mean F1 over the classes that occur; NaN without faces."""
    return _mean(per_class(counts).f1)


def per_class(counts: I64) -> PerClass:
    """Precision, recall and F1 of each class of a confusion matrix (K, K)."""
    right, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    f1 = np.where(true > 0, _divide(2 * right, true + said), np.nan)
    return PerClass(_divide(right, said), _divide(right, true), f1, true)


def mix(counts: I64) -> Mix:
    """How often each class is said beside how often it is true, from a confusion matrix (K, K)."""
    true, said = counts.sum(axis=1), counts.sum(axis=0)
    n = counts.sum()
    return Mix(_divide(true, n), _divide(said, n), _divide(said, true))


def interval(share: float, n: int) -> tuple[float, float]:
    """95 % confidence interval of a share of ``n`` > 0 (Wilson 1927)."""
    z = 1.959964
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def auroc(scores: npt.NDArray[Any], positive: npt.NDArray[np.bool_]) -> float:
    """The chance that a positive has the higher score than a negative, ties counting half.

    scores and positive: (N,). From the ranks (Mann & Whitney 1947); NaN where one kind is missing.
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
    return np.divide(
        top, bottom, out=np.full(np.broadcast(top, bottom).shape, np.nan), where=bottom > 0
    )
