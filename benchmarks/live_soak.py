"""Memory, threads and store size of a long `moodstream live` on a looped clip.

    python benchmarks/live_soak.py [VIDEO] [--minutes 60] [--speed 4] [--json FILE]

Runs the command in a process of its own with a recording and a server that is asked for its state
every ten seconds. Memory is counted from the fifth minute on. Linux only (/proc).
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from moodstream.realtime.outputs.recording.store import STORE, predicted_bytes

_EVERY = 10.0


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--settle", type=float, default=5.0, help="minutes before memory counts")
    parser.add_argument("--speed", type=float, default=4.0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.video is None:
        from moodstream.samples.fetch import fetch

        args.video = fetch(["WolfgangLanger_Pexels.mp4"])["WolfgangLanger_Pexels.mp4"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "moodstream.realtime.cli", "live", str(args.video)]
        command += ["--models", "embedded", "--loop", "--speed", str(args.speed), "--quiet"]
        command += ["--serve", f"127.0.0.1:{port}", "--record", folder]
        process = subprocess.Popen(command)
        samples = []
        began = time.monotonic()
        try:
            while (gone := time.monotonic() - began) < 60 * args.minutes:
                time.sleep(_EVERY)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/state") as answer:
                    state = json.load(answer)["sources"][0]
                samples.append(
                    {
                        "minute": gone / 60,
                        "mb": resident_mb(process.pid),
                        "threads": len(list(Path(f"/proc/{process.pid}/task").iterdir())),
                        **{k: state[k] for k in ("t", "people", "fps_shown", "latency_p95_ms")},
                    }
                )
                if len(samples) % 30 == 0:
                    print(json.dumps(samples[-1]), flush=True)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        size = sum(f.stat().st_size for f in Path(folder).glob(f"{STORE}*"))
    settled = [s for s in samples if s["minute"] >= args.settle] or samples[-1:]
    hours = samples[-1]["t"] / 3600
    people = [s["people"] for s in samples if s["people"] is not None]
    result = {
        "minutes": args.minutes,
        "stream_hours": round(hours, 3),
        "mb_settled": round(settled[0]["mb"], 1),
        "mb_growth": round(max(s["mb"] for s in settled) - settled[0]["mb"], 1),
        "mb_growth_at_end": round(settled[-1]["mb"] - settled[0]["mb"], 1),
        "threads": [settled[0]["threads"], settled[-1]["threads"]],
        "store_mb": round(size / 2**20, 2),
        "predicted_mb": round(predicted_bytes(hours, sum(people) / len(people)) / 2**20, 2),
        "fps_shown": sorted(s["fps_shown"] for s in settled)[len(settled) // 2],
        "exit_code": process.returncode,
    }
    print(json.dumps(result, indent=2))
    if args.json:
        args.json.write_text(json.dumps(result | {"samples": samples}, indent=2) + "\n")


if __name__ == "__main__":
    main()
