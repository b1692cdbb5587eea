"""Records: the networks that are asked for, and those that run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypedDict, cast

from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.detectors.base import FaceDetector, FaceFilter
from moodstream.realtime.networks.engines import precision
from moodstream.realtime.networks.engines.base import (
    SINGLE_STREAM,
    InferenceStreams,
    NetworkWrapper,
    with_networks,
)
from moodstream.realtime.networks.engines.devices import Device


@dataclass(frozen=True)
class ModelSettings:
    """Which networks the user asked for, and how they should run.

    Attributes:
        models: A pair of detector and classifier; auto is hsemotion where its weights can be
            had, else embedded.
        detector: A name or a file in place of the pair's detector.
        emotion: A name or a file in place of the pair's classifier; names with commas vote.
        device: Where the networks run; auto is a GPU where torch finds one.
        progress: Whether downloads draw a bar on a terminal.
        detector_size: CenterFace shrinks pictures to this longer side in px.
        calibration: stored (the temperature that came with the weights, where one did), none, or
            a file that ``evaluate emotions --save-calibration`` wrote.
        precision: What the networks compute in, see ``precision.choose``.
        face_preprocessing: One of ``face_preprocessing.NAMES``, done to each face before it is
            classified; None for nothing.
        streams: Network calls that are to run side by side on the CPU, see ``Models.streams``.

    Example:
        >>> settings = ModelSettings("embedded", device="cpu")
        >>> settings.precision
        'auto'
    """

    models: Literal["auto", "embedded", "hsemotion"] = "auto"
    detector: str | None = None
    emotion: str | None = None
    device: Device = "auto"
    progress: bool = False
    detector_size: int = 1280
    calibration: str = "stored"
    precision: precision.Asked = "auto"
    face_preprocessing: str | None = None
    streams: InferenceStreams = SINGLE_STREAM


@dataclass(frozen=True)
class ModelInfo:
    """What a network is and what runs it.

    Attributes:
        name: What the user calls it.
        file: Name of its file; several, as of an ensemble, are divided by spaces.
        sha256: SHA-256 of the file in hex; several are divided by spaces.
        engine: What runs it, and the precision.
        device: cpu, cuda or mps.
        temperature: Of a classifier's probabilities, 1 is uncalibrated; None for a detector.
        face_preprocessing: Face transforms before a classifier; None without any.
        filters: Filters of a detector's faces; None without any.
    """

    name: str
    file: str
    sha256: str
    engine: str
    device: str
    temperature: float | None = None
    face_preprocessing: str | None = None
    filters: str | None = None


@dataclass(frozen=True)
class Models:
    """A detector and a classifier ready to run.

    Attributes:
        detector: Detects faces.
        classifier: Predicts their emotions.
        info: What "detector" and "emotion" are.
        fallback_reason: Why other networks run than the user asked for, or on another
            device; None where they do not.
        streams: Calls of each network that run at the same time; above 1 any number of threads
            may make them, and ``analyzer.caller_threads`` should.
        filters: Which of the detected faces count.
    """

    detector: FaceDetector
    classifier: EmotionClassifier
    info: dict[str, ModelInfo]
    fallback_reason: str | None = None
    streams: int = 1
    filters: tuple[FaceFilter, ...] = ()

    def with_networks(self, wrap: NetworkWrapper) -> Models:
        """The same models with ``wrap`` around the networks of detector and classifier."""
        return replace(
            self,
            detector=with_networks(self.detector, wrap),
            classifier=with_networks(self.classifier, wrap),
        )

    @property
    def prior(self) -> tuple[float, ...]:
        """The distribution (7,) over EMOTIONS that the classifier assumes."""
        from moodstream.realtime.networks.classifiers.calibration import prior_of

        return prior_of(self.classifier)

    def as_dict(self) -> dict[str, ModelEntry]:
        """What the networks are, for summaries."""
        return {
            part: cast(ModelEntry, {k: v for k, v in asdict(info).items() if v is not None})
            for part, info in self.info.items()
        }


def described(model: Mapping[str, Any]) -> str:
    """The name of a network and of the transforms before it, from its ModelInfo as a dict."""
    face_preprocessing = model.get("face_preprocessing")
    return (
        f"{model['name']} behind {face_preprocessing}" if face_preprocessing else str(model["name"])
    )


class _Model(TypedDict):
    name: str
    file: str
    sha256: str
    engine: str
    device: str


class ModelEntry(_Model, total=False):
    """A network that ran."""

    temperature: float
    face_preprocessing: str
    filters: str
