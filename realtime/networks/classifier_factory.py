"""The emotion classifier of one name or of several, with its face transform and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks import names, plugins
from moodstream.realtime.networks.asked_weights import weights_path
from moodstream.realtime.networks.classifiers import hsemotion
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.classifiers.embedded import PROVEN
from moodstream.realtime.networks.detector_factory import build_centerface
from moodstream.realtime.networks.engines import precision
from moodstream.realtime.networks.engines.base import RunsOn
from moodstream.realtime.networks.engines.devices import onnx_device
from moodstream.realtime.networks.model_info import (
    engine_name,
    info_of_file,
    info_of_plugin,
    info_of_several,
    refuse_int8,
)
from moodstream.realtime.networks.models import ModelInfo, ModelSettings
from moodstream.realtime.networks.weights import packaged
from moodstream.realtime.networks.weights.store import WeightStore

if TYPE_CHECKING:
    from moodstream.realtime.networks.classifiers.face_preprocessing import FaceTransform

Built = tuple[EmotionClassifier, ModelInfo]


def build_classifier(
    asked: str, settings: ModelSettings, device: RunsOn, store: WeightStore
) -> Built:
    """An emotion classifier and what it is.

    Args:
        asked: A name of ``names.emotion_names()``, that of a plug-in, or a file; several, divided
            by commas, vote.
        settings: How it should run, its face transform and its calibration.
        device: Where it should run; what cannot runs on the CPU.
        store: Where weights are kept, or fetched to.

    Raises:
        MoodstreamError: There is no such classifier, or it does not run as it should.
    """
    members = _member_names(asked)
    parts = [_build_one(name, settings, device, store) for name in members]
    if len(parts) == 1:
        return _calibrated(*_prepared(*parts[0], settings, device), settings.calibration)
    if set(members) == set(packaged.network_manifest().members):
        asked = "ensemble"  # so that its temperature holds, whichever way it is written
    ensemble = _ensemble(asked, parts, settings.calibration)
    return _calibrated(*_prepared(*ensemble, settings, device), settings.calibration)


def _member_names(asked: str) -> tuple[str, ...]:
    members = packaged.network_manifest().members
    parts = members if asked == "ensemble" else tuple(n.strip() for n in asked.split(","))
    if "ensemble" in parts:
        listed = ",".join(members)
        raise MoodstreamError(f"--emotion {asked}: in a list, write {listed} in place of ensemble")
    if "" in parts or len(set(parts)) < len(parts):
        raise MoodstreamError(f"--emotion {asked}: expected names that differ, divided by commas")
    return parts


def _ensemble(name: str, parts: Sequence[Built], calibration: str) -> Built:
    from moodstream.realtime.networks.classifiers.ensemble import Ensemble

    # A fitted file is for the average of members as they are; each may have a stored temperature.
    inner = "stored" if calibration == "stored" else "none"
    members = [_calibrated(*part, inner)[0] for part in parts]
    return Ensemble(members, name), info_of_several(name, [info for _, info in parts])


def _prepared(
    classifier: EmotionClassifier, info: ModelInfo, settings: ModelSettings, device: RunsOn
) -> Built:
    """The classifier behind a face transform, if one is asked for."""
    name = settings.face_preprocessing
    if name is None:
        return classifier, info
    from moodstream.realtime.networks.classifiers.face_preprocessing import WithPreprocessing

    change = face_transform(name, settings, device)
    return WithPreprocessing(classifier, change), replace(info, face_preprocessing=name)


def face_transform(name: str, settings: ModelSettings, device: RunsOn) -> FaceTransform:
    """A face transform by name.

    Args:
        name: One of ``face_preprocessing.NAMES``.
        settings: How its networks should run.
        device: Where they should run.

    Raises:
        MoodstreamError: There is no such transform.
    """
    from moodstream.realtime.networks.classifiers.face_preprocessing import (
        LANDMARK_SIDE,
        NAMES,
        Align,
        enlarge,
    )

    if name == "enlarge":
        return enlarge
    if name == "align":
        return Align(build_centerface(replace(settings, detector_size=LANDMARK_SIDE), device)[0])
    raise MoodstreamError(f"--face-preprocessing {name}: expected one of {', '.join(NAMES)}")


def _calibrated(classifier: EmotionClassifier, info: ModelInfo, calibration: str) -> Built:
    """The classifier with the calibration that ``ModelSettings.calibration`` asks for."""
    from moodstream.realtime.networks.classifiers.calibration import Calibrated, Calibration

    temperature: float | None = None
    prior: tuple[float, ...] | None = None
    if calibration == "stored":
        temperature, prior = packaged.network_manifest().calibration(info.name)
    elif calibration != "none":
        fitted = Calibration.load(Path(calibration))
        if fitted.classifier != info.name:
            raise MoodstreamError(
                f"--calibration {calibration}: fitted for {fitted.classifier}, not for {info.name}"
            )
        temperature, prior = fitted.temperature, fitted.prior
    if temperature is None:
        return classifier, replace(info, temperature=1.0)
    info = replace(info, temperature=temperature)
    return Calibrated(classifier, temperature, prior), info


def _build_one(asked: str, settings: ModelSettings, device: RunsOn, store: WeightStore) -> Built:
    if asked in packaged.network_manifest().networks:
        return _embedded(asked, settings, device)
    refuse_int8(settings, asked)
    plugin = plugins.find("emotion", asked, names.emotion_names())
    if plugin is not None:
        return plugin.classifier(device, settings.precision), info_of_plugin(plugin, device)
    path = weights_path(asked, "emotion", device, store, settings.progress)
    engine = "openvino" if path.suffix == ".onnx" else "torch"
    where: RunsOn = "cpu" if engine == "openvino" else device
    kind = precision.choose(settings.precision, where)
    name = Path(asked).stem if names.is_file(asked) else asked
    info = info_of_file(name, path, engine_name(engine, kind), where)
    if where == "cpu":
        return hsemotion.HSEmotionClassifier(name, path, where, kind, settings.streams.calls), info
    from moodstream.realtime.networks.classifiers.hsemotion_torch import HSEmotionTorch

    return HSEmotionTorch(name, path, where, kind), info


def _embedded(name: str, settings: ModelSettings, device: RunsOn) -> Built:
    where = onnx_device(device)
    kind = precision.choose(settings.precision, where, PROVEN)
    engine = f"{'openvino' if where == 'cpu' else 'torch'} {kind}"
    if where != "cpu":
        from moodstream.realtime.networks.classifiers.embedded_torch import EmbeddedTorch

        classifier: EmotionClassifier = EmbeddedTorch(name, where, kind)
    else:
        from moodstream.realtime.networks.classifiers.embedded import EmbeddedClassifier

        classifier = EmbeddedClassifier(name, kind, settings.streams.calls)
    path = packaged.embedded(name, kind == "int8")
    return classifier, info_of_file(name, path, engine, where)
