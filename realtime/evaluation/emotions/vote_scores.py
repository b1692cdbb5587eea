"""Metrics of predictions against the votes of several raters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.evaluation.datasets.votes import Votes
from moodstream.realtime.evaluation.emotions.calibrate import cross_entropy, share_reliability

MIN_RATERS = 4
"""Raters who named a mood, from which they can be split into halves that mean something."""

_SPLITS = 20  # random halves of each face's raters, over which figures are averaged


@dataclass(frozen=True)
class VoteScores:
    """How near predictions are to the raters of N faces.

    Attributes:
        agreement: The share of faces whose most probable emotion is the majority's; where raters
            tie, the first of EMOTIONS among the tied ones.
        agreement_clear: The same of the faces where more than half of all raters agree; NaN
            without any.
        agreement_tied: As ``agreement``, where any of the tied emotions counts.
        jsd: Mean Jensen–Shannon divergence to the shares of the raters, in nats.
        kl: Mean Kullback–Leibler divergence from the prediction to those shares, Σ y ln(y / p), in
            nats.
        ece: Mean over the emotions of the calibration error of their predicted shares.
        n: How many faces there are.
        n_clear: Of how many more than half of all raters agree.
        n_tied: Of how many the most named emotions tie.
    """

    agreement: float
    agreement_clear: float
    agreement_tied: float
    jsd: float
    kl: float
    ece: float
    n: int
    n_clear: int
    n_tied: int


@dataclass(frozen=True)
class PeopleScores:
    """How near raters are to each other, on the faces where MIN_RATERS or more named a mood.

    The raters of a face are split at random into halves, again and again; figures are means. A
    half is a coarser truth than all raters, so that the network is measured against it, too.

    Attributes:
        n: How many such faces there are; without any, the figures are NaN.
        half_jsd: Of the shares of one half to those of the other, in nats.
        half_agreement: How often the majorities of both halves are the same emotion.
        network_jsd: Of the predictions to the shares of one half.
        network_agreement: How often the prediction is the majority of one half.
        one_agreement: How often one rater names what most of the others do; of tied emotions each
            counts by one over their number.
    """

    n: int
    half_jsd: float
    half_agreement: float
    network_jsd: float
    network_agreement: float
    one_agreement: float


def vote_scores(probs: npt.NDArray[Any], votes: Votes) -> VoteScores:
    """The metrics of predictions (N, 7) against votes.

    Raises:
        ValueError: There are no faces, or not votes for each.
    """
    if len(votes) == 0 or len(probs) != len(votes):
        raise ValueError(f"expected votes for each face, got {len(probs)} and {len(votes)}")
    shares, clear, most = votes.shares, votes.clear, votes.named_most
    predicted = np.asarray(probs).argmax(axis=1)
    agreed = predicted == votes.majority
    return VoteScores(
        float(agreed.mean()),
        float(agreed[clear].mean()) if clear.any() else float("nan"),
        float(most[np.arange(len(votes)), predicted].mean()),
        float(maths.row_jsd(probs, shares).mean()),
        cross_entropy(probs, shares) - float(maths.entropies(shares).mean()),
        float(share_errors(probs, votes).mean()),
        len(votes),
        int(clear.sum()),
        int((most.sum(axis=1) > 1).sum()),
    )


def share_errors(probs: npt.NDArray[Any], votes: Votes) -> F64:
    """Calibration error (7,) of each emotion's predicted share: Σ n_b/n |mean y_b - mean p_b|."""
    return np.array([part.ece for part in share_reliability(probs, votes.shares)])


def people_scores(probs: npt.NDArray[Any], votes: Votes, seed: int = 42) -> PeopleScores:
    """How near raters are to each other, and predictions (N, 7) to the same halves of them.

    Args:
        probs: The predictions.
        votes: Of the same faces.
        seed: Of the random halves.
    """
    enough = votes.counts.sum(axis=1) >= MIN_RATERS
    n = int(enough.sum())
    if n == 0:
        nan = float("nan")
        return PeopleScores(0, nan, nan, nan, nan, nan)
    counts, probs = votes.counts[enough], np.asarray(probs, np.float64)[enough]
    rng = np.random.default_rng(seed)
    figures = []
    for _ in range(_SPLITS):
        one, other = halves(counts, rng)
        a, b = (half / half.sum(axis=1, keepdims=True) for half in (one, other))
        majority = other.argmax(axis=1)
        figures.append(
            [
                maths.row_jsd(a, b).mean(),
                (one.argmax(axis=1) == majority).mean(),
                maths.row_jsd(probs, b).mean(),
                (probs.argmax(axis=1) == majority).mean(),
            ]
        )
    means = np.mean(figures, axis=0)
    a, b, c, d = (float(mean) for mean in means)
    return PeopleScores(n, a, b, c, d, one_against_others(counts))


def halves(counts: I64, rng: np.random.Generator) -> tuple[I64, I64]:
    """Raters split at random into two groups, equal or, of an odd number, one apart.

    Args:
        counts: (N, K) how many gave each answer.
        rng: Draws which of them are in which half (multivariate hypergeometric).
    """
    rest = counts.sum(axis=1)
    half = rest // 2 + (rng.random(len(rest)) < 0.5) * (rest % 2)
    one, needed = np.zeros_like(counts), half
    for k, column in enumerate(counts.T):
        rest = rest - column
        one[:, k] = rng.hypergeometric(column, rest, needed)
        needed = needed - one[:, k]
    return one, counts - one


def one_against_others(counts: I64) -> float:
    """How often one of the raters names what most of the others do, over (N, K) counts."""
    agreed = np.zeros(len(counts))
    for k, column in enumerate(counts.T):
        others = counts - np.eye(counts.shape[1], dtype=np.int64)[k]
        most = others == others.max(axis=1, keepdims=True)
        agreed += column * most[:, k] / most.sum(axis=1)
    return float((agreed / counts.sum(axis=1)).mean())
