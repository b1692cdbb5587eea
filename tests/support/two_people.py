"""A made picture of two people, and what a pipeline sees in it."""

from __future__ import annotations

from typing import Any

import moodstream
from moodstream import EMOTIONS, Pipeline
from moodstream.testing import PaintedFaceClassifier, PaintedFaceDetector, Person, ScriptedSource

SOURCE = ScriptedSource([Person((20, 20, 90, 100)), Person((180, 40, 250, 120), "sad")])
IMAGE = SOURCE.image(0.0)
BOXES = SOURCE.boxes(0.0)
K = len(EMOTIONS)


def raw(**parts: Any) -> moodstream.ImageFaces:
    """What a pipeline of these parts sees in the picture of two."""
    painted = {"detector": PaintedFaceDetector(), "classifiers": PaintedFaceClassifier()}
    asked: dict[str, Any] = {**painted, **parts}
    return moodstream.read_image(IMAGE, pipeline=Pipeline(**asked))
