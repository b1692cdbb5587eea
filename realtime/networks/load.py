"""Which networks run: from what the user asked for and what is there."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks import names, plugins
from moodstream.realtime.networks.classifier_factory import build_classifier
from moodstream.realtime.networks.classifiers.base import EmotionClassifier
from moodstream.realtime.networks.detector_factory import build_detector
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.engines.base import SINGLE_STREAM, RunsOn
from moodstream.realtime.networks.engines.devices import Device, choose_device
from moodstream.realtime.networks.models import ModelInfo, Models, ModelSettings
from moodstream.realtime.networks.weights.store import WeightsError, WeightStore

logger = logging.getLogger(__name__)


def load(settings: ModelSettings, store: WeightStore | None = None) -> Models:
    """Build the networks that ``settings`` asks for.

    ``auto`` takes the verified YOLOv8-face and HSEmotion where they are cached or can be
    downloaded, else the embedded pair, with the reason.

    Args:
        settings: What the user asked for.
        store: Where weights are kept, or fetched to; the user's cache folder by default.

    Raises:
        MoodstreamError: A network, its weights or the device cannot be had.

    Example:
        >>> import numpy as np
        >>> models = load(ModelSettings("embedded", device="cpu"))
        >>> models.info["detector"].name, models.info["emotion"].name
        ('centerface', 'embedded')
        >>> black = np.zeros((96, 160, 3), np.uint8)
        >>> [len(faces) for faces in models.detector.detect([black], 0.5)]
        [0]
    """
    store = store or WeightStore()
    device = choose_device(settings.device)
    try:
        models = _build(settings, _pair(settings), device, store)
    except WeightsError as error:
        if settings.models != "auto":
            raise
        logger.info("falling back to the embedded networks: %s", error)
        models = _build(settings, names.PAIRS["embedded"], device, store)
        return replace(models, fallback_reason=f"using the embedded networks: {error}")
    return replace(models, fallback_reason=_device_fallback(settings.device, models.info.values()))


def load_detector(
    settings: ModelSettings, store: WeightStore | None = None
) -> tuple[FaceDetector, ModelInfo]:
    """The face detector alone, and what it is: the one asked for, else that of the pair.

    Unlike in ``load``, ``auto`` is the embedded pair.

    Args:
        settings: What the user asked for.
        store: Where weights are kept, or fetched to; the user's cache folder by default.

    Raises:
        MoodstreamError: The network, its weights or the device cannot be had.
    """
    pair = names.PAIRS["embedded" if settings.models == "auto" else settings.models]
    device = choose_device(settings.device)
    detector, info = build_detector(
        settings.detector or pair.detector, settings, device, store or WeightStore()
    )
    _log("detector", info)
    return detector, info


def load_classifier(
    settings: ModelSettings, store: WeightStore | None = None
) -> tuple[EmotionClassifier, ModelInfo, str | None]:
    """The emotion classifier alone, what it is, and why it is another than the one asked for.

    Args:
        settings: What the user asked for.
        store: Where weights are kept, or fetched to; the user's cache folder by default.

    Returns:
        The classifier, what it is, and the reason of a fallback, None where there is none.

    Raises:
        MoodstreamError: The network, its weights or the device cannot be had.
    """
    store, device = store or WeightStore(), choose_device(settings.device)
    try:
        asked = settings.emotion or _pair(settings).emotion
        classifier, info = build_classifier(asked, settings, device, store)
        reason = _device_fallback(settings.device, [info])
    except WeightsError as error:
        if settings.models != "auto" or settings.emotion:
            raise
        logger.info("falling back to the embedded network: %s", error)
        instead = names.PAIRS["embedded"].emotion
        classifier, info = build_classifier(instead, settings, device, store)
        reason = f"using the embedded network: {error}"
    _log("emotion", info)
    return classifier, info, reason


def check_networks(models: Models) -> None:
    """Run both networks once on a black picture, so that the first frames do not wait for them.

    Raises:
        MoodstreamError: They do not run here.
    """
    import numpy as np

    blank = np.zeros((360, 640, 3), np.uint8)
    try:
        models.detector.detect([blank], 0.5)
        models.classifier.classify([blank], [np.array([[10, 10, 60, 60]], np.float32)])
    except RuntimeError as error:
        raise MoodstreamError(f"the networks do not run here ({error})") from error


def _pair(settings: ModelSettings) -> names.Pair:
    if settings.models != "auto":
        return names.PAIRS[settings.models]
    # only the embedded networks are there in int8
    return names.PAIRS["embedded" if settings.precision == "int8" else "hsemotion"]


def _build(settings: ModelSettings, pair: names.Pair, device: RunsOn, store: WeightStore) -> Models:
    asked = settings.detector or pair.detector
    # a GPU takes batches; OpenCV is for one thread, and plug-ins may be
    if device != "cpu" or asked == "haar" or plugins.find("detector", asked, names.DETECTOR_NAMES):
        settings = replace(settings, streams=SINGLE_STREAM)
    detector, of_detector = build_detector(asked, settings, device, store)
    emotion = settings.emotion or pair.emotion
    classifier, of_classifier = build_classifier(emotion, settings, device, store)
    info = {"detector": of_detector, "emotion": of_classifier}
    for part, each in info.items():
        _log(part, each)
    on_openvino = all(each.engine.startswith("openvino") for each in info.values())
    streams = settings.streams.calls if on_openvino else 1
    logger.debug("network calls side by side: %d", streams)
    return Models(detector, classifier, info, streams=streams)


def _device_fallback(asked: Device, infos: Iterable[ModelInfo]) -> str | None:
    """Why the networks run on the CPU although a GPU was asked for; None where they do not."""
    if asked in ("auto", "cpu") or any(asked in info.device.split() for info in infos):
        return None
    from moodstream.realtime.networks.engines.torch import reads_onnx

    advice = "" if reads_onnx() else " without onnx2torch: pip install 'moodstream[gpu]'"
    return f"these networks run on the CPU only, not on {asked}{advice}"


def _log(part: str, info: ModelInfo) -> None:
    logger.info("%s: %s by %s on %s", part, info.name, info.engine, info.device)
    logger.debug("%s: file %s, SHA-256 %s", part, info.file, info.sha256)
