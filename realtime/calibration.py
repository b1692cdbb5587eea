"""Probabilities that mean what they say: temperature scaling, and how far off they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.classifiers.base import EmotionClassifier
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import F32, I64, Image, Readings

BINS = 15
TEMPERATURES = (0.05, 20.0)
"""Between which a temperature is looked for."""
_TINY = 1e-12


@dataclass(frozen=True)
class Calibration:
    """A temperature for one classifier, fitted on ``n`` faces of ``data``."""

    classifier: str
    temperature: float
    n: int
    data: str

    def __post_init__(self) -> None:
        if not 0.01 <= self.temperature <= 100:
            raise ValueError(f"expected a temperature from 0.01 to 100, got {self.temperature}")

    def save(self, path: Path) -> None:
        """Write as JSON, which ``--calibration FILE`` reads."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read what ``save`` wrote; raises MoodstreamError."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise MoodstreamError(f"--calibration {path}: no such file") from None
        except (OSError, ValueError, TypeError) as error:
            reason = f"not a calibration file ({error})"
            raise MoodstreamError(f"--calibration {path}: {reason}") from None


class Calibrated:
    """A classifier whose probabilities are sharpened or softened by a fitted temperature."""

    def __init__(self, inner: EmotionClassifier, temperature: float) -> None:
        self.inner, self.temperature = inner, temperature
        self.name, self.classes = inner.name, inner.classes

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> Readings:
        """The inner readings with calibrated probabilities."""
        read = self.inner.classify(images, boxes)
        probs = rescale(read.probs, self.temperature).astype(np.float32)
        return Readings(probs, read.affect, read.disagreement)


def rescale(probs: npt.NDArray[Any], temperature: float) -> npt.NDArray[np.float64]:
    """softmax(log p / T) of each row (N, K).

    For probabilities that came from a softmax of logits z this is softmax(z / T): temperature
    scaling (Guo et al. 2017), and it needs no logits.
    """
    logs = np.log(np.maximum(np.asarray(probs, np.float64), _TINY)) / temperature
    powers = np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def cross_entropy(probs: npt.NDArray[Any], labels: I64) -> float:
    """Mean of -ln p(label) over (N, K) probabilities and (N,) labels, in nats."""
    picked = np.asarray(probs, np.float64)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(picked, _TINY)).mean())


def fit_temperature(probs: npt.NDArray[Any], labels: I64) -> float:
    """The temperature that makes the cross-entropy of ``rescale(probs, T)`` least.

    The loss has one minimum in ln T (it is convex in 1/T), found by golden-section search over
    TEMPERATURES. Raises ValueError for no faces.
    """
    if len(labels) == 0:
        raise ValueError("expected faces to fit a temperature on, got none")
    low, high = np.log(TEMPERATURES)
    ratio = (np.sqrt(5) - 1) / 2

    def loss(x: float) -> float:
        return cross_entropy(rescale(probs, float(np.exp(x))), labels)

    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if loss(a) < loss(b):
            high = b
        else:
            low = a
    return float(np.exp((low + high) / 2))


@dataclass(frozen=True)
class Reliability:
    """Faces in equal bins of confidence: how many, their mean confidence and accuracy.

    edges (BINS + 1,), counts (BINS,), confidence and accuracy (BINS,) NaN where a bin is empty.
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
    top = probs.max(axis=1, initial=0.0)
    hit = (probs.argmax(axis=1) == labels) if len(labels) else np.zeros(0, bool)
    place = np.minimum((top * bins).astype(int), bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Reliability(
            np.linspace(0, 1, bins + 1),
            counts.astype(np.int64),
            np.bincount(place, top, bins) / counts,
            np.bincount(place, hit.astype(float), bins) / counts,
        )
