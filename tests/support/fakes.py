"""Made-up detectors, classifiers and faces that answer what they are told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.frames import Detections, EmotionPredictions, Faces
from moodstream.realtime.maths import fold_to
from moodstream.realtime.networks.models import ModelInfo, Models

HAPPY: F32 = np.eye(7, dtype=np.float32)[EMOTIONS.index("happy")]
MOSTLY_HAPPY = (0.02, 0.02, 0.02, 0.8, 0.02, 0.02, 0.1)
THREE_BOXES = (10, 10, 40, 40), (60, 10, 90, 40), (10, 60, 40, 90)
MOSTLY_SAD = (0.02, 0.02, 0.02, 0.02, 0.88, 0.02, 0.02)


class Finds:
    """A detector that finds the same boxes in every picture, whatever is in it."""

    def __init__(
        self, boxes: ArrayLike, scores: ArrayLike | None = None, name: str = "finds"
    ) -> None:
        self.name = name
        self.boxes = np.array(boxes, np.float32).reshape(-1, 4)
        n = len(self.boxes)
        self.scores = (
            np.full(n, 0.9, np.float32) if scores is None else np.array(scores, np.float32)
        )

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """The boxes that are surer than that, once for each picture."""
        found = Detections(self.boxes.copy(), self.scores.copy())
        return [found.take(self.scores > min_confidence) for _ in images]


class OneFace(Finds):
    """A detector that finds the same face in every picture, and is quite sure of it."""

    box = np.array([[10, 10, 40, 40]], np.float32)

    def __init__(self) -> None:
        super().__init__(self.box, [1.0] * len(self.box), "one face")


class ThreeFaces(OneFace):
    """A detector that finds three faces side by side."""

    box = np.array([[10, 10, 40, 40], [60, 10, 90, 40], [110, 10, 140, 40]], np.float32)


class Says:
    """A classifier that says the same of every face."""

    def __init__(
        self,
        probs: Sequence[float] | F32,
        affect: tuple[float, float] | None = None,
        classes: tuple[str, ...] = EMOTIONS,
        name: str = "says",
    ) -> None:
        self.name, self.classes = name, classes
        self.probs, self.affect = np.asarray(probs, np.float32), affect

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """The same row for every box."""
        n = sum(map(len, boxes))
        affect = None if self.affect is None else np.full((n, 2), self.affect, np.float32)
        return EmotionPredictions(np.tile(self.probs, (n, 1)), affect)


class Rows:
    """A sink that keeps the rows and events it is given, and fails like a full disk if told to."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.rows: list[tuple[float, Any, Faces]] = []
        self.events: list[Any] = []
        self.gaps: list[tuple[float, float, str]] = []
        self.fail_after = fail_after

    def write(self, t: float, state: Any, faces: Faces) -> None:
        """One step of the timeline."""
        if self.fail_after is not None and len(self.rows) >= self.fail_after:
            raise OSError(28, "No space left on device")
        self.rows.append((t, state, faces))

    def event(self, shift: Any) -> None:
        """A change of the group's mood."""
        self.events.append(shift)

    def gap(self, start: float, end: float, reason: str) -> None:
        """A time without pictures."""
        self.gaps.append((start, end, reason))


def models(detector: Any, classifier: Any) -> Models:
    """Networks as loading gives them, with made-up words about where they come from."""
    info = ModelInfo("made up", "none", "0" * 64, "none", "cpu")
    return Models(detector, classifier, {"detector": info, "emotion": info})


def make_faces(
    ids: list[int],
    probs: ArrayLike,
    quality: list[float],
    seen: bool = True,
    extras: Any = None,
) -> Faces:
    """Faces of these track ids, (n, 7) probabilities and qualities, all at one place."""
    n = len(ids)
    return Faces(
        boxes=np.tile(np.array([0, 0, 10, 10], np.float32), (n, 1)),
        scores=np.ones(n, np.float32),
        quality=np.array(quality, np.float32).reshape(n),
        probs=np.asarray(probs, np.float32).reshape(n, len(EMOTIONS)),
        track_ids=np.array(ids, np.int64).reshape(n),
        seen=np.full(n, seen),
        extras=None if extras is None else np.array(extras, np.float32).reshape(n, len(EXTRAS)),
    )


def direct(classifier: Any, faces: Any) -> NDArray[Any]:
    """What a classifier says of labelled faces itself, (N, 7)."""
    boxes = [faces.box(i)[None] for i in range(len(faces))]
    return fold_to(classifier.classify(faces.images, boxes).probs, classifier.classes, EMOTIONS)


def noise(height: int = 120, width: int = 160, seed: int = 0) -> Image:
    """A grey picture of pure texture."""
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def models_of(
    boxes: ArrayLike,
    probs: Sequence[float] | F32 = MOSTLY_HAPPY,
    scores: ArrayLike | None = None,
) -> Models:
    """Networks that find these boxes and say the same of each."""
    return Models(Finds(boxes, scores), Says(probs), {})
