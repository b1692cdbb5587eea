"""The faces of photos: detected, measured and classified."""

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
from moodstream.realtime.networks.detectors.small_faces import detect_closely
from moodstream.realtime.networks.models import Models

HIDE_FROM_CONFIDENCE = 0.3
"""Confidence from which a face is hidden: one too many is better than one too few."""

_MAX_FACES = 1000  # of a photo; more boxes are texture, not people


@dataclass(frozen=True)
class PhotoFaces:
    """The N faces of one photo, best detection first.

    Attributes:
        boxes: (N, 4) float32 xyxy px.
        scores: (N,) float32, the detector's confidences.
        landmarks: (N, 5, 2) float32 px, or None.
        min_side: (N,) float64 px, the smaller side of each face.
        blur: (N,) float64, the variance of the Laplacian.
        probs: (N, 7) float32 over EMOTIONS, NaN rows where a face was not classified.
        extras: (N, 3) float32 valence, arousal and disagreement, NaN where the model has none.
        all_boxes: (M, 4) float32 boxes of all that may be a face, also those that are too small or
            too uncertain to count: what privacy has to hide.
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
        """The quality bin of each face, (N,) index into QUALITY_BINS."""
        return quality.quality_bins(self.min_side, self.blur)

    @property
    def bin_names(self) -> list[str]:
        """The quality bin of each face, by name."""
        return [quality.QUALITY_BINS[place] for place in self.bins]

    @property
    def classified(self) -> I64:
        """Rows of the faces that were classified."""
        return np.flatnonzero(np.isfinite(self.probs).all(axis=1)).astype(np.int64)


def detect_and_classify(
    images: Sequence[Image], models: Models, min_face: float, min_confidence: float
) -> list[PhotoFaces]:
    """Detect and classify the faces of several photos; all faces are classified in one batch.

    Args:
        images: (H, W, 3) uint8 BGR each.
        models: The networks.
        min_face: Smaller side in px from which a face counts.
        min_confidence: Score of the detector from which a face counts.

    Returns:
        The faces of each photo.
    """
    lowest = min(HIDE_FROM_CONFIDENCE, min_confidence)
    # one at a time: the tiles of several would bring nothing on a CPU, and cost memory
    candidates = [detect_closely(models.detector, image, lowest) for image in images]
    detections = [
        filter_faces(
            apply_filters(image, each.take(each.scores >= min_confidence), models.filters),
            min_face,
            _MAX_FACES,
        )
        for image, each in zip(images, candidates, strict=True)
    ]
    rows = classify_faces(models.classifier, images, [each.boxes for each in detections])
    ends = np.cumsum([len(each) for each in detections], dtype=np.int64)
    return [
        _measured(image, faces, every.boxes, rows[end - len(faces) : end])
        for image, faces, every, end in zip(images, detections, candidates, ends, strict=True)
    ]


def _measured(image: Image, faces: Detections, all_boxes: F32, predictions: F32) -> PhotoFaces:
    sides, blurs = quality.sides_and_blurs(image, faces.boxes)
    probs, extras = np.split(predictions, [len(EMOTIONS)], axis=1)
    return PhotoFaces(
        faces.boxes, faces.scores, faces.landmarks, sides, blurs, probs, extras, all_boxes
    )
