"""One photo: the weight of each face, and what the group shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.distribution import group_contributions
from moodstream.realtime.analysis.group.intervals import share_interval
from moodstream.realtime.analysis.people.quality import QualityScale, best, face_quality
from moodstream.realtime.arrays import F32, F64, I64, Image
from moodstream.realtime.emotions import EMOTIONS, LN_K, PRIOR
from moodstream.realtime.networks.models import Models
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos.faces import PhotoFaces, detect_and_classify


@dataclass(frozen=True)
class PhotoSettings:
    """Which faces of a photo count, and how they are summed up.

    Attributes:
        min_face: Smaller side in px from which a face counts.
        min_confidence: Score of the detector from which a face counts, in [0, 1].
        max_faces: How many faces count at most, the best by quality.
        scale: What sizes and blur scores are measured against.
        prior: (7,) the distribution that the classifier assumes, as in GroupSettings.
    """

    min_face: float = 10.0
    min_confidence: float = 0.5
    max_faces: int = 40
    scale: QualityScale = field(default_factory=QualityScale)
    prior: tuple[float, ...] = PRIOR

    def __post_init__(self) -> None:
        if self.min_face < 0 or self.max_faces < 1 or not 0 <= self.min_confidence <= 1:
            raise ValueError(
                f"expected min_face ≥ 0, max_faces ≥ 1 and min_confidence in [0, 1], got {self}"
            )


@dataclass(frozen=True)
class PhotoGroup:
    """What the faces of one photo show together; None where nobody was classified.

    Attributes:
        faces: How many were detected.
        faces_used: How many of them count.
        effective_people: Kish size of the weights, (Σw)² / Σw².
        probs: (7,) the distribution of the group, the same as that of a stream which shows nothing
            but this photo.
        interval: Lower and upper ends (2, 7) of the 90 % intervals of the shares in ``probs``.
        weighted: (7,) the quality-weighted mean, Σ w p / Σ w.
        unweighted: (7,) the plain mean.
        entropy: Of ``probs``, in nats.
        entropy_share: The entropy's share of ln 7.
        dominant: The largest class of ``probs``.
        peak: The share of that class.
    """

    faces: int
    faces_used: int = 0
    effective_people: float = 0.0
    probs: F64 | None = None
    interval: F64 | None = None
    weighted: F64 | None = None
    unweighted: F64 | None = None
    entropy: float | None = None
    entropy_share: float | None = None
    dominant: str | None = None
    peak: float | None = None


@dataclass(frozen=True)
class PhotoResult:
    """The faces of one photo, what each counts, and the group.

    Attributes:
        faces: The N faces.
        quality: (N,) float32 in [0, 1].
        weights: (N,) float64; they sum to 1 over the faces that count and are 0 for the others.
        adds: (N, 7) what each adds to the distribution of the group; 0 where it does not count.
        group: What they show together.
    """

    faces: PhotoFaces
    quality: F32
    weights: F64
    adds: F64
    group: PhotoGroup

    @property
    def used(self) -> I64:
        """Rows of the faces that count."""
        return np.flatnonzero(self.weights > 0).astype(np.int64)


def analyse_photo(image: Image, models: Models, settings: PhotoSettings) -> PhotoResult:
    """Detect, classify and sum up the faces of one photo; no file is read or written.

    Args:
        image: (H, W, 3) uint8 BGR.
        models: The networks.
        settings: Which faces count; its ``prior`` is replaced by that of the classifier.
    """
    faces = detect_and_classify([image], models, settings.min_face, settings.min_confidence)[0]
    return aggregate(faces, replace(settings, prior=models.prior))


def aggregate(faces: PhotoFaces, settings: PhotoSettings) -> PhotoResult:
    """Weigh the faces of one photo and sum them up.

    The best ``max_faces`` by quality q count, each with weight clip(q, 0, 1) + 1e-6.
    """
    quality = face_quality(faces.min_side, faces.blur, settings.scale)
    rows = faces.classified
    counted = rows[best(quality[rows], settings.max_faces)]
    weights = np.zeros(len(faces))
    weights[counted] = maths.quality_weights(quality[counted])
    weights /= max(weights.sum(), 1e-12)
    probs = faces.probs[counted].astype(np.float64)
    added = group_contributions(probs, weights[counted], settings.prior)
    adds = np.zeros((len(faces), len(EMOTIONS)))
    if added is None:
        return PhotoResult(faces, quality, weights, adds, PhotoGroup(len(faces)))
    adds[counted] = added
    interval = share_interval(added, quality[counted])
    group = _group(len(faces), probs, weights[counted], added.sum(axis=0), interval)
    return PhotoResult(faces, quality, weights, adds, group)


def _group(faces: int, probs: F64, weights: F64, shares: F64, interval: F64) -> PhotoGroup:
    nats, first = maths.entropy(shares), int(shares.argmax())
    return PhotoGroup(
        faces=faces,
        faces_used=len(probs),
        effective_people=maths.kish(weights),
        probs=shares,
        interval=interval,
        weighted=maths.weighted_mean(probs, weights),
        unweighted=maths.weighted_mean(probs, np.ones(len(probs))),
        entropy=nats,
        entropy_share=nats / LN_K,
        dominant=EMOTIONS[first],
        peak=float(shares[first]),
    )


def view_group(group: PhotoGroup, privacy: Privacy) -> PhotoGroup:
    """What may be shown of the group in a photo, as ``Privacy.view`` says for a stream."""
    if privacy.shows_group_of(group.faces_used, group.effective_people):
        return group
    return PhotoGroup(group.faces)


def dataset_scale(sides: Iterable[float], blurs: Iterable[float]) -> QualityScale:
    """The scale of a set of faces: the 5th and 95th percentiles of its sides and blur scores.

    Args:
        sides: Smaller side of each face in px.
        blurs: Blur score of each face.

    Returns:
        The percentiles; of a set without faces the fixed scale.
    """
    px, scores = np.array(list(sides), np.float64), np.array(list(blurs), np.float64)
    if not len(px):
        return QualityScale()
    side, blur = (np.percentile(values, [5, 95]).tolist() for values in (px, scores))
    return QualityScale((side[0], side[1]), (blur[0], blur[1]))
