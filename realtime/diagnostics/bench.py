"""How fast this machine processes a video, next to what its network calls cost alone."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from moodstream.realtime.networks.engines.base import N, Network, T, TensorNetwork
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.schemas import VideoSummary
from moodstream.realtime.runs.offline.analyzer import caller_threads
from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings

if TYPE_CHECKING:
    from torch import Tensor


class NetworkCalls:
    """The calls of networks in a run, by network, input shape and type.

    Attributes:
        networks: The networks that were called, by their id.
        counts: Calls by id of the network, input shape and type.
    """

    def __init__(self) -> None:
        self.networks: dict[int, Network] = {}
        self.counts: Counter[tuple[int, tuple[int, ...], np.dtype[Any]]] = Counter()
        self._lock = threading.Lock()

    def count(self, network: Network, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        """Add one call; any thread may do so."""
        with self._lock:
            self.networks[id(network)] = network
            self.counts[id(network), shape, np.dtype(dtype)] += 1

    def counted(self, network: N) -> N:
        """``network`` with its calls counted; a ``NetworkWrapper``."""
        return cast("N", _CountedNetwork(network, self))

    def seconds_alone(self, threads: int = 1) -> float:
        """Seconds that exactly these calls take with nothing between them.

        Args:
            threads: How many make them side by side, as in the run.
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


class _CountedNetwork:
    """A network of any engine whose calls are counted."""

    def __init__(self, network: Network, calls: NetworkCalls) -> None:
        self._network, self._calls = network, calls

    def __call__(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
        self._calls.count(self._network, batch.shape, batch.dtype)
        return self._network(batch)

    def infer_in_place(
        self, batch: npt.NDArray[Any], take: Callable[[list[npt.NDArray[Any]]], T]
    ) -> T:
        self._calls.count(self._network, batch.shape, batch.dtype)
        return self._network.infer_in_place(batch, take)

    def infer_only(self, batch: npt.NDArray[Any]) -> None:
        self._calls.count(self._network, batch.shape, batch.dtype)
        self._network.infer_only(batch)

    def run(self, batch: Tensor) -> list[Tensor]:
        self._calls.count(self._network, tuple(batch.shape), np.float32)
        return cast("TensorNetwork", self._network).run(batch)


def bench(video: Path, models: Models, settings: ProcessSettings, runs: int = 5) -> dict[str, Any]:
    """Process a video ``runs`` times, and make the same network calls alone after each run.

    Run and bare calls lie side by side, so that a machine whose speed drifts slows both. A run
    before them warms up and does not count.

    Args:
        video: The video.
        models: The networks.
        settings: How it is processed.
        runs: How often.

    Returns:
        Medians of the runs; ``wall_over_bare`` is the median of the ratios.
    """
    _run(video, models, settings)
    results = [_run(video, models, settings) for _ in range(runs)]
    summaries = [summary for summary, _ in results]
    speeds, bares = [s["speed"] for s in summaries], [bare for _, bare in results]
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
        "detection_passes": counts["detection_passes"],
        "faces": counts["faces"],
        "predictions": counts["predictions"],
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
    """One run's summary, and the seconds of its network calls alone."""
    calls = NetworkCalls()
    counted = models.with_networks(calls.counted)
    with tempfile.TemporaryDirectory() as folder:
        summary = OfflineRun(video, Path(folder) / "out", counted, settings).run()
    return summary, calls.seconds_alone(caller_threads(models.streams))


def markdown(result: dict[str, Any]) -> str:
    """What ``bench`` returned, as a Markdown report."""
    wall, bare = result["wall_seconds"], result["bare_inference_seconds"]
    width, height = result["size"]
    lines = [
        f"### {result['video']}, {width}×{height}",
        "",
        f"{result['frames']} frames, {result['detection_passes']} detection passes, "
        f"{result['faces']} faces, {result['predictions']} predictions; "
        f"median of {result['runs']} runs",
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
