"""Probabilities that mean what they say: temperatures, assumed mixes, and how far off they are."""

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
from moodstream.realtime.frames import EMOTIONS, F32, I64, Image, Readings
from moodstream.realtime.group import PRIOR, check_prior

BINS = 15
TEMPERATURES = (0.05, 20.0)
"""Between which a temperature is looked for."""
_TINY = 1e-12
_DOUBT = 2.0
"""How many faces' worth PRIOR counts against what the faces say of the assumed mix."""
_LEAST_SHARE = 1e-3


@dataclass(frozen=True)
class Calibration:
    """What was fitted for one classifier on ``n`` faces of ``data``.

    temperature: of its probabilities; prior (7,): the mix of EMOTIONS that they assume, see
    ``fit_prior``, None where it is not known.
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
        """Read what ``save`` wrote; raises MoodstreamError."""
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

    prior (7,): the mix of EMOTIONS that the probabilities assume, None where it is not known.
    """

    def __init__(
        self,
        inner: EmotionClassifier,
        temperature: float,
        prior: tuple[float, ...] | None = None,
    ) -> None:
        self.inner, self.temperature, self.prior = inner, temperature, prior
        self.name, self.classes = inner.name, inner.classes

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> Readings:
        """The inner readings with calibrated probabilities."""
        read = self.inner.classify(images, boxes)
        probs = rescale(read.probs, self.temperature).astype(np.float32)
        return Readings(probs, read.affect, read.disagreement)


def prior_of(classifier: EmotionClassifier) -> tuple[float, ...]:
    """The mix (7,) of EMOTIONS that a classifier's answers assume; PRIOR where it is not known."""
    return getattr(classifier, "prior", None) or PRIOR


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


def fit_prior(probs: npt.NDArray[Any], labels: I64) -> tuple[float, ...]:
    """The mix (7,) of emotions that probabilities (N, 7) assume, from faces with labels (N,).

    A network answers p(k|x) ∝ l(x|k) e(k), and e is rarely the mix of its training set, because
    rare classes are drawn more often there and its errors favour some. Where faces of mix f are
    read, the right answer is ∝ p(k|x) f(k) / e(k); e is what makes the cross-entropy of those
    least: the class biases of bias-corrected temperature scaling (Alexandari et al. 2020), kept
    apart from the probabilities. ``maths.group_shares`` divides by e. A class of which few faces
    are there stays near PRIOR (a Gaussian on ln e - ln PRIOR). The loss is convex; Newton steps.
    Raises ValueError for no faces.
    """
    if len(labels) == 0:
        raise ValueError("expected faces to fit a prior on, got none")
    usual, k = np.asarray(PRIOR), len(EMOTIONS)
    logs = np.log(np.maximum(np.asarray(probs, np.float64), _TINY))
    counts = np.bincount(labels, minlength=k) + usual
    mix = counts / counts.sum()
    truth = np.bincount(labels, minlength=k).astype(np.float64)

    def loss(shift: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        scores = logs + np.log(mix / usual) - shift
        top = scores.max(axis=1, keepdims=True)
        total = np.log(np.exp(scores - top).sum(axis=1, keepdims=True)) + top
        picked = scores[np.arange(len(labels)), labels] - total[:, 0]
        return float(_DOUBT / 2 * shift @ shift - picked.sum()), np.exp(scores - total)

    shift = np.zeros(k)
    for _ in range(50):
        now, said = loss(shift)
        slope = truth - said.sum(axis=0) + _DOUBT * shift
        curve = np.diag(said.sum(axis=0) + _DOUBT) - said.T @ said
        step, size = np.linalg.solve(curve, slope), 1.0
        while size > 1e-3 and loss(shift - size * step)[0] > now:
            size /= 2
        shift = shift - size * step
        if np.abs(step).max() < 1e-9:
            break
    found = usual * np.exp(shift - shift.max())
    found = np.maximum(found / found.sum(), _LEAST_SHARE)  # what is divided by is never 0
    return tuple(float(share) for share in np.round(found / found.sum(), 6))


def fit(probs: npt.NDArray[Any], labels: I64) -> tuple[float, tuple[float, ...]]:
    """The temperature of probabilities (N, 7), and the mix that they assume with it."""
    temperature = round(fit_temperature(probs, labels), 4)
    return temperature, fit_prior(rescale(probs, temperature), labels)


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
