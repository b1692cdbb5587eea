"""Speed of `moodstream process --no-video`, by stage, next to bare inference of the same calls.

    python benchmarks/process_speed.py [VIDEO] [--runs N] [--json FILE]

Every network call of a run is counted by network and input shape; then the same calls are made
alone, nothing else running, and timed. Runs and bare calls alternate, so that a machine whose
speed drifts slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from moodstream.realtime.engines.openvino import OpenVinoNetwork
from moodstream.realtime.models import ModelSettings, load
from moodstream.realtime.process import ProcessSettings, Run

Calls = Counter[tuple[int, tuple[int, ...]]]


def counted_run(video: Path, models, networks: dict[int, OpenVinoNetwork]) -> tuple[dict, Calls]:
    calls: Calls = Counter()
    plain = OpenVinoNetwork.__call__

    def counting(self, batch):
        networks[id(self)] = self
        calls[id(self), batch.shape] += 1
        return plain(self, batch)

    OpenVinoNetwork.__call__ = counting
    try:
        with tempfile.TemporaryDirectory() as folder:
            run = Run(video, Path(folder) / "out", models, ProcessSettings(video=False))
            return run.go(), calls
    finally:
        OpenVinoNetwork.__call__ = plain


def bare_seconds(calls: Calls, networks: dict[int, OpenVinoNetwork]) -> float:
    rng = np.random.default_rng(0)
    total = 0.0
    for (key, shape), times in calls.items():
        batch = rng.uniform(0, 255, shape).astype(np.float32)
        networks[key](batch)
        began = time.perf_counter()
        for _ in range(times):
            networks[key](batch)
        total += time.perf_counter() - began
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.video is None:
        from moodstream.samples.fetch import fetch

        args.video = fetch(["WolfgangLanger_Pexels.mp4"])["WolfgangLanger_Pexels.mp4"]
    models = load(ModelSettings("embedded", device="cpu"))
    networks: dict[int, OpenVinoNetwork] = {}
    counted_run(args.video, models, networks)  # warms the networks up
    speeds, bares, summaries = [], [], []
    for _ in range(args.runs):
        summary, calls = counted_run(args.video, models, networks)
        bares.append(bare_seconds(calls, networks))
        speeds.append(summary["speed"])
        summaries.append(summary)
    walls = [s["wall_seconds"] for s in speeds]
    stages = {
        name: round(statistics.median(s["stages"].get(name, 0.0) for s in speeds), 3)
        for name in speeds[0]["stages"]
    }
    ratio = statistics.median(w / b for w, b in zip(walls, bares, strict=True))
    result = {
        "video": args.video.name,
        "frames": summaries[0]["counts"]["frames"],
        "looks": summaries[0]["counts"]["looks"],
        "frames_per_second": statistics.median(s["frames_per_second"] for s in speeds),
        "wall_seconds": statistics.median(walls),
        "bare_inference_seconds": round(statistics.median(bares), 3),
        "wall_over_bare": round(ratio, 3),
        "stages": stages,
        "peak_memory_mb": speeds[-1]["peak_memory_mb"],
        "runs": args.runs,
    }
    print(f"{result['video']}: {result['frames']} frames, {result['looks']} looks, median of")
    print(
        f"{args.runs} runs: {result['frames_per_second']:.0f} frames/s, "
        f"wall {result['wall_seconds']:.2f} s,"
    )
    print(f"bare inference {result['bare_inference_seconds']:.2f} s, wall / bare {ratio:.2f}")
    for name, took in stages.items():
        print(f"  {name:10s} {took:7.2f} s")
    print("(decode runs on a thread of its own, so stages may add up to more than the wall)")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
