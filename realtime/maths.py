"""Group maths: pure functions of arrays, in nats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F64

_MIN_REST = 1e-12  # of the weight of all others, which is divided by


def entropy(p: npt.ArrayLike) -> float:
    """Shannon entropy of a distribution (K,), in nats, within [0, ln K]; 0 ln 0 is 0."""
    p = np.asarray(p, np.float64)
    positive = p[p > 0]
    return float(np.clip(-(positive * np.log(positive)).sum(), 0.0, np.log(len(p))))


def entropies(p: npt.NDArray[Any]) -> F64:
    """Shannon entropy of each row of (N, K), in nats; rows with NaN give NaN."""
    p = np.asarray(p, np.float64)
    per_row: F64 = -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1)
    return per_row


def jsd(p: npt.ArrayLike, q: npt.ArrayLike) -> float:
    """Jensen–Shannon divergence of two distributions (K,), in nats, within [0, ln 2]."""
    return float(np.clip(weighted_jsd(np.stack([p, q]), np.array([0.5, 0.5])), 0.0, np.log(2)))


def row_jsd(p: npt.NDArray[Any], q: npt.NDArray[Any]) -> F64:
    """Jensen–Shannon divergence of each row of (N, K) to the same row of another, in nats."""
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    gap = entropies((p + q) / 2) - (entropies(p) + entropies(q)) / 2
    return np.clip(gap, 0.0, np.log(2))


def weighted_jsd(distributions: npt.NDArray[Any], weights: npt.NDArray[Any]) -> float:
    """Generalised JSD of M distributions (M, K): H(Σ πp) - Σ π H(p) (Lin 1991), in nats.

    ``weights`` (M,) are made to sum to 1.
    """
    share = np.asarray(weights, np.float64) / np.sum(weights)
    distributions = np.asarray(distributions, np.float64)
    mean = (share[:, None] * distributions).sum(0)
    return max(0.0, float(entropies(mean) - (share * entropies(distributions)).sum()))


def softmax(logits: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Softmax of each row of (N, K)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def kish(weights: npt.ArrayLike) -> float:
    """Effective number of people behind weights (N,): (Σw)² / Σw² (Kish 1965); 0 for none."""
    w = np.asarray(weights, np.float64)
    largest = w.max(initial=0.0)
    if largest <= 0:
        return 0.0
    w = w / largest  # so that tiny weights do not underflow when squared
    return float(w.sum() ** 2 / (w * w).sum())


def weighted_mean(probs: npt.NDArray[Any], weights: npt.NDArray[Any]) -> F64 | None:
    """Weighted mean of distributions (N, K) by weights (N,) ≥ 0, or None where they sum to 0."""
    weights = np.asarray(weights, np.float64)
    largest = weights.max(initial=0.0)
    if largest <= 0:
        return None
    total = (weights / largest) @ np.asarray(probs, np.float64)
    return np.asarray(total / total.sum())


def group_contributions(
    probs: npt.NDArray[Any],
    weights: npt.NDArray[Any],
    prior: npt.ArrayLike,
    strength: float,
    people: float | None = None,
) -> F64 | None:
    """What each person adds to the shares of a group, by prior adaptation.

    A classifier pulls what it is unsure of towards what is frequent in its training set, and the
    mean of a group whose faces mostly show something else inherits that. Here person i's
    probabilities become r_i ∝ p_i π_i / prior with π_i ∝ strength · prior + (people - 1) · m_i,
    where m_i is the weighted mean of everyone else, so that one person alone keeps theirs: one
    step of prior adaptation (Saerens, Latinne and Decaestecker 2002) with a Dirichlet prior. More
    steps make groups purer than they are, as much of what a face leaves open people do too.

    Args:
        probs: Calibrated probabilities (N, K).
        weights: (N,) ≥ 0.
        prior: Shares (K,) that the probabilities assume, above 0.
        strength: How many people the prior counts for; infinite for plain weighted means.
        people: How many people there are; by default Kish's effective size, which is also the
            maximum.

    Returns:
        w r / Σ w of each (N, K), which sum to the shares of the group; None where the weights sum
        to 0.
    """
    mean = weighted_mean(probs, weights)
    if mean is None:
        return None
    size = kish(weights)
    others = max(0.0, (size if people is None else min(people, size)) - 1)
    p, w = np.asarray(probs, np.float64), np.asarray(weights, np.float64)
    w = w / w.max()  # so that tiny weights do not underflow
    share = w[:, None] / w.sum()
    adapted = p
    if np.isfinite(strength) and others > 0:
        rest = np.maximum(mean - share * p, 0.0) / np.maximum(1 - share, _MIN_REST)
        adapted = p * (strength + others * rest / np.asarray(prior, np.float64))
    return np.asarray(share * adapted / adapted.sum(axis=1, keepdims=True))


def evidence_weights(weights: npt.NDArray[Any], presence: npt.ArrayLike = 1.0) -> F64:
    """Weights (N,) of people for ``group_contributions``: presence · √quality.

    Calibrated probabilities express how uncertain poor faces are, so that quality counts less: for
    groups of known distribution the root was nearer to the truth than quality itself and than equal
    weights (``moodstream evaluate groups``).

    Args:
        weights: Quality times presence (N,).
        presence: Share of the window (N,) in which each person was seen, ≥ 0.
    """
    return np.asarray(np.sqrt(np.asarray(weights, np.float64) * np.asarray(presence)))


def quality_weights(quality: npt.NDArray[Any]) -> F64:
    """Weights (N,) of faces by their quality (N,): clip(q, 0, 1) + 1e-6."""
    return np.clip(np.asarray(quality, np.float64), 0.0, 1.0) + 1e-6


def photo_distribution(
    probs: npt.NDArray[Any], quality: npt.NDArray[Any], max_faces: int = 40
) -> F64 | None:
    """Group distribution of one photo: the best ``max_faces`` faces, weight clip(q, 0, 1) + 1e-6.

    probs (N, K), quality (N,); returns (K,) or None for N = 0.
    """
    best = np.argsort(-np.asarray(quality), kind="stable")[:max_faces]
    return weighted_mean(probs[best], quality_weights(quality[best]))


def fold_to(
    probs: npt.NDArray[Any], classes: Sequence[str], kept: Sequence[str]
) -> npt.NDArray[np.float32]:
    """Distributions (N, K) over ``classes`` folded to (N, len(kept)): others dropped, renormalised.

    So a model with contempt keeps it in its own output, while group figures have seven classes. A
    row with all its mass on dropped classes becomes uniform. NaN stays NaN.

    Raises:
        ValueError: A kept class is missing.
    """
    missing = [name for name in kept if name not in classes]
    if missing:
        raise ValueError(f"expected the classes {tuple(kept)}, but {missing} are missing")
    taken = np.asarray(probs, np.float64)[:, [classes.index(name) for name in kept]]
    total = taken.sum(1, keepdims=True)
    uniform = np.full_like(taken, 1.0 / len(kept))
    return np.where(total <= 1e-9, uniform, taken / np.maximum(total, 1e-9)).astype(np.float32)
