"""Calibration fitted and measured on labelled faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.emotions import EMOTIONS, PRIOR
from moodstream.realtime.maths import fold_to
from moodstream.realtime.networks.classifiers.calibration import TINY, rescale

BINS = 15
"""Bins of confidence in a reliability diagram."""

TEMPERATURES = (0.05, 20.0)
"""Between which a temperature is searched."""

_PRIOR_FACES = 2.0  # how many faces PRIOR counts as, against those that a prior is fitted on
_MIN_SHARE = 1e-3


def as_shares(targets: npt.NDArray[Any], k: int) -> F64:
    """What is true of each face as shares (N, K): of labels (N,), all on one class; shares stay.

    Raises:
        ValueError: They are neither.
    """
    targets = np.asarray(targets)
    if targets.ndim == 1 and targets.dtype.kind in "iu":
        unit: F64 = np.eye(k)[targets]
        return unit
    if targets.ndim != 2 or targets.shape[1] != k:
        raise ValueError(f"expected labels (N,) or shares (N, {k}), got {targets.shape}")
    return np.asarray(targets, np.float64)


def cross_entropy(probs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
    """Mean of -Σ y ln p over (N, K) probabilities, in nats.

    Args:
        probs: (N, K).
        targets: (N,) the true classes, or (N, K) their shares y.
    """
    logs = np.log(np.maximum(np.asarray(probs, np.float64), TINY))
    return float(-(as_shares(targets, logs.shape[1]) * logs).sum(axis=1).mean())


def fit_temperature(probs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
    """The temperature T that minimises the cross-entropy of ``rescale(probs, T)``.

    The loss has one minimum in ln T (it is convex in 1/T), found by golden-section search over
    TEMPERATURES.

    Args:
        probs: (N, K) uncalibrated probabilities.
        targets: (N,) the true classes, or (N, K) their shares.

    Raises:
        ValueError: There are no faces.
    """
    if len(targets) == 0:
        raise ValueError("expected faces to fit a temperature on, got none")
    shares = as_shares(targets, probs.shape[1])
    low, high = np.log(TEMPERATURES)
    ratio = (np.sqrt(5) - 1) / 2

    def loss(x: float) -> float:
        return cross_entropy(rescale(probs, float(np.exp(x))), shares)

    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if loss(a) < loss(b):
            high = b
        else:
            low = a
    return float(np.exp((low + high) / 2))


def fit_prior(probs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> tuple[float, ...]:
    """The class distribution (prior) that a network's probabilities assume.

    A network answers p(k|x) ∝ l(x|k) e(k), and e is rarely the distribution of its training set,
    because rare classes are drawn more often there and its errors favour some. For faces of class
    distribution f, the right answer is ∝ p(k|x) f(k) / e(k); e minimises the cross-entropy of
    those: the class biases of bias-corrected temperature scaling (Alexandari et al. 2020), kept
    apart from the probabilities. ``maths.group_contributions`` divides by e. A class of few faces
    stays near PRIOR (a Gaussian on ln e - ln PRIOR). The loss is convex; Newton steps.

    Args:
        probs: (N, 7) calibrated probabilities.
        targets: (N,) the true classes, or (N, 7) their shares.

    Returns:
        (7,) shares that sum to 1.

    Raises:
        ValueError: There are no faces.
    """
    if len(targets) == 0:
        raise ValueError("expected faces to fit a prior on, got none")
    usual, k = np.asarray(PRIOR), len(EMOTIONS)
    logs = np.log(np.maximum(np.asarray(probs, np.float64), TINY))
    shares = as_shares(targets, k)
    truth = shares.sum(axis=0)
    frequencies = (truth + usual) / (truth + usual).sum()

    def loss(shift: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        scores = logs + np.log(frequencies / usual) - shift
        top = scores.max(axis=1, keepdims=True)
        total = np.log(np.exp(scores - top).sum(axis=1, keepdims=True)) + top
        picked = (shares * (scores - total)).sum()
        return float(_PRIOR_FACES / 2 * shift @ shift - picked), np.exp(scores - total)

    shift = np.zeros(k)
    for _ in range(50):
        now, predicted = loss(shift)
        slope = truth - predicted.sum(axis=0) + _PRIOR_FACES * shift
        curve = np.diag(predicted.sum(axis=0) + _PRIOR_FACES) - predicted.T @ predicted
        step, size = np.linalg.solve(curve, slope), 1.0
        while size > 1e-3 and loss(shift - size * step)[0] > now:
            size /= 2
        shift = shift - size * step
        if np.abs(step).max() < 1e-9:
            break
    prior = usual * np.exp(shift - shift.max())
    prior = np.maximum(prior / prior.sum(), _MIN_SHARE)  # what is divided by is never 0
    return tuple(float(share) for share in np.round(prior / prior.sum(), 6))


def fit(probs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> tuple[float, tuple[float, ...]]:
    """The temperature of probabilities, and the prior that they assume with it.

    Args:
        probs: (N, 7) over EMOTIONS, or (N, 8) with contempt last, which is dropped and the rest
            renormalised: whether that is done before or after rescaling is the same.
        targets: (N,) the labels, or (N, 7) the shares of people who named each mood.

    Raises:
        ValueError: There are no faces.
    """
    seven = fold_to(probs, (*EMOTIONS, "contempt")[: probs.shape[1]], EMOTIONS)
    temperature = round(fit_temperature(seven, targets), 4)
    return temperature, fit_prior(rescale(seven, temperature), targets)


@dataclass(frozen=True)
class Reliability:
    """Faces in equal bins of confidence, or of a predicted share (a reliability diagram).

    Attributes:
        edges: (BINS + 1,) of the bins.
        counts: (BINS,) faces.
        confidence: (BINS,) their mean confidence, NaN where a bin is empty.
        accuracy: (BINS,) the share that is right, NaN where a bin is empty.
    """

    edges: npt.NDArray[np.float64]
    counts: I64
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]

    @property
    def ece(self) -> float:
        """Expected calibration error (Naeini et al. 2015): Σ n_b/n |accuracy_b - confidence_b|."""
        filled = self.counts > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((self.counts[filled] * gaps).sum() / max(1, self.counts.sum()))


def reliability(probs: npt.NDArray[Any], labels: I64, bins: int = BINS) -> Reliability:
    """Confidence against accuracy of (N, K) probabilities, in ``bins`` bins of equal width."""
    probs = np.asarray(probs, np.float64)
    hit = (probs.argmax(axis=1) == labels) if len(labels) else np.zeros(0, bool)
    return _binned(probs.max(axis=1, initial=0.0), hit.astype(np.float64), bins)


def share_reliability(
    probs: npt.NDArray[Any], shares: npt.NDArray[Any], bins: int = BINS
) -> list[Reliability]:
    """For each class, predicted shares (``confidence``) against those of raters (``accuracy``).

    Args:
        probs: (N, K) predictions.
        shares: (N, K) of the raters who named each class.
        bins: Of equal width.
    """
    probs, shares = np.asarray(probs, np.float64), np.asarray(shares, np.float64)
    return [_binned(p, y, bins) for p, y in zip(probs.T, shares.T, strict=True)]


def _binned(predicted: F64, true: F64, bins: int) -> Reliability:
    """Predictions (N,) in [0, 1] and what is true (N,), in bins of the predictions."""
    place = np.minimum((predicted * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Reliability(
            np.linspace(0, 1, bins + 1),
            counts.astype(np.int64),
            np.bincount(place, predicted, bins) / counts,
            np.bincount(place, true, bins) / counts,
        )
