"""Checks that a detector or a classifier keeps to its protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from moodstream.pipelines import Classifier, Detector
from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Detections, EmotionPredictions
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.custom import as_classifier, as_detector
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.load import load_classifier, load_detector
from moodstream.realtime.networks.models import ModelSettings
from moodstream.testing.source import Person, ScriptedSource


class ContractError(MoodstreamError, AssertionError):
    """An implementation does not keep to its protocol; the message has what was expected."""


def check_detector(detector: Detector, images: Sequence[Image] | None = None) -> None:
    """Check a detector of yours, in any form that ``Pipeline`` takes; for your tests.

    It must answer pictures of several sizes together as one by one, and a picture of one pixel;
    its boxes must be finite, corners in order, and in the picture. Whether these are faces is not
    checked.

    Args:
        detector: An object, a function of one picture, or the name of a plug-in.
        images: Pictures (H, W, 3) uint8 BGR to show it besides synthetic ones, such as some with
            faces.

    Raises:
        ContractError: What was expected and what came.

    Example:
        >>> from moodstream.testing import PaintedFaceDetector, check_detector
        >>> check_detector(PaintedFaceDetector())
        >>> check_detector(lambda image: [])
    """
    with _contract():
        if isinstance(detector, str):
            made, _ = load_detector(ModelSettings("embedded", detector=detector))
        else:
            made = as_detector(detector)
        check_detector_protocol(made, images)


def check_detector_protocol(detector: FaceDetector, images: Sequence[Image] | None = None) -> None:
    """Check a detector against ``FaceDetector`` to the letter, as our own keep it.

    Besides what ``check_detector`` asks, it must answer no pictures, its boxes and scores must be
    float32, and no score below the given confidence.

    Args:
        detector: The detector.
        images: Pictures (H, W, 3) uint8 BGR to show it besides synthetic ones.

    Raises:
        ContractError: What was expected and what came.
    """
    _check_name(detector)
    _expect(callable(getattr(detector, "detect", None)), "a method detect(images, min_confidence)")
    none = detector.detect([], 0.5)
    _expect(_length(none) == 0, f"an empty list for no pictures, got {none!r}")
    shown = [*_pictures(), *(images or ())]
    before = [image.copy() for image in shown]
    together = detector.detect(shown, 0.3)
    _expect(
        _length(together) == len(shown),
        f"{len(shown)} Detections for as many pictures, got {_length(together)}",
    )
    _expect_unchanged(before, shown)
    for image, detections in zip(shown, together, strict=True):
        _check_detections(detections, 0.3)
        alone = detector.detect([image], 0.3)[0]
        same = len(alone) == len(detections) and np.allclose(
            alone.boxes, detections.boxes, atol=1.0
        )
        _expect(same, "the same boxes for a picture alone and among others, within a pixel")
        for strict in detector.detect([image], 0.99):
            _check_detections(strict, 0.99)


def check_classifier(classifier: Classifier, images: Sequence[Image] | None = None) -> None:
    """Check a classifier of yours, in any form that ``Pipeline`` takes; for your tests.

    It must answer faces of several pictures together as one by one, tiny ones and ones that reach
    over the edge; rows of probabilities must sum to 1. Whether they are right is not checked.

    Args:
        classifier: An object, a function of face crops, or the name of a plug-in.
        images: Pictures (H, W, 3) uint8 BGR to show it besides synthetic ones.

    Raises:
        ContractError: What was expected and what came.

    Example:
        >>> from moodstream.testing import PaintedFaceClassifier, check_classifier
        >>> check_classifier(PaintedFaceClassifier())
        >>> check_classifier(lambda faces: [{"happy": 1.0}] * len(faces))
    """
    with _contract():
        if isinstance(classifier, str):
            made, _, _ = load_classifier(ModelSettings("embedded", emotion=classifier))
        else:
            made = as_classifier(classifier)
        check_classifier_protocol(made, images)


def check_classifier_protocol(
    classifier: EmotionClassifier, images: Sequence[Image] | None = None
) -> None:
    """Check a classifier against ``EmotionClassifier`` to the letter, as our own keep it.

    Besides what ``check_classifier`` asks, it must answer no faces, and with
    ``EmotionPredictions`` of float32.

    Args:
        classifier: The classifier.
        images: Pictures (H, W, 3) uint8 BGR to show it besides synthetic ones.

    Raises:
        ContractError: What was expected and what came.
    """
    _check_name(classifier)
    classes = getattr(classifier, "classes", None)
    _expect(isinstance(classes, tuple), f"classes, a tuple of names, got {classes!r}")
    missing = [name for name in EMOTIONS if name not in (classes or ())]
    _expect(not missing, f"classes with all of EMOTIONS; missing: {', '.join(missing)}")
    _check_predictions(classifier.classify([], []), 0, len(classifier.classes))
    shown = [*_pictures(), *(images or ())]
    boxes = [_boxes_in(image) for image in shown]
    nobody = [np.zeros((0, 4), np.float32) for _ in shown]
    _check_predictions(classifier.classify(shown, nobody), 0, len(classifier.classes))
    before = [image.copy() for image in shown]
    together = classifier.classify(shown, boxes)
    _expect_unchanged(before, shown)
    _check_predictions(together, sum(map(len, boxes)), len(classifier.classes))
    alone = [
        classifier.classify([i], [box[None]])
        for i, b in zip(shown, boxes, strict=True)
        for box in b
    ]
    for predictions in alone:
        _check_predictions(predictions, 1, len(classifier.classes))
    same = np.allclose(
        np.concatenate([r.probs for r in alone]), together.probs, atol=0.02, equal_nan=True
    )
    _expect(same, "the same probabilities for a face alone and among others, within 0.02")


@contextmanager
def _contract() -> Iterator[None]:
    """Turn what ``Pipeline`` would refuse into a broken contract."""
    try:
        yield
    except ContractError:
        raise
    except MoodstreamError as error:
        raise ContractError(str(error)) from error


def _check_name(given: object) -> None:
    name = getattr(given, "name", None)
    _expect(isinstance(name, str) and bool(name), f"a name, got {name!r}")


def _check_detections(answer: object, min_confidence: float) -> None:
    _expect(isinstance(answer, Detections), f"Detections, got {type(answer).__name__}")
    assert isinstance(answer, Detections)
    for what, array in (("boxes", answer.boxes), ("scores", answer.scores)):
        _expect(array.dtype == np.float32, f"{what} of float32, got {array.dtype}")
        _expect(bool(np.isfinite(array).all()), f"finite {what}")
    ordered = (answer.boxes[:, 2:] > answer.boxes[:, :2]).all()
    _expect(bool(ordered), "boxes with x1 < x2 and y1 < y2")
    inside = ((answer.scores >= min_confidence) & (answer.scores <= 1)).all()
    _expect(bool(inside), f"scores from {min_confidence:g} to 1, got {answer.scores.tolist()}")


def _check_predictions(answer: object, n: int, k: int) -> None:
    _expect(
        isinstance(answer, EmotionPredictions), f"EmotionPredictions, got {type(answer).__name__}"
    )
    assert isinstance(answer, EmotionPredictions)
    _expect(answer.probs.shape == (n, k), f"probs ({n}, {k}), got {answer.probs.shape}")
    _expect(answer.probs.dtype == np.float32, f"probs of float32, got {answer.probs.dtype}")
    known = answer.probs[~np.isnan(answer.probs).any(axis=1)]
    sound = (known >= 0).all() and np.allclose(known.sum(axis=1), 1, atol=1e-3)
    _expect(bool(sound), "rows of probabilities that sum to 1, or of NaN")


def _expect_unchanged(before: Sequence[Image], shown: Sequence[Image]) -> None:
    same = all(np.array_equal(a, b) for a, b in zip(before, shown, strict=True))
    _expect(same, "pictures that are left as they were")


def _expect(is_so: bool, what: str) -> None:
    if not is_so:
        raise ContractError(f"expected {what}")


def _pictures() -> list[Image]:
    """Pictures of several sizes: black, noise, one pixel, and painted faces."""
    rng = np.random.default_rng(0)
    painted = ScriptedSource([Person((40, 30, 100, 110)), Person((160, 40, 230, 120), "sad")])
    return [
        np.zeros((120, 160, 3), np.uint8),
        rng.integers(0, 256, (90, 200, 3)).astype(np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        painted.image(0.0),
        painted.image(0.0)[:, ::-1].copy(),
    ]


def _boxes_in(image: Image) -> F32:
    """Boxes in the middle, over the edge, and of one pixel."""
    height, width = image.shape[:2]
    boxes = [
        [width * 0.2, height * 0.2, width * 0.6, height * 0.8],
        [-width * 0.2, -height * 0.1, width * 0.3, height * 0.4],
        [0, 0, 1, 1],
    ]
    return np.array(boxes, np.float32)


def _length(answer: object) -> int:
    return len(answer) if isinstance(answer, Sequence) else -1
