"""Records: the networks that are asked for, and those that run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypedDict, cast

from moodstream.realtime.networks.classifiers import hsemotion
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.detectors.base import FaceDetector, FaceFilter
from moodstream.realtime.networks.engines import precision
from moodstream.realtime.networks.engines.base import SINGLE_STREAM, InferenceStreams
from moodstream.realtime.networks.engines.devices import Device

EMOTION_NAMES = ("ensemble", *hsemotion.NAMES)
"""What `--emotion` takes beside the networks in this package and files."""


@dataclass(frozen=True)
class ModelSettings:
    """models: a pair, or auto; detector and emotion: a name or a file that replaces its half.

    detector_size: CenterFace reads pictures at this longer side in px at most; calibration:
    stored (the temperature that came with the weights, where one did), none, or a file that
    ``evaluate emotions --save-calibration`` wrote; precision: see ``precision.choose``;
    face_preprocessing: one of ``front_ends.NAMES``, what is done to each face before it is read; streams:
    network calls that are to run side by side on the CPU, see ``Models.streams``.
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
    """What ran: its name, file, SHA-256, the engine and device that ran it, and for a
    classifier the temperature of its probabilities (1 is uncalibrated) and the front end; for a
    detector the filters of its faces.

    An ensemble names its members' files and sums in one line each, divided by spaces.
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
    """A detector and a classifier ready to run, what they are, and what the user should know.

    ``streams`` calls of each go on at the same time; where it is above 1, any number of threads
    may make them, and ``worker.callers`` should. ``filters`` decide which of the faces found count.
    """

    detector: FaceDetector
    classifier: EmotionClassifier
    info: dict[str, ModelInfo]
    notice: str | None = None
    streams: int = 1
    filters: tuple[FaceFilter, ...] = ()

    @property
    def prior(self) -> tuple[float, ...]:
        """The mix (7,) of emotions that the classifier's answers assume."""
        from moodstream.realtime.networks.classifiers.calibration import prior_of

        return prior_of(self.classifier)

    def as_dict(self) -> dict[str, ModelEntry]:
        """For summaries."""
        return {
            part: cast(ModelEntry, {k: v for k, v in asdict(info).items() if v is not None})
            for part, info in self.info.items()
        }


def described(model: Mapping[str, Any]) -> str:
    """The name of a network, and the front end before it, from its ModelInfo as a dict."""
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
