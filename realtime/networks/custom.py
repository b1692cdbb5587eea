"""Detectors, classifiers, filters, transforms and votes of the user's own.

They come as objects or plain functions; every result of theirs is checked, and what is wrong with
it is reported in one line that names them.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS, check_prior
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Detections, EmotionPredictions
from moodstream.realtime.networks.blame import blamed
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.ensemble import Vote
from moodstream.realtime.networks.classifiers.face_preprocessing import FaceTransform
from moodstream.realtime.networks.detectors.base import FaceDetector, FaceFilter

_SUM_TOLERANCE = 1e-2  # how far a row of probabilities may be from a sum of 1


def name_of(given: Any) -> str:
    """What to call an object, a class or a function in messages and summaries."""
    for holder, attribute in ((given, "name"), (given, "__name__"), (type(given), "__name__")):
        name = getattr(holder, attribute, None)
        if isinstance(name, str) and name:
            return "function" if name == "<lambda>" else name
    return "unnamed"


def as_detector(given: Any, name: str | None = None) -> FaceDetector:
    """A checked detector from an object with ``detect`` or from a function of one picture.

    Args:
        given: A ``FaceDetector``, or a function of a picture (H, W, 3) uint8 BGR that returns
            boxes (N, 4) xyxy px, a pair of boxes and scores (N,), or ``Detections``; where there
            is nobody, ``[]``.
        name: What to call it, by default its own name.

    Raises:
        MoodstreamError: It is neither.
    """
    who = name or name_of(given)
    if not isinstance(given, type):
        if callable(getattr(given, "detect", None)):
            return _Detector(who, given.detect)
        if callable(given):
            return _Detector(who, lambda images, _: [given(image) for image in images])
    raise _unfit("a detector", "an object with detect(images, min_confidence)", given)


def as_classifier(given: Any, name: str | None = None) -> EmotionClassifier:
    """A checked classifier from an object with ``classify`` or from a function of faces.

    Args:
        given: An ``EmotionClassifier``, or a function of a list of face crops, each (h, w, 3)
            uint8 BGR, that returns probabilities (N, 7) in the order of ``EMOTIONS`` (or of its
            attribute ``classes``), a list of N dicts from emotion to share, or
            ``EmotionPredictions``.
        name: What to call it, by default its own name.

    Raises:
        MoodstreamError: It is neither, or its classes lack one of ``EMOTIONS``.
    """
    who = name or name_of(given)
    if not isinstance(given, type):
        if callable(getattr(given, "classify", None)):
            return _Classifier(who, given, given.classify)
        if callable(given):
            return _Classifier(who, given, lambda images, boxes: given(_crops(images, boxes)))
    raise _unfit("a classifier", "an object with classify(images, boxes) and classes", given)


def as_filter(given: Any) -> FaceFilter:
    """A checked face filter; see ``FaceFilter`` for what it may return."""
    _expect_function("a face filter", "a function of (image, faces)", given, arguments=2)
    who = name_of(given)

    def checked(image: Image, faces: Detections) -> Detections:
        with blamed(who):
            kept = given(image, faces)
        if isinstance(kept, Detections):
            return _inside(who, _detections(who, kept), image)
        mask = np.asarray(kept)
        if mask.dtype != bool or mask.shape != (len(faces),):
            raise MoodstreamError(
                f"{who}: expected Detections or a mask ({len(faces)},) of bool, got {_shown(kept)}"
            )
        return faces.take(mask)

    checked.__name__ = who
    return checked


def as_transform(given: Any) -> FaceTransform:
    """A checked face transform from a function of (image, box), or of the image alone.

    What takes the image alone must return one of the same size; the box stays where it is.
    """
    _expect_function("a face transform", "a function of (image, box)", given)
    who, alone = name_of(given), _positional(given) == 1

    def checked(image: Image, box: F32) -> tuple[Image, F32]:
        with blamed(who):
            made = (given(image), box) if alone else given(image, box)
        if not isinstance(made, tuple) or len(made) != 2:
            raise MoodstreamError(f"{who}: expected (image, box), got {_shown(made)}")
        changed, where = made
        if alone and np.shape(changed) != image.shape:
            raise MoodstreamError(
                f"{who}: expected an image of the same shape {image.shape}, got {_shown(changed)}"
            )
        _expect_image(who, changed)
        return changed, _floats(who, "a box", where, (4,))

    checked.__name__ = who
    return checked


def as_vote(given: Any) -> Vote:
    """A checked vote: (M, N, 7) probabilities of M classifiers in, (N, 7) out."""
    _expect_function("a vote", "a function of probabilities (M, N, 7)", given, arguments=1)
    who = name_of(given)

    def checked(probs: F32) -> F32:
        with blamed(who):
            joint = given(probs)
        return _probabilities(who, joint, probs.shape[1], probs.shape[2])

    checked.__name__ = who
    return checked


class _Detector:
    """A ``FaceDetector`` that checks the results of ``detect``."""

    def __init__(self, name: str, detect: Callable[[Sequence[Image], float], Any]) -> None:
        self.name, self._detect = name, detect
        self._lock = threading.RLock()  # several streams may share it

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        if not len(images):
            return []
        with self._lock, blamed(self.name):
            results = self._detect(images, min_confidence)
        if not isinstance(results, Sequence) or len(results) != len(images):
            raise MoodstreamError(
                f"{self.name}: expected a list of {len(images)} Detections, got {_shown(results)}"
            )
        checked = [_detections(self.name, result) for result in results]
        return [
            _inside(self.name, faces.take(faces.scores >= min_confidence), image)
            for faces, image in zip(checked, images, strict=True)
        ]


class _Classifier:
    """An ``EmotionClassifier`` that checks the results of ``classify``."""

    def __init__(
        self,
        name: str,
        given: Any,
        classify: Callable[[Sequence[Image], Sequence[F32]], Any],
    ) -> None:
        classes = tuple(getattr(given, "classes", EMOTIONS))
        missing = [emotion for emotion in EMOTIONS if emotion not in classes]
        if missing:
            raise MoodstreamError(
                f"{name}: expected classes with {', '.join(EMOTIONS)}; missing: "
                f"{', '.join(missing)}"
            )
        self.name, self.classes, self._classify = name, classes, classify
        self.prior = _prior(name, given)
        self._lock = threading.RLock()  # several streams may share it

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        n = sum(map(len, boxes))
        if n == 0:
            return EmotionPredictions(np.zeros((0, len(self.classes)), np.float32))
        with self._lock, blamed(self.name):
            result = self._classify(images, boxes)
        if isinstance(result, EmotionPredictions):
            probs = _probabilities(self.name, result.probs, n, len(self.classes))
            return replace(result, probs=probs)
        if _is_dicts(result):
            result = _from_dicts(self.name, result, self.classes)
        return EmotionPredictions(_probabilities(self.name, result, n, len(self.classes)))


def _prior(who: str, given: Any) -> tuple[float, ...] | None:
    """The distribution over EMOTIONS that a classifier assumes, where it declares one."""
    prior = getattr(given, "prior", None)
    if prior is None:
        return None
    try:
        check_prior(prior)
    except (TypeError, ValueError) as error:
        raise MoodstreamError(f"{who}: prior: {error}") from None
    return tuple(float(share) for share in prior)


def _crops(images: Sequence[Image], boxes: Sequence[F32]) -> list[Image]:
    """Each face, cut out along its box; at least one pixel of the picture."""
    crops = []
    for image, where in zip(images, boxes, strict=True):
        height, width = image.shape[:2]
        for box in where:
            near = np.clip(np.floor(box[:2]), 0, [width - 1, height - 1]).astype(int)
            far = np.clip(np.ceil(box[2:]), near + 1, [width, height]).astype(int)
            crops.append(image[near[1] : far[1], near[0] : far[0]])
    return crops


def _detections(who: str, result: Any) -> Detections:
    """A detector's result for one picture, in any of the forms that it may have."""
    scores: Any = None
    marks: Any = None
    if isinstance(result, Detections):
        boxes, scores, marks = result.boxes, result.scores, result.landmarks
    elif _is_pair(result):
        boxes, scores = result
    else:
        boxes = result
    if boxes is None:  # most likely a return that was forgotten
        raise MoodstreamError(
            f"{who}: expected boxes (N, 4), got nothing; return [] where there is nobody"
        )
    if _dimensions(boxes) == 1 and not len(boxes):
        return Detections.none()
    boxes = _floats(who, "boxes", boxes, (None, 4))
    n = len(boxes)
    scores = np.ones(n) if scores is None else scores
    faces = Detections(
        boxes,
        _floats(who, "scores", scores, (n,)),
        None if marks is None else _floats(who, "landmarks", marks, (n, 5, 2)),
    )
    if not np.isfinite(faces.boxes).all() or not np.isfinite(faces.scores).all():
        raise MoodstreamError(f"{who}: expected finite boxes and scores, got NaN or infinity")
    return faces


def _inside(who: str, faces: Detections, image: Image) -> Detections:
    """The faces, whose boxes must be corners, in px, and lie in the picture at least in part."""
    height, width = image.shape[:2]
    left, top, right, bottom = faces.boxes.T
    _refuse_boxes(
        f"{who}: expected boxes (x1, y1, x2, y2) with x1 < x2 and y1 < y2",
        "; are these width and height in place of x2 and y2?",
        faces.boxes[(right <= left) | (bottom <= top)],
    )
    within = f"{who}: expected boxes in px of the picture, {width} wide and {height} high"
    if max(height, width) > 1:
        tiny = faces.boxes[(faces.boxes >= 0).all(axis=1) & (faces.boxes <= 1).all(axis=1)]
        _refuse_boxes(within, "; are these shares of the picture?", tiny)
    outside = (right <= 0) | (bottom <= 0) | (left >= width) | (top >= height)
    # networks are warmed up with a black picture, whose size is not that of the camera
    if outside.any() and image.any():
        _refuse_boxes(within, ", which is outside of it", faces.boxes[outside])
    return faces


def _refuse_boxes(expected: str, hint: str, wrong: F32) -> None:
    if len(wrong):
        numbers = ", ".join(f"{value:g}" for value in wrong[0])
        raise MoodstreamError(f"{expected}, got ({numbers}){hint}")


def _is_pair(result: Any) -> bool:
    """Whether a result is boxes and their scores, rather than two boxes."""
    if not isinstance(result, tuple) or len(result) != 2:
        return False
    return _dimensions(result[0]) != 1 or not len(result[0])


def _probabilities(who: str, result: Any, n: int, classes: int) -> F32:
    """Rows that sum to 1, (n, classes); a row of NaN is a face that could not be classified."""
    probs = _floats(who, "probabilities", result, (n, classes))
    known = probs[~np.isnan(probs).any(axis=1)]
    sums = known.sum(axis=1)
    wrong = np.flatnonzero((np.abs(sums - 1) > _SUM_TOLERANCE) | (known < -1e-6).any(axis=1))
    if len(wrong):
        row = known[wrong[0]]
        raise MoodstreamError(
            f"{who}: expected probabilities of at least 0 that sum to 1, got a row from "
            f"{row.min():.3g} to {row.max():.3g} that sums to {sums[wrong[0]]:.3g}"
        )
    return probs


def _is_dicts(result: Any) -> bool:
    is_list = isinstance(result, Sequence) and not isinstance(result, str) and len(result) > 0
    return is_list and all(isinstance(each, Mapping) for each in result)


def _from_dicts(
    who: str, result: Sequence[Mapping[str, float]], classes: tuple[str, ...]
) -> npt.NDArray[np.float64]:
    """Shares by name, on whatever scale, as probabilities; what is not named has a share of 0."""
    rows = np.zeros((len(result), len(classes)))
    for row, shares in zip(rows, result, strict=True):
        with blamed(who):
            row[:] = [float(shares.get(name, 0.0)) for name in classes]
        if not row.sum() > 0:
            raise MoodstreamError(
                f"{who}: expected shares of {', '.join(classes)}, got {', '.join(shares)}"
            )
        row /= row.sum()
    return rows


def _floats(who: str, what: str, value: Any, shape: tuple[int | None, ...]) -> F32:
    """An array of numbers of a shape; None stands for any length."""
    try:
        array = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        array = None
    if (
        array is None
        or len(array.shape) != len(shape)
        or any(wanted not in (None, got) for wanted, got in zip(shape, array.shape, strict=True))
    ):
        wanted = ", ".join("N" if size is None else str(size) for size in shape)
        comma = "," if len(shape) == 1 else ""
        raise MoodstreamError(f"{who}: expected {what} ({wanted}{comma}), got {_shown(value)}")
    return array


def _expect_image(who: str, image: Any) -> None:
    fits = isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[2] == 3
    if not fits or image.dtype != np.uint8 or not image.size:
        raise MoodstreamError(f"{who}: expected an image (H, W, 3) uint8, got {_shown(image)}")


def _dimensions(value: Any) -> int | None:
    try:
        return int(np.ndim(value))
    except ValueError:  # rows of different lengths
        return None


def _shown(value: Any) -> str:
    """A value in a few words: its type, and its shape where it has one."""
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} of {value.dtype}"
    if isinstance(value, (list, tuple)):
        size = _dimensions(value)
        shape = f" of shape {np.shape(value)}" if size is not None and size > 1 else ""
        return f"a {type(value).__name__} of {len(value)}{shape}"
    return "nothing" if value is None else f"{type(value).__name__}"


def _positional(function: Any) -> int | None:
    """How many arguments a function takes by place; None where that is not known."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in places and p.default is inspect.Parameter.empty for p in parameters)


def _expect_function(what: str, form: str, given: Any, arguments: int | None = None) -> None:
    """Raise MoodstreamError unless it can be called, with so many arguments if that is told."""
    if isinstance(given, type) or not callable(given):
        raise MoodstreamError(f"expected {what}: {form}, got {_given(given)}")
    if arguments is None:
        return
    try:
        signature = inspect.signature(given)
    except (TypeError, ValueError):  # of some that are written in C
        return
    try:
        signature.bind(*[None] * arguments)
    except TypeError:
        raise MoodstreamError(f"expected {what}: {form}, got {name_of(given)}{signature}") from None


def _unfit(what: str, form: str, given: Any) -> MoodstreamError:
    return MoodstreamError(f"expected {what}: {form}, or a function, got {_given(given)}")


def _given(given: Any) -> str:
    if isinstance(given, type):
        return f"the class {given.__name__}; make an object of it"
    return f"{type(given).__name__} {given!r}" if isinstance(given, (str, int)) else name_of(given)
