"""Faces of several pictures classified in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.maths import fold_to
from moodstream.realtime.networks.classifiers.base import EmotionClassifier


def classify_faces(
    classifier: EmotionClassifier, images: Sequence[Image], boxes: Sequence[F32]
) -> F32:
    """Classify the faces at ``boxes`` of each picture in one batch: (N, 7 + extras) columns.

    Args:
        classifier: Predicts the emotions; classes beside EMOTIONS are folded away.
        images: Pictures (H, W, 3) uint8 BGR.
        boxes: For each picture the boxes (N_i, 4) xyxy px of its faces.

    Returns:
        One row per face; a prediction that is not finite is a row of NaN.
    """
    raw = classifier.classify(images, boxes)
    probs = fold_to(raw.probs, classifier.classes, EMOTIONS)
    rows = replace(raw, probs=probs).columns()
    rows[np.isnan(probs).any(axis=1)] = np.nan  # valence or disagreement alone are of no use
    return rows
