"""Calibrated probabilities: a fitted temperature, and the class distribution they assume."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import PRIOR, check_prior
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import EmotionPredictions
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.engines.base import NetworkWrapper, with_networks

TINY = 1e-12
"""Probabilities are taken as at least this before their logarithm."""


@dataclass(frozen=True)
class Calibration:
    """What was fitted for one classifier on labelled faces.

    Attributes:
        classifier: Name of the classifier.
        temperature: Temperature of its probabilities, from 0.01 to 100; 1 leaves them as they are.
        n: Number of faces it was fitted on.
        data: Name of the data that they are from.
        prior: The distribution (7,) over EMOTIONS that the probabilities assume, see
            ``calibrate.fit_prior``; None where it is not known.
    """

    classifier: str
    temperature: float
    n: int
    data: str
    prior: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not 0.01 <= self.temperature <= 100:
            raise ValueError(f"expected a temperature from 0.01 to 100, got {self.temperature}")
        if self.prior is not None:
            check_prior(self.prior)

    def save(self, path: Path) -> None:
        """Write as JSON, which ``--calibration FILE`` reads."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read what ``save`` wrote.

        Raises:
            MoodstreamError: There is no such file, or it is not one that ``save`` wrote.
        """
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            prior = kept.get("prior")
            return cls(**kept | {"prior": None if prior is None else tuple(prior)})
        except FileNotFoundError:
            raise MoodstreamError(f"--calibration {path}: no such file") from None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            reason = f"not a calibration file ({error})"
            raise MoodstreamError(f"--calibration {path}: {reason}") from None


class Calibrated:
    """A classifier whose probabilities are sharpened or softened by a fitted temperature.

    Args:
        inner: The classifier.
        temperature: Above 1 softens, below 1 sharpens.
        prior: The distribution (7,) over EMOTIONS that the probabilities assume; None where it is
            not known.
    """

    def __init__(
        self,
        inner: EmotionClassifier,
        temperature: float,
        prior: tuple[float, ...] | None = None,
    ) -> None:
        self.inner, self.temperature, self.prior = inner, temperature, prior
        self.name, self.classes = inner.name, inner.classes

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """The predictions of ``inner`` with calibrated probabilities."""
        raw = self.inner.classify(images, boxes)
        probs = rescale(raw.probs, self.temperature).astype(np.float32)
        return EmotionPredictions(probs, raw.affect, raw.disagreement)

    def with_networks(self, wrap: NetworkWrapper) -> Calibrated:
        """The same with ``wrap`` around the networks of ``inner``."""
        return Calibrated(with_networks(self.inner, wrap), self.temperature, self.prior)


def prior_of(classifier: EmotionClassifier) -> tuple[float, ...]:
    """The distribution (7,) over EMOTIONS that a classifier assumes; PRIOR if it is not known."""
    return getattr(classifier, "prior", None) or PRIOR


def rescale(probs: npt.NDArray[Any], temperature: float) -> npt.NDArray[np.float64]:
    """softmax(log p / T) of each row (N, K).

    For probabilities that came from a softmax of logits z this is softmax(z / T): temperature
    scaling (Guo et al. 2017), and it needs no logits.
    """
    logs = np.log(np.maximum(np.asarray(probs, np.float64), TINY)) / temperature
    powers = np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
