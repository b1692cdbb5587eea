"""Memory and speed over a long video: a clip looped to MINUTES, processed with --no-video.

    python benchmarks/long_video.py [VIDEO] [--minutes 10] [--video] [--json FILE]

Prints resident memory and frames/s for each minute of media time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from footage import loop

from moodstream.realtime.networks.load import load
from moodstream.realtime.networks.models import ModelSettings
from moodstream.realtime.runs.offline.pipeline import Progress
from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--video", action="store_true", help="write the overlay, too")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.source is None:
        from moodstream.samples.fetch import fetch

        args.source = fetch(["WolfgangLanger_Pexels.mp4"])["WolfgangLanger_Pexels.mp4"]
    rows: list[dict[str, float]] = []
    mark = {"frames": 0, "wall": time.perf_counter()}

    def tick(progress: Progress) -> None:
        if progress.t < 60 * (len(rows) + 1):
            return
        now = time.perf_counter()
        rate = (progress.frames - mark["frames"]) / (now - mark["wall"])
        mark.update(frames=progress.frames, wall=now)
        rows.append(
            {"minute": len(rows) + 1, "memory_mb": resident_mb(), "frames_per_second": rate}
        )
        print(
            f"minute {len(rows):3d}: {rows[-1]['memory_mb']:7.1f} MB, {rate:6.1f} frames/s",
            flush=True,
        )

    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "long.mp4"
        loop(args.source, clip, 60 * args.minutes + 1)
        models = load(ModelSettings("embedded", device="cpu"))
        run = OfflineRun(clip, Path(folder) / "out", models, ProcessSettings(video=args.video))
        mark["wall"] = time.perf_counter()
        run.run(tick)
    print(f"after the report: {resident_mb():7.1f} MB")
    growth = rows[-1]["memory_mb"] - rows[0]["memory_mb"]
    print(f"memory at the end is {growth:+.1f} MB against the first minute's")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
