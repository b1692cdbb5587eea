"""The records that travel between stages: a frame, and the faces in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32, F64, I64, Image
from moodstream.realtime.emotions import EMOTIONS, EXTRAS


@dataclass(frozen=True)
class LazyImage:
    """A picture that is decoded when it is first asked for.

    Most frames of a file are never analysed, and then this costs nothing.

    Attributes:
        shape: (H, W, 3), known before the picture is decoded.
        make: Decodes the picture, (H, W, 3) uint8 BGR.
    """

    shape: tuple[int, ...]
    make: Callable[[], Image]


@dataclass(frozen=True)
class Frame:
    """One picture of a stream.

    Attributes:
        picture: (H, W, 3) uint8 BGR, or what decodes it.
        t: Presentation time in seconds.
        index: 0, 1, 2, … in the order of the stream.
        pts: The time stamp in units of the source's time base, None where it has none.
    """

    picture: Image | LazyImage
    t: float
    index: int
    pts: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.picture, LazyImage):
            _expect_image(self.picture, self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """(H, W, 3) of the picture, without decoding it."""
        return self.picture.shape

    @cached_property
    def image(self) -> Image:
        """The picture (H, W, 3) uint8 BGR."""
        if not isinstance(self.picture, LazyImage):
            return self.picture
        image = self.picture.make()
        _expect_image(image, self.shape)
        return image


@dataclass(frozen=True)
class Detections:
    """The N faces that a detector found in one picture; N may be 0.

    Attributes:
        boxes: (N, 4) float32 xyxy px.
        scores: (N,) float32 in [0, 1].
        landmarks: (N, 5, 2) float32 px (eyes, nose, corners of the mouth), None where the detector
            gives none.
    """

    boxes: F32
    scores: F32
    landmarks: F32 | None = None

    def __post_init__(self) -> None:
        n = len(self.boxes)
        _expect("boxes", self.boxes, (n, 4))
        _expect("scores", self.scores, (n,))
        if self.landmarks is not None:
            _expect("landmarks", self.landmarks, (n, 5, 2))

    @classmethod
    def none(cls) -> Detections:
        """No faces."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Detections:
        """The faces that ``index`` picks."""
        marks = None if self.landmarks is None else self.landmarks[index]
        return Detections(self.boxes[index], self.scores[index], marks)


@dataclass(frozen=True)
class EmotionPredictions:
    """What a classifier predicts for N faces.

    Attributes:
        probs: (N, K) float32 over the classifier's own classes; rows sum to 1.
        affect: (N, 2) float32 valence and arousal in [-1, 1], None where the model has none.
        disagreement: (N,) float32 nats, the mean JSD of an ensemble's members to their average;
            None for a single network.
    """

    probs: F32
    affect: F32 | None = None
    disagreement: F32 | None = None

    def __post_init__(self) -> None:
        n = len(self.probs)
        if self.affect is not None:
            _expect("affect", self.affect, (n, 2))
        if self.disagreement is not None:
            _expect("disagreement", self.disagreement, (n,))

    def __len__(self) -> int:
        return len(self.probs)

    def columns(self) -> F32:
        """(N, K + 3) float32: probs, valence, arousal, disagreement; NaN where there is none."""
        extra = np.full((len(self), len(EXTRAS)), np.nan, np.float32)
        if self.affect is not None:
            extra[:, :2] = self.affect
        if self.disagreement is not None:
            extra[:, 2] = self.disagreement
        return np.concatenate([self.probs, extra], axis=1)


@dataclass(frozen=True)
class Faces:
    """The N people in one frame, a column per property; N may be 0.

    Attributes:
        boxes: (N, 4) float32 xyxy px.
        scores: (N,) float32 of the detector, in [0, 1].
        quality: (N,) float32 in [0, 1].
        probs: (N, 7) float32 smoothed per person, NaN rows for faces not classified yet.
        track_ids: (N,) int64.
        seen: (N,) bool, False where the face was not detected and its box is extrapolated.
        landmarks: (N, 5, 2) float32 px, or None.
        extras: (N, 3) float32 smoothed valence and arousal in [-1, 1] and disagreement of an
            ensemble in nats, NaN where the model has none; or None.
        velocity: (N, 4) float32 px/s of the boxes, or None.
        labels: (N,) int64, index into EMOTIONS of the word shown for each, -1 where nothing is
            known; None where no time goes by, for the largest of ``probs``.
    """

    boxes: F32
    scores: F32
    quality: F32
    probs: F32
    track_ids: I64
    seen: npt.NDArray[np.bool_]
    landmarks: F32 | None = None
    extras: F32 | None = None
    velocity: F32 | None = None
    labels: I64 | None = None

    def __post_init__(self) -> None:
        n = len(self.boxes)
        _expect("boxes", self.boxes, (n, 4))
        _expect("scores", self.scores, (n,))
        _expect("quality", self.quality, (n,))
        _expect("probs", self.probs, (n, len(EMOTIONS)))
        _expect("track_ids", self.track_ids, (n,))
        _expect("seen", self.seen, (n,))
        if self.landmarks is not None:
            _expect("landmarks", self.landmarks, (n, 5, 2))
        if self.extras is not None:
            _expect("extras", self.extras, (n, len(EXTRAS)))
        if self.velocity is not None:
            _expect("velocity", self.velocity, (n, 4))
        if self.labels is not None:
            _expect("labels", self.labels, (n,))

    def shown_labels(self) -> I64:
        """The label of each, (N,) index into EMOTIONS; -1 where nothing is known."""
        if self.labels is not None:
            return self.labels
        unknown = np.isnan(self.probs).any(axis=1)
        return np.where(unknown, -1, self.probs.argmax(axis=1)).astype(np.int64)

    @classmethod
    def none(cls) -> Faces:
        """Nobody."""
        return cls(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.float32),
            np.zeros(0, np.float32),
            np.zeros((0, len(EMOTIONS)), np.float32),
            np.zeros(0, np.int64),
            np.zeros(0, bool),
        )

    def __len__(self) -> int:
        return len(self.boxes)


def _expect(name: str, array: npt.NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"expected {name} of shape {shape}, got {array.shape}")


def _expect_image(image: Image, shape: tuple[int, ...]) -> None:
    if image.shape != shape or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(
            f"expected an image of shape (H, W, 3) uint8, got {image.shape} {image.dtype}"
        )


@dataclass(frozen=True)
class GroupState:
    """The group at one time.

    Attributes:
        t: Seconds of media time.
        people: How many are present now.
        effective_people: Kish size of the weights over the window.
        probs: Distribution (7,) over the window, None where nobody was classified in it.
        interval: Lower and upper ends (2, 7) of the 90 % intervals of the shares in ``probs``, None
            where they are not known.
        weighted: The same as a plain average weighted by face quality.
        unweighted: The same as a plain average in which all faces count alike.
        entropy: Of ``probs``, in nats.
        entropy_share: The entropy as a share of ln 7, in [0, 1].
        dominant: The class with the largest share.
        shift: JSD in nats of ``weighted`` to the window before, None where either window has too
            few predictions.
        extras: Weighted means (3,) of valence, arousal and ensemble disagreement over the window,
            NaN where the model has none.
    """

    t: float
    people: int
    effective_people: float = 0.0
    probs: F64 | None = None
    interval: F64 | None = None
    weighted: F64 | None = None
    unweighted: F64 | None = None
    entropy: float | None = None
    entropy_share: float | None = None
    dominant: str | None = None
    shift: float | None = None
    extras: F64 | None = None


Index = npt.NDArray[np.intp]
