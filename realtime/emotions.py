"""The emotion classes, and what is assumed of how frequent they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The seven classes of every group figure, in their order."""

EXTRAS = ("valence", "arousal", "disagreement")
"""What some classifiers estimate besides the probabilities of the classes, in this order."""

LN_K = float(np.log(len(EMOTIONS)))
"""The entropy of equal shares in nats: the largest that there is."""

PRIOR = (0.14, 0.08, 0.14, 0.20, 0.16, 0.12, 0.16)
"""The class distribution that a network's answers are taken to assume where it was not measured:
half-way between that of FER2013 and equal shares."""


def check_prior(prior: Sequence[float]) -> None:
    """Raise ValueError unless ``prior`` is a distribution over EMOTIONS with no share of 0."""
    shares = np.asarray(prior, np.float64)
    if shares.shape != (len(EMOTIONS),) or not (shares > 0).all() or abs(shares.sum() - 1) > 1e-3:
        raise ValueError(f"expected {len(EMOTIONS)} shares above 0 that sum to 1, got {prior}")
