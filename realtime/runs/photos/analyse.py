"""One photo → what each face shows, how much it counts, and what the group shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.aggregator import GroupSettings, adapt_to_group
from moodstream.realtime.analysis.people.quality import QualityScale, face_quality
from moodstream.realtime.arrays import F32, F64, I64, Image
from moodstream.realtime.emotions import EMOTIONS, LN_K, PRIOR
from moodstream.realtime.networks.models import Models
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos.faces import PhotoFaces, detect_and_classify


@dataclass(frozen=True)
class PhotoSettings:
    """min_face px of the smaller side; min_confidence of the detector; max_faces: the best by
    quality that count; scale: what sizes and blur scores are measured against; prior_people
    and prior: as in GroupSettings.
    """

    min_face: float = 16.0
    min_confidence: float = 0.5
    max_faces: int = 40
    scale: QualityScale = field(default_factory=QualityScale)
    prior_people: float | None = GroupSettings.prior_people
    prior: tuple[float, ...] = PRIOR

    def __post_init__(self) -> None:
        if self.min_face < 0 or self.max_faces < 1 or not 0 <= self.min_confidence <= 1:
            raise ValueError(
                f"expected min_face ≥ 0, max_faces ≥ 1 and min_confidence in [0, 1], got {self}"
            )
        if self.prior_people is not None and not self.prior_people > 0:
            raise ValueError(f"expected prior_people above 0, got {self.prior_people}")


@dataclass(frozen=True)
class PhotoGroup:
    """What the faces of one photo show together; None where nobody was read.

    faces: found; faces_used: those that count; weighted (7,): Σ w p / Σ w with the seed's weights;
    unweighted (7,): their plain mean; settled (7,): see ``group.settled``;
    entropy in nats of ``weighted`` and its share of ln 7; dominant: its largest class, and peak
    that class's share; effective_people: Kish size of the weights.
    """

    faces: int
    faces_used: int = 0
    effective_people: float = 0.0
    weighted: F64 | None = None
    unweighted: F64 | None = None
    settled: F64 | None = None
    entropy: float | None = None
    entropy_share: float | None = None
    dominant: str | None = None
    peak: float | None = None


@dataclass(frozen=True)
class PhotoResult:
    """The faces of one photo, each one's quality (N,) in [0, 1] and weight (N,), and the group.

    Weights sum to 1 over the faces that count and are 0 for the others.
    """

    faces: PhotoFaces
    quality: F32
    weights: F64
    group: PhotoGroup

    @property
    def used(self) -> I64:
        """Rows of the faces that count."""
        return np.flatnonzero(self.weights > 0).astype(np.int64)

    def contributions(self) -> F64:
        """w_i p_i(k), (N, 7): what each face adds to the weighted distribution."""
        return self.weights[:, None] * _known(self.faces.probs)

    def unweighted_contributions(self) -> F64:
        """p_i(k) / N, (N, 7): what each face adds to the plain mean."""
        return (self.weights > 0)[:, None] / max(1, len(self.used)) * _known(self.faces.probs)


def analyse_photo(image: Image, models: Models, settings: PhotoSettings) -> PhotoResult:
    """Everything about one photo (H, W, 3) uint8 BGR; no files are read or written."""
    found = detect_and_classify([image], models, settings.min_face, settings.min_confidence)[0]
    return judge(found, replace(settings, prior=models.prior))


def judge(faces: PhotoFaces, settings: PhotoSettings) -> PhotoResult:
    """Weigh the faces of one photo and sum them up, as in the seed.

    The best ``max_faces`` by quality count, each with weight clip(q, 0, 1) + 1e-6.
    """
    worth = face_quality(faces.min_side, faces.blur, settings.scale)
    rows = faces.read
    best = rows[np.argsort(-worth[rows], kind="stable")[: settings.max_faces]]
    weights = np.zeros(len(faces))
    weights[best] = maths.seen_weights(worth[best])
    weights /= max(weights.sum(), 1e-12)
    probs = faces.probs[best].astype(np.float64)
    group = _group(len(faces), probs, weights[best], settings)
    return PhotoResult(faces, worth, weights, group)


def _group(found: int, probs: F64, weights: F64, settings: PhotoSettings) -> PhotoGroup:
    weighted = maths.weighted_mean(probs, weights)
    if weighted is None:
        return PhotoGroup(found)
    nats, first = maths.entropy(weighted), int(weighted.argmax())
    return PhotoGroup(
        faces=found,
        faces_used=len(probs),
        effective_people=maths.kish(weights),
        weighted=weighted,
        unweighted=maths.weighted_mean(probs, np.ones(len(probs))),
        settled=adapt_to_group(probs, weights, settings.prior, settings.prior_people),
        entropy=nats,
        entropy_share=nats / LN_K,
        dominant=EMOTIONS[first],
        peak=float(weighted[first]),
    )


def view_group(group: PhotoGroup, privacy: Privacy) -> PhotoGroup:
    """What may be shown of the group in a photo, as ``Privacy.view`` says for a stream."""
    if privacy.shows_group_of(group.faces_used, group.effective_people):
        return group
    return PhotoGroup(group.faces)


def scale_of(sides: Iterable[float], blurs: Iterable[float]) -> QualityScale:
    """The seed's scale: 5th and 95th percentiles of the sides in px and blur scores of a set.

    A set without faces has the fixed scale.
    """
    px, sharp = np.array(list(sides), np.float64), np.array(list(blurs), np.float64)
    if not len(px):
        return QualityScale()
    side, blur = (np.percentile(values, [5, 95]).tolist() for values in (px, sharp))
    return QualityScale((side[0], side[1]), (blur[0], blur[1]))


def _known(probs: F32) -> F64:
    return np.nan_to_num(probs.astype(np.float64))
