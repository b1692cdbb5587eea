"""The faces of photos: found, measured and read, before anyone weighs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from moodstream.realtime.analysis.people import quality
from moodstream.realtime.arrays import F32, F64, I64, Image
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.classifiers.batch import classify_faces
from moodstream.realtime.networks.detectors.base import apply_filters, filter_faces
from moodstream.realtime.networks.models import Models

BINS = ("high", "mid", "low")
"""The seed's classes of face quality: ≥ 48 px and blur score ≥ 100, ≥ 24 px and ≥ 50, the rest."""

HIDE_FROM = 0.3
"""Confidence from which a face is hidden: one too many is better than one too few."""

_BIN_LIMITS = ((48.0, 100.0), (24.0, 50.0))
_MOST_FACES = 1000  # of a photo; more boxes are texture, not people


@dataclass(frozen=True)
class PhotoFaces:
    """The N faces of one photo, best detection first.

    boxes: (N, 4) float32 xyxy px; scores: (N,) float32 of the detector; landmarks: (N, 5, 2)
    float32 px or None; min_side: (N,) float64 px; blur: (N,) float64 variance of the Laplacian;
    probs: (N, 7) float32, NaN rows not read; extras: (N, 3) float32 valence, arousal and
    disagreement, NaN where the model reads none; all_boxes: (M, 4) float32 boxes of all that may be
    a face, also too small or too doubtful to count: what privacy has to hide.
    """

    boxes: F32
    scores: F32
    landmarks: F32 | None
    min_side: F64
    blur: F64
    probs: F32
    extras: F32
    all_boxes: F32

    def __post_init__(self) -> None:
        n = len(self.boxes)
        for name, array, shape in (
            ("boxes", self.boxes, (n, 4)),
            ("scores", self.scores, (n,)),
            ("min_side", self.min_side, (n,)),
            ("blur", self.blur, (n,)),
            ("probs", self.probs, (n, len(EMOTIONS))),
            ("extras", self.extras, (n, len(EXTRAS))),
            ("all_boxes", self.all_boxes, (len(self.all_boxes), 4)),
        ):
            if array.shape != shape:
                raise ValueError(f"expected {name} of shape {shape}, got {array.shape}")
        if self.landmarks is not None and self.landmarks.shape != (n, 5, 2):
            raise ValueError(f"expected landmarks ({n}, 5, 2), got {self.landmarks.shape}")

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def bins(self) -> I64:
        """The quality bin of each face, (N,) index into BINS."""
        inside = [(self.min_side >= px) & (self.blur >= blur) for px, blur in _BIN_LIMITS]
        return np.where(inside[0], 0, np.where(inside[1], 1, 2)).astype(np.int64)

    @property
    def read(self) -> I64:
        """Rows of the faces whose mood could be read."""
        return np.flatnonzero(np.isfinite(self.probs).all(axis=1)).astype(np.int64)


def detect_and_classify(
    images: Sequence[Image], models: Models, min_face: float, min_confidence: float
) -> list[PhotoFaces]:
    """Find and read the faces of several photos, (H, W, 3) uint8 BGR, together.

    All faces are read in one batch; faces with a smaller side under ``min_face`` px or a score
    under ``min_confidence`` do not count.
    """
    all_boxes = _detect(images, models, min(HIDE_FROM, min_confidence))
    found = [
        filter_faces(
            apply_filters(image, each.take(each.scores >= min_confidence), models.filters),
            min_face,
            _MOST_FACES,
        )
        for image, each in zip(images, all_boxes, strict=True)
    ]
    read = classify_faces(models.classifier, images, [each.boxes for each in found])
    counts = [len(each) for each in found]
    ends = np.cumsum(counts, dtype=np.int64)
    return [
        _measured(image, faces, every.boxes, read[end - count : end])
        for image, faces, every, count, end in zip(
            images, found, all_boxes, counts, ends, strict=True
        )
    ]


def _detect(images: Sequence[Image], models: Models, min_confidence: float) -> list[Detections]:
    """What may be faces: together on a GPU, else one by one.

    On a CPU a batch brings nothing and costs memory: CenterFace at 1280 × 960 took 0.16 s a
    picture and 425 MB for four at once, 0.13 s and 165 MB for one.
    """
    info = models.info.get("detector")
    if info is not None and info.device != "cpu":
        return models.detector.detect(images, min_confidence)
    return [models.detector.detect([image], min_confidence)[0] for image in images]


def _measured(image: Image, found: Detections, all_boxes: F32, read: F32) -> PhotoFaces:
    sides, blurs = quality.sides_and_blurs(image, found.boxes)
    probs, extras = np.split(read, [len(EMOTIONS)], axis=1)
    return PhotoFaces(
        found.boxes, found.scores, found.landmarks, sides, blurs, probs, extras, all_boxes
    )
