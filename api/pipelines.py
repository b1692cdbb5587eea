"""The networks of an analysis and what is around them: by name, as objects, or as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy.typing as npt

from moodstream.arguments import expect_numbers
from moodstream.notices import warn_once
from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.ensemble import Vote
from moodstream.realtime.networks.classifiers.face_preprocessing import FaceTransform
from moodstream.realtime.networks.detectors.base import FaceDetector, FaceFilter

if TYPE_CHECKING:
    from moodstream.realtime.networks.engines.base import InferenceStreams, RunsOn
    from moodstream.realtime.networks.engines.devices import Device
    from moodstream.realtime.networks.engines.precision import Asked
    from moodstream.realtime.networks.models import ModelInfo, Models, ModelSettings

Pair = Literal["auto", "embedded", "hsemotion"]
"""The networks of the command line's ``--models``."""

DetectFunction: TypeAlias = Callable[[Image], Any]
ClassifyFunction: TypeAlias = Callable[[list[Image]], Any]
FilterFunction: TypeAlias = Callable[[Image, Detections], Any]
TransformFunction: TypeAlias = "Callable[[Image], Image] | Callable[[Image, F32], Any]"
VoteFunction: TypeAlias = Callable[[F32], npt.NDArray[Any]]
Detector: TypeAlias = "str | FaceDetector | DetectFunction"
Classifier: TypeAlias = "str | EmotionClassifier | ClassifyFunction"


class Pipeline:
    """The networks of an analysis, and what is done around them.

    Every part is a name that the command line knows (a plug-in's, too), an object, or a plain
    function; what is left out is what the command line takes. Networks are loaded with the first
    use and kept: give one pipeline to several calls. What a function returns is checked, and
    what is wrong with it is a ``MoodstreamError`` of one line.

    Args:
        models: The pair of networks whose halves are used where none is named here. ``auto``
            takes YOLOv8-face and HSEmotion where they are available, else the embedded ones; beside
            a part of your own the other half of ``auto`` is the embedded one for the detector.
        detector: A name or a file as ``--detector`` takes it, a ``FaceDetector``, or a function
            of one picture (H, W, 3) uint8 BGR that returns boxes (N, 4) xyxy px, a pair of boxes
            and scores (N,), or ``Detections``; ``[]`` where there is nobody.
        filters: Decide which of the detected faces count: functions of a picture and its
            ``Detections`` that return a mask (N,) or fewer ``Detections``. A face that is
            dropped is still hidden where privacy hides faces.
        transforms: Change each face before it is classified, in this order: ``align``,
            ``enlarge``, a ``FaceTransform``, or a function of the face's picture that returns one
            of the same size.
        classifiers: One or several that vote. A name or a file as ``--emotion`` takes it, an
            ``EmotionClassifier``, or a function of a list of face crops (h, w, 3) uint8 BGR that
            returns probabilities (N, 7) in the order of ``EMOTIONS``, or N dicts by emotion.
            None for the one of ``models``.
        vote: How several classifiers become one: ``mean``, or a function of their probabilities
            (M, N, 7) that returns (N, 7).
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: ``auto``, ``f32``, ``bf16`` or ``int8``.
        calibration: ``stored``, ``none``, or the path of a calibration file.
        detector_size: The longer side in px at which CenterFace takes pictures at most.

    Raises:
        MoodstreamError: A part is not what it should be.

    Example:
        >>> import numpy as np
        >>> import moodstream
        >>> def whole_picture(image):
        ...     height, width = image.shape[:2]
        ...     return [[0, 0, width, height]]
        >>> def always_happy(faces):
        ...     return [{"happy": 1.0}] * len(faces)
        >>> pipeline = moodstream.Pipeline(detector=whole_picture, classifiers=always_happy)
        >>> faces = moodstream.read_image(np.zeros((90, 120, 3), np.uint8), pipeline=pipeline)
        >>> faces.group.dominant
        'happy'
    """

    def __init__(
        self,
        *,
        models: Pair = "auto",
        detector: Detector | None = None,
        filters: FilterFunction | FaceFilter | Sequence[FilterFunction | FaceFilter] = (),
        transforms: (
            str
            | FaceTransform
            | TransformFunction
            | Sequence[str | FaceTransform | TransformFunction]
        ) = (),
        classifiers: Classifier | Sequence[Classifier] | None = None,
        vote: Literal["mean"] | Vote | VoteFunction = "mean",
        device: Device = "auto",
        precision: Asked = "auto",
        calibration: str = "stored",
        detector_size: int = 1280,
    ) -> None:
        from moodstream.realtime.networks.classifiers.ensemble import mean_vote
        from moodstream.realtime.networks.custom import (
            as_classifier,
            as_detector,
            as_filter,
            as_transform,
            as_vote,
            name_of,
        )
        from moodstream.realtime.networks.models import ModelSettings

        if models not in ("auto", "embedded", "hsemotion"):
            raise MoodstreamError(f"expected models auto, embedded or hsemotion, got {models!r}")
        expect_numbers(detector_size=detector_size)
        if classifiers is not None and not _several(classifiers):
            raise MoodstreamError(
                "classifiers: expected at least one, or None for the usual one, "
                f"got {classifiers!r}"
            )
        self._base = ModelSettings(
            models=models,
            device=device,
            precision=precision,
            calibration=calibration,
            detector_size=detector_size,
        )
        self._detector = None if detector is None else _made(detector, as_detector)
        self._filters = tuple(as_filter(each) for each in _several(filters))
        self._filter_names = " ".join(name_of(each) for each in _several(filters)) or None
        self._transforms = [_made(each, as_transform) for each in _several(transforms)]
        given = [] if classifiers is None else _several(classifiers)
        self._classifiers = [_made(each, as_classifier) for each in given]
        self._vote = mean_vote if isinstance(vote, str) and vote == "mean" else as_vote(vote)
        self._vote_name = "mean" if self._vote is mean_vote else name_of(vote)
        self._loaded: dict[InferenceStreams, Models] = {}

    def __repr__(self) -> str:
        told = [f"models {self._base.models}"]
        for what, parts in (
            ("detector", [] if self._detector is None else [self._detector]),
            ("filters", self._filters),
            ("transforms", self._transforms),
            ("classifiers", self._classifiers),
        ):
            if parts:
                told.append(f"{what} {', '.join(map(_called, parts))}")
        if len(self._classifiers) > 1:
            told.append(f"vote {self._vote_name}")
        return f"<Pipeline: {'; '.join(told)}>"

    def load(self, streams: InferenceStreams | None = None) -> Models:
        """The networks, ready to run; loaded with the first call.

        Args:
            streams: Network calls that are to run side by side on the CPU, one by default.

        Raises:
            MoodstreamError: A network is not available, or does not run here.
        """
        from moodstream.realtime.networks.engines.base import SINGLE_STREAM

        streams = streams or SINGLE_STREAM
        if streams not in self._loaded:
            self._loaded[streams] = self._load(streams)
        return self._loaded[streams]

    def _load(self, streams: InferenceStreams) -> Models:
        from moodstream.realtime.networks.classifiers.ensemble import mean_vote
        from moodstream.realtime.networks.load import load

        parts = [self._detector, *self._transforms, *self._classifiers]
        named = all(part is None or isinstance(part, str) for part in parts)
        if named and self._vote is mean_vote and len(self._transforms) < 2:
            face_preprocessing = self._transforms[0] if self._transforms else None
            emotion = ",".join(cast("list[str]", self._classifiers)) or None
            models = load(
                self._settings(
                    detector=self._detector,
                    emotion=emotion,
                    face_preprocessing=face_preprocessing,
                    streams=streams,
                )
            )
        else:
            models = self._composed()
        info = dict(models.info)
        info["detector"] = replace(info["detector"], filters=self._filter_names)
        return replace(models, info=info, filters=self._filters)

    def _settings(self, **more: Any) -> ModelSettings:
        return replace(self._base, **more)

    def _composed(self) -> Models:
        """The networks where some part is the user's own."""
        from moodstream.realtime.networks.engines.devices import choose_device
        from moodstream.realtime.networks.load import load_detector
        from moodstream.realtime.networks.models import Models

        if self._detector is None or isinstance(self._detector, str):
            detector, detector_info = load_detector(self._settings(detector=self._detector))
        else:
            detector, detector_info = self._detector, _own_info(self._detector.name)
        classifier, emotion_info, reason = self._voting()
        if self._transforms:
            from moodstream.realtime.networks.classifier_factory import face_transform
            from moodstream.realtime.networks.classifiers.face_preprocessing import (
                WithPreprocessing,
            )

            device: RunsOn = choose_device(self._base.device)
            names: list[str] = []
            for change in reversed(self._transforms):  # the innermost comes last
                named = isinstance(change, str)
                names.insert(0, change if named else change.__name__)
                made = face_transform(change, self._base, device) if named else change
                classifier = WithPreprocessing(classifier, made)
            emotion_info = replace(emotion_info, face_preprocessing=" ".join(names))
        return Models(
            detector, classifier, {"detector": detector_info, "emotion": emotion_info}, reason
        )

    def _voting(self) -> tuple[EmotionClassifier, ModelInfo, str | None]:
        """The classifier, of one part or of several that vote; its description; and a reason."""
        from moodstream.realtime.networks.classifiers.ensemble import Ensemble
        from moodstream.realtime.networks.model_info import info_of_several

        parts = [self._classifier(part) for part in self._classifiers or [None]]
        if len(parts) == 1:
            return parts[0]
        name = ",".join(info.name for _, info, _ in parts)
        info = replace(info_of_several(name, [info for _, info, _ in parts]), temperature=1.0)
        reason = next((reason for _, _, reason in parts if reason), None)
        return Ensemble([made for made, _, _ in parts], name, self._vote), info, reason

    def _classifier(
        self, part: str | EmotionClassifier | None
    ) -> tuple[EmotionClassifier, ModelInfo, str | None]:
        from moodstream.realtime.networks.load import load_classifier

        if part is None or isinstance(part, str):
            return load_classifier(self._settings(emotion=part))
        return part, replace(_own_info(part.name), temperature=1.0), None


def networks(pipeline: Pipeline | Pair, streams: InferenceStreams | None = None) -> Models:
    """The networks of a pipeline, or of a pair by its name; warns once where others run.

    Raises:
        MoodstreamError: It is neither, or a network is not available.
    """
    chosen = _pair(pipeline) if isinstance(pipeline, str) else pipeline
    if not isinstance(chosen, Pipeline):
        raise MoodstreamError(f"expected a Pipeline or a name, got {type(pipeline).__name__}")
    models = chosen.load(streams)
    warn_once(models.fallback_reason)
    return models


@lru_cache(maxsize=2)
def _pair(name: Pair) -> Pipeline:
    return Pipeline(models=name)


def _several(given: Any) -> list[Any]:
    """One part, or a sequence of them."""
    single = isinstance(given, str) or not isinstance(given, Sequence)
    return [given] if single else list(given)


def _made(given: Any, adapt: Callable[[Any], Any]) -> Any:
    """A name as it is, all else adapted."""
    return given if isinstance(given, str) else adapt(given)


def _called(part: Any) -> str:
    from moodstream.realtime.networks.custom import name_of

    return part if isinstance(part, str) else name_of(part)


def _own_info(name: str) -> ModelInfo:
    from moodstream.realtime.networks.models import ModelInfo

    return ModelInfo(name, file="", sha256="", engine="python", device="cpu")
