"""How fast this machine processes a video, next to what its network calls cost alone."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime.networks.engines.base import TimeableNetwork, listening
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.schemas import VideoSummary
from moodstream.realtime.runs.offline.analyzer import caller_threads
from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings


class Calls:
    """Network calls of a run, by network and input shape."""

    def __init__(self) -> None:
        self.networks: dict[int, TimeableNetwork] = {}
        self.counts: Counter[tuple[int, tuple[int, ...], np.dtype[Any]]] = Counter()

    def note(self, network: TimeableNetwork, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """One more call."""
        self.networks[id(network)] = network
        self.counts[id(network), shape, dtype] += 1

    def seconds_alone(self, threads: int = 1) -> float:
        """Seconds that exactly these calls take with nothing between them.

        threads: how many make them side by side, as in the run.
        """
        rng = np.random.default_rng(0)
        total = 0.0
        with ThreadPoolExecutor(threads) as pool:
            for (key, shape, dtype), times in self.counts.items():
                batch = rng.uniform(0, 255, shape).astype(dtype)
                network = self.networks[key].infer_only
                list(pool.map(network, [batch] * threads))
                began = time.perf_counter()
                list(pool.map(network, repeat(batch, times)))
                total += time.perf_counter() - began
        return total


def bench(video: Path, models: Models, settings: ProcessSettings, runs: int = 5) -> dict[str, Any]:
    """Process a video ``runs`` times, and make the same network calls alone after each run.

    Figures are medians, ``wall_over_bare`` that of the ratios: run and bare calls lie side by
    side, so that a machine whose speed drifts slows both. The first run warms up and does not
    count.
    """
    _run(video, models, settings)
    found = [_run(video, models, settings) for _ in range(runs)]
    summaries = [summary for summary, _ in found]
    speeds, bares = [s["speed"] for s in summaries], [bare for _, bare in found]
    names = dict.fromkeys(name for speed in speeds for name in speed["stages"])
    stages = {
        n: round(statistics.median(s["stages"].get(n, 0.0) for s in speeds), 3) for n in names
    }
    walls = [speed["wall_seconds"] for speed in speeds]
    ratios = [wall / bare for wall, bare in zip(walls, bares, strict=True) if bare]
    counts, source = summaries[0]["counts"], summaries[0]["source"]
    return {
        "video": source["name"],
        "size": [source["width"], source["height"]],
        "frames": counts["frames"],
        "looks": counts["detection_passes"],
        "faces": counts["faces"],
        "readings": counts["predictions"],
        "frames_per_second": round(statistics.median(s["frames_per_second"] for s in speeds), 2),
        "times_real_time": round(statistics.median(s["times_real_time"] for s in speeds), 3),
        "wall_seconds": round(statistics.median(walls), 3),
        "bare_inference_seconds": round(statistics.median(bares), 3),
        "wall_over_bare": round(statistics.median(ratios), 3) if ratios else None,
        "stages": dict(sorted(stages.items(), key=lambda item: -item[1])),
        "peak_memory_mb": speeds[-1]["peak_memory_mb"],
        "runs": runs,
        "models": models.as_dict(),
    }


def _run(video: Path, models: Models, settings: ProcessSettings) -> tuple[VideoSummary, float]:
    calls = Calls()
    with tempfile.TemporaryDirectory() as folder, listening(calls.note):
        summary = OfflineRun(video, Path(folder) / "out", models, settings).run()
    return summary, calls.seconds_alone(caller_threads(models.streams))


def markdown(result: dict[str, Any]) -> str:
    """The result as a Markdown report."""
    wall, bare = result["wall_seconds"], result["bare_inference_seconds"]
    width, height = result["size"]
    lines = [
        f"### {result['video']}, {width}×{height}",
        "",
        f"{result['frames']} frames, {result['looks']} looks, {result['faces']} faces found, "
        f"{result['readings']} readings; median of {result['runs']} runs",
        "",
        "| | |",
        "|---|---|",
        f"| frames/s | {result['frames_per_second']:.0f} |",
        f"| × real time | {result['times_real_time']:.1f} |",
        f"| wall | {wall:.2f} s |",
        f"| bare inference of the same calls | {bare:.2f} s |",
    ]
    if result["wall_over_bare"]:
        lines.append(f"| wall / bare | {result['wall_over_bare']:.2f} |")
    if result["peak_memory_mb"]:
        lines.append(f"| peak memory | {result['peak_memory_mb']:.0f} MB |")
    lines += ["", "| stage | seconds | share of the wall |", "|---|---|---|"]
    lines += [f"| {n} | {took:.2f} | {took / wall:.0%} |" for n, took in result["stages"].items()]
    return "\n".join([*lines, "", "Stages run side by side: together they exceed the wall.", ""])
