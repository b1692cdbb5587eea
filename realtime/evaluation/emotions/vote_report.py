"""The part of metrics.json that is about the votes of several raters."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from moodstream.realtime.arrays import F32
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
from moodstream.realtime.evaluation.datasets.votes import Votes
from moodstream.realtime.evaluation.emotions.calibrate import share_reliability
from moodstream.realtime.evaluation.emotions.evaluate import Evaluation
from moodstream.realtime.evaluation.emotions.metrics import ClassShares, figures
from moodstream.realtime.evaluation.emotions.vote_scores import (
    MIN_RATERS,
    people_scores,
    share_errors,
    vote_scores,
)


def vote_metrics(done: Evaluation, faces: LabelledFaces) -> dict[str, Any] | None:
    """The figures against the votes of N faces, None where there are none."""
    votes = done.votes
    if votes is None:
        return None
    return {
        **asdict(vote_scores(done.probs, votes)),
        "uncalibrated": asdict(vote_scores(done.uncalibrated, votes)),
        "min_raters": MIN_RATERS,
        "raters": {"least": int(votes.raters.min()), "most": int(votes.raters.max())},
        "people": asdict(people_scores(done.probs, votes)),
        "per_class": _per_class(done.probs, votes),
        "reliability": {
            "before": _bins(done.uncalibrated, votes),
            "after": _bins(done.probs, votes),
        },
        "own_labels": _own_labels(done, faces),
    }


def mean_shares(probs: F32, votes: Votes) -> ClassShares:
    """The mean share of each emotion among raters, and predicted."""
    true, predicted = votes.shares.mean(axis=0), np.asarray(probs, np.float64).mean(axis=0)
    ratio = np.where(true > 0, predicted / np.where(true > 0, true, 1), np.nan)
    return ClassShares(true, predicted, ratio)


def _per_class(probs: F32, votes: Votes) -> dict[str, dict[str, float]]:
    shares, errors = mean_shares(probs, votes), share_errors(probs, votes)
    return {
        name: {
            "true": float(shares.true[k]),
            "predicted": float(shares.predicted[k]),
            "ratio": float(shares.ratio[k]),
            "ece": float(errors[k]),
        }
        for k, name in enumerate(EMOTIONS)
    }


def _bins(probs: F32, votes: Votes) -> dict[str, dict[str, Any]]:
    parts = share_reliability(probs, votes.shares)
    return {
        name: {
            "ece": part.ece,
            "edges": part.edges.tolist(),
            "counts": part.counts.tolist(),
            "predicted": part.confidence.tolist(),
            "true": part.accuracy.tolist(),
        }
        for name, part in zip(EMOTIONS, parts, strict=True)
    }


def _own_labels(done: Evaluation, faces: LabelledFaces) -> dict[str, Any] | None:
    """How often the data's own labels are predicted, and named by most raters."""
    own = faces.own_labels
    if own is None or not (known := own >= 0).any():
        return None
    return {
        **asdict(figures(done.probs[known], own[known])),
        "majority": float((done.labels == own)[known].mean()),
    }
