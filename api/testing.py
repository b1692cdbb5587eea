"""Fakes and contract checks for the tests of what plugs into moodstream, and for our own.

A ``ScriptedSource`` paints people at known places with known emotions; ``PaintedFaceDetector``
and ``PaintedFaceClassifier`` see exactly that, through any video codec. ``ScriptedDetector`` and
``ScriptedClassifier`` say what they are told. ``check_detector`` and ``check_classifier`` hold an
implementation against its protocol.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.realtime.classifiers.base import EmotionClassifier
from moodstream.realtime.detectors.base import FaceDetector
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import EMOTIONS, F32, Detections, Frame, Image, Readings
from moodstream.realtime.live_sources import (
    Control,
    EndOfSource,
    LiveReader,
    OpenSettings,
    SourceGone,
    SourceSpec,
)
from moodstream.realtime.sources import SourceInfo

T = TypeVar("T")
Box: TypeAlias = tuple[float, float, float, float]
Event: TypeAlias = "Exception | threading.Event"

_BACKGROUND = 90
_LEAST = 4  # px of a painted face's smaller side that is found
_COLOURFUL, _BRIGHT = 110, 90  # saturation and value from which a pixel is of a painted face


class ContractError(MoodstreamError, AssertionError):
    """An implementation does not keep to its protocol; says what was expected and what came."""


# --- people and where they are painted -----------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """Someone who is in the picture from ``start`` to ``end``.

    Attributes:
        box: Where the face is, xyxy px; or a function of the time in seconds.
        emotion: One of ``EMOTIONS``; or a function of the time in seconds.
        start: Seconds at which they come.
        end: Seconds at which they go.
    """

    box: Box | Callable[[float], Box]
    emotion: str | Callable[[float], str] = "happy"
    start: float = 0.0
    end: float = float("inf")

    def is_there(self, t: float) -> bool:
        """Whether they are in the picture at ``t`` seconds."""
        return self.start <= t < self.end

    def box_at(self, t: float) -> Box:
        """Their face's box at ``t`` seconds."""
        return self.box(t) if callable(self.box) else self.box

    def emotion_at(self, t: float) -> str:
        """Their emotion at ``t`` seconds."""
        emotion = self.emotion(t) if callable(self.emotion) else self.emotion
        if emotion not in EMOTIONS:
            raise ValueError(f"expected one of {', '.join(EMOTIONS)}, got {emotion!r}")
        return emotion


def paint_face(image: Image, box: Sequence[float], emotion: str) -> None:
    """Paint a face into a picture (H, W, 3) uint8 BGR: a patch in the colour of its emotion."""
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    cv2.rectangle(image, (x1, y1), (x2 - 1, y2 - 1), _colour(emotion), cv2.FILLED)
    width, height = x2 - x1, y2 - y1
    for share in (0.3, 0.7):  # eyes, so that there are edges to see
        middle = (round(x1 + share * width), round(y1 + 0.4 * height))
        cv2.circle(image, middle, max(1, min(width, height) // 12), (0, 0, 0), cv2.FILLED)


class ScriptedSource:
    """Pictures in which people come, move and go as they are told to.

    It makes pictures, frames and video files, and it opens as a live source: give the object as
    ``opener`` to ``Capture``, ``LiveSession`` or ``live_stream``. Each opening goes on where the
    one before it was left.

    Args:
        people: Who is there; their boxes must not touch for ``PaintedFaceDetector`` to tell them
            apart.
        size: Width and height in px.
        fps: Frames per second.
        seconds: How long it is; None for ever, which only a live source may be.
        events: What happens to the live source, as (picture number, event) in order: an error is
            raised in place of that picture, a ``threading.Event`` is waited for without regard
            to the order to stop, as a driver that hangs does.
        black: Spans of seconds in which the picture is black.

    Example:
        >>> from moodstream.testing import Person, ScriptedSource
        >>> source = ScriptedSource([Person((20, 20, 80, 90), "sad", start=1.0)], seconds=2.0)
        >>> [len(source.boxes(t)) for t in (0.5, 1.5)]
        [0, 1]
    """

    def __init__(
        self,
        people: Sequence[Person] = (),
        *,
        size: tuple[int, int] = (320, 240),
        fps: float = 25.0,
        seconds: float | None = 4.0,
        events: Sequence[tuple[int, Event]] = (),
        black: Sequence[tuple[float, float]] = (),
    ) -> None:
        self.people, self.size, self.fps, self.seconds = tuple(people), size, fps, seconds
        self.black = tuple(black)
        self.opened = self.closed = 0
        self._events = list(events)
        self._number = 0  # of the next picture of the live source

    def boxes(self, t: float) -> F32:
        """Where the faces are at ``t`` seconds, (N, 4) float32 xyxy px."""
        boxes = [p.box_at(t) for p in self.people if p.is_there(t)]
        return np.array(boxes, np.float32).reshape(-1, 4)

    def emotions(self, t: float) -> list[str]:
        """What they show at ``t`` seconds, in the order of ``boxes``."""
        return [p.emotion_at(t) for p in self.people if p.is_there(t)]

    def image(self, t: float) -> Image:
        """The picture at ``t`` seconds, (H, W, 3) uint8 BGR."""
        width, height = self.size
        if any(start <= t < end for start, end in self.black):
            return np.zeros((height, width, 3), np.uint8)
        image = np.full((height, width, 3), _BACKGROUND, np.uint8)
        for box, emotion in zip(self.boxes(t), self.emotions(t), strict=True):
            paint_face(image, box.tolist(), emotion)
        return image

    def frames(self) -> Iterator[Frame]:
        """Every frame, as a file would give them."""
        for number in range(self._count()):
            t = number / self.fps
            yield Frame(self.image(t), t, number)

    def write(self, path: Path) -> Path:
        """Write it as a video (H.264); its width and height should be even."""
        from fractions import Fraction

        from moodstream.realtime.video import VideoWriter

        rate = Fraction(self.fps).limit_denominator(1001)
        with VideoWriter(path, self.size, rate, None, 0.0, None) as writer:
            for frame in self.frames():
                writer.write(frame.image, frame.t)
        return path

    def _count(self) -> int:
        if self.seconds is None:
            raise ValueError("a source without an end has no count of frames")
        return round(self.seconds * self.fps)

    def __call__(self, spec: SourceSpec, settings: OpenSettings, control: Control) -> LiveReader:
        """Open it as a live source, which keeps the pace of its frame rate."""
        self.opened += 1
        return _ScriptedReader(self, spec, settings, control)

    def take(self, control: Control, seconds: float) -> tuple[Image, float]:
        """The next picture of the live source and its time, after ``seconds`` or what happens."""
        while self._events and self._events[0][0] <= self._number:
            _, event = self._events.pop(0)
            if isinstance(event, Exception):
                raise event
            event.wait()
        if self.seconds is not None and self._number >= self._count():
            raise EndOfSource("the script is over")
        if not control.wait(seconds):
            raise SourceGone("stopped")
        t = self._number / self.fps
        self._number += 1
        return self.image(t), t


class _ScriptedReader:
    """A scripted source that was opened."""

    def __init__(
        self, source: ScriptedSource, spec: SourceSpec, settings: OpenSettings, control: Control
    ) -> None:
        width, height = source.size
        self.info = SourceInfo(spec.name, width, height, None, None, "script", False)
        self._source, self._control = source, control
        self._step = 1 / source.fps / settings.speed
        self._has_time = spec.kind == "file"

    def read(self) -> tuple[Image, float | None]:
        image, t = self._source.take(self._control, self._step)
        return image, t if self._has_time else None

    def close(self) -> None:
        self._source.closed += 1


# --- detectors and classifiers -------------------------------------------------------------------


class PaintedFaceDetector:
    """Finds the faces that ``paint_face`` painted, to a pixel or two after a video codec.

    Args:
        score: How sure it says that it is.
    """

    name = "painted faces"

    def __init__(self, score: float = 1.0) -> None:
        self.score = score

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """The painted faces of each picture; none where ``score`` is less than asked for."""
        if self.score < min_confidence:
            return [Detections.none() for _ in images]
        return [self._found(image) for image in images]

    def _found(self, image: Image) -> Detections:
        colourful = _hsv(image)
        mask = ((colourful[..., 1] > _COLOURFUL) & (colourful[..., 2] > _BRIGHT)).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        left, top, width, height = (stats[1:, k].astype(np.float32) for k in range(4))
        boxes = np.stack([left, top, left + width, top + height], axis=1)
        boxes = boxes[np.minimum(width, height) >= _LEAST]
        return Detections(boxes, np.full(len(boxes), self.score, np.float32))


class PaintedFaceClassifier:
    """Reads the emotion of painted faces from their colour.

    Args:
        sure: The probability of the emotion that is painted; the others share the rest.
    """

    name = "painted faces"
    classes: tuple[str, ...] = EMOTIONS

    def __init__(self, sure: float = 0.9) -> None:
        self.sure = sure

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> Readings:
        """Probabilities (ΣN, 7); a row of NaN where no colour is in the box."""
        k = len(EMOTIONS)
        rows = [
            self._read(image, box)
            for image, where in zip(images, boxes, strict=True)
            for box in where
        ]
        return Readings(np.array(rows, np.float32).reshape(-1, k))

    def _read(self, image: Image, box: F32) -> npt.NDArray[np.float64]:
        k = len(EMOTIONS)
        height, width = image.shape[:2]
        x1, y1, x2, y2 = np.clip(np.rint(box), 0, [width, height, width, height]).astype(int)
        part = _hsv(image[y1:y2, x1:x2]).reshape(-1, 3)
        hues = part[(part[:, 1] > _COLOURFUL) & (part[:, 2] > _BRIGHT), 0].astype(np.float64)
        if not len(hues):
            return np.full(k, np.nan)
        turn = np.angle(np.exp(2j * np.pi * hues / 180).mean()) / (2 * np.pi)  # hue is a circle
        row = np.full(k, (1 - self.sure) / (k - 1))
        row[round(turn % 1 * k) % k] = self.sure
        return row


class ScriptedDetector:
    """Says what it is told, picture after picture; the last answer is given again and again.

    Args:
        script: Boxes (N, 4) xyxy px for every picture; a sequence of such arrays, one for each
            picture in the order in which they come; or a function of the picture.
        score: How sure it says that it is.
        landmarks: Five points at fixed places of each box, if True.
    """

    name = "scripted"

    def __init__(
        self,
        script: npt.ArrayLike | Sequence[npt.ArrayLike] | Callable[[Image], npt.ArrayLike],
        *,
        score: float = 1.0,
        landmarks: bool = False,
    ) -> None:
        self.score, self.landmarks = score, landmarks
        self.shapes: list[tuple[int, ...]] = []
        """Of the pictures that were shown to it."""
        self._script = script
        self._lock = threading.Lock()

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """The next answers of the script."""
        with self._lock:
            found = [self._answer(image) for image in images]
        return [each.take(each.scores >= min_confidence) for each in found]

    def _answer(self, image: Image) -> Detections:
        number = len(self.shapes)
        self.shapes.append(image.shape)
        if callable(self._script):
            said = self._script(image)
        elif isinstance(self._script, (list, tuple)) and _depth(self._script) > 2:
            said = _nth(self._script, number)
        else:
            said = self._script
        boxes = np.array(said, np.float32).reshape(-1, 4)
        marks = _landmarks(boxes) if self.landmarks else None
        return Detections(boxes, np.full(len(boxes), self.score, np.float32), marks)


class ScriptedClassifier:
    """Says what it is told of every face, call after call; the last answer is given again.

    Args:
        script: An emotion; its probabilities by name or (K,); or a sequence of these, one for
            each call that has faces.
        classes: Names of the K classes.
        affect: Valence and arousal of every face, where it is to read them.
        name: What it is called.
    """

    def __init__(
        self,
        script: str | Mapping[str, float] | npt.ArrayLike | Sequence[str | Mapping[str, float]],
        *,
        classes: tuple[str, ...] = EMOTIONS,
        affect: tuple[float, float] | None = None,
        name: str = "scripted",
    ) -> None:
        self.name, self.classes, self.affect = name, classes, affect
        self.batches: list[int] = []
        """How many faces each call had."""
        self._lock = threading.Lock()
        one = isinstance(script, (str, Mapping)) or (_depth(script) == 1 and not _has_names(script))
        self._rows = [self._row(each) for each in ([script] if one else list(script))]  # type: ignore[arg-type]

    def _row(self, said: str | Mapping[str, float] | npt.ArrayLike) -> F32:
        if isinstance(said, str):
            said = {said: 1.0}
        if isinstance(said, Mapping):
            said = [said.get(name, 0.0) for name in self.classes]
        row = np.asarray(said, np.float32)
        if row.shape != (len(self.classes),) or abs(float(row.sum()) - 1) > 1e-3:
            raise ValueError(f"expected probabilities of {self.classes}, got {said}")
        return row

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> Readings:
        """The next answer of the script for every face."""
        n = sum(map(len, boxes))
        with self._lock:
            row = _nth(self._rows, sum(size > 0 for size in self.batches))
            self.batches.append(n)
        affect = None if self.affect is None else np.full((n, 2), self.affect, np.float32)
        return Readings(np.tile(row, (n, 1)), affect)


# --- contract checks -----------------------------------------------------------------------------


def check_detector(detector: FaceDetector, images: Sequence[Image] | None = None) -> None:
    """Hold a detector against ``FaceDetector``; for the tests of those who write one.

    It must answer no pictures, pictures of several sizes together as one by one, and a picture of
    one pixel; its boxes and scores must be float32 of the right shapes, finite and in order, and
    none below the confidence that is asked for. What it finds is not judged.

    Args:
        detector: The detector.
        images: Pictures (H, W, 3) uint8 BGR to show it besides made ones, such as some with faces.

    Raises:
        ContractError: What was expected and what came.

    Example:
        >>> from moodstream.testing import PaintedFaceDetector, check_detector
        >>> check_detector(PaintedFaceDetector())
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
    for image, found in zip(shown, together, strict=True):
        _check_detections(found, 0.3)
        alone = detector.detect([image], 0.3)[0]
        same = len(alone) == len(found) and np.allclose(alone.boxes, found.boxes, atol=1.0)
        _expect(same, "the same boxes for a picture alone and among others, within a pixel")
        for strict in detector.detect([image], 0.99):
            _check_detections(strict, 0.99)
    _expect(
        all(np.array_equal(a, b) for a, b in zip(before, shown, strict=True)),
        "pictures that are left as they were",
    )


def check_classifier(classifier: EmotionClassifier, images: Sequence[Image] | None = None) -> None:
    """Hold a classifier against ``EmotionClassifier``; for the tests of those who write one.

    It must answer no faces, faces of several pictures together as one by one, tiny ones and ones
    that reach over the edge; rows of probabilities must be float32 and sum to 1. What it reads is
    not judged.

    Args:
        classifier: The classifier.
        images: Pictures (H, W, 3) uint8 BGR to show it besides made ones.

    Raises:
        ContractError: What was expected and what came.

    Example:
        >>> from moodstream.testing import PaintedFaceClassifier, check_classifier
        >>> check_classifier(PaintedFaceClassifier())
    """
    _check_name(classifier)
    classes = getattr(classifier, "classes", None)
    _expect(isinstance(classes, tuple), f"classes, a tuple of names, got {classes!r}")
    missing = [name for name in EMOTIONS if name not in (classes or ())]
    _expect(not missing, f"classes with all of EMOTIONS; missing: {', '.join(missing)}")
    _check_readings(classifier.classify([], []), 0, len(classifier.classes))
    shown = [*_pictures(), *(images or ())]
    boxes = [_boxes_in(image) for image in shown]
    nobody = [np.zeros((0, 4), np.float32) for _ in shown]
    _check_readings(classifier.classify(shown, nobody), 0, len(classifier.classes))
    together = classifier.classify(shown, boxes)
    _check_readings(together, sum(map(len, boxes)), len(classifier.classes))
    alone = [classifier.classify([i], [box[None]]) for i, b in zip(shown, boxes) for box in b]
    for reading in alone:
        _check_readings(reading, 1, len(classifier.classes))
    same = np.allclose(
        np.concatenate([r.probs for r in alone]), together.probs, atol=0.02, equal_nan=True
    )
    _expect(same, "the same probabilities for a face alone and among others, within 0.02")


def _check_name(given: object) -> None:
    name = getattr(given, "name", None)
    _expect(isinstance(name, str) and bool(name), f"a name, got {name!r}")


def _check_detections(found: object, least: float) -> None:
    _expect(isinstance(found, Detections), f"Detections, got {type(found).__name__}")
    assert isinstance(found, Detections)
    for what, array in (("boxes", found.boxes), ("scores", found.scores)):
        _expect(array.dtype == np.float32, f"{what} of float32, got {array.dtype}")
        _expect(bool(np.isfinite(array).all()), f"finite {what}")
    ordered = (found.boxes[:, 2:] > found.boxes[:, :2]).all()
    _expect(bool(ordered), "boxes with x1 < x2 and y1 < y2")
    inside = ((found.scores >= least) & (found.scores <= 1)).all()
    _expect(bool(inside), f"scores from {least:g} to 1, got {found.scores.tolist()}")


def _check_readings(read: object, n: int, k: int) -> None:
    _expect(isinstance(read, Readings), f"Readings, got {type(read).__name__}")
    assert isinstance(read, Readings)
    _expect(read.probs.shape == (n, k), f"probs ({n}, {k}), got {read.probs.shape}")
    _expect(read.probs.dtype == np.float32, f"probs of float32, got {read.probs.dtype}")
    known = read.probs[~np.isnan(read.probs).any(axis=1)]
    sound = (known >= 0).all() and np.allclose(known.sum(axis=1), 1, atol=1e-3)
    _expect(bool(sound), "rows of probabilities that sum to 1, or of NaN")


def _expect(is_so: bool, what: str) -> None:
    if not is_so:
        raise ContractError(f"expected {what}")


# --- helpers -------------------------------------------------------------------------------------


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


def _colour(emotion: str) -> tuple[int, int, int]:
    """BGR of an emotion: equal steps around the circle of hues."""
    hue = round(180 * EMOTIONS.index(emotion) / len(EMOTIONS))
    bgr = cv2.cvtColor(np.array([[[hue, 230, 220]]], np.uint8), cv2.COLOR_HSV2BGR)[0, 0]
    return int(bgr[0]), int(bgr[1]), int(bgr[2])


def _hsv(image: Image) -> Image:
    if image.size == 0:
        return image
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2HSV), np.uint8)


def _landmarks(boxes: F32) -> F32:
    """Eyes, nose and corners of the mouth, (N, 5, 2) px, of upright faces."""
    shares = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
    return boxes[:, None, :2] + shares * (boxes[:, 2:] - boxes[:, :2])[:, None]


def _depth(value: object) -> int:
    """How deep sequences of numbers, dicts or names are nested; arrays by their dimensions."""
    if isinstance(value, np.ndarray):
        return value.ndim
    if isinstance(value, (list, tuple)):
        return 1 + max((_depth(each) for each in value), default=0)
    return 0


def _has_names(value: object) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(v, (str, Mapping)) for v in value)


def _nth(script: Sequence[T], number: int) -> T:
    """The entry of a number, or the last one."""
    return script[min(number, len(script) - 1)]


def _length(answer: object) -> int:
    return len(answer) if isinstance(answer, Sequence) else -1
