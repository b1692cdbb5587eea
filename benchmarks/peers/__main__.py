"""moodstream beside its peers: the same clip in the same run, each in its own environment.

    python benchmarks/peers --work DIR [--runs 5] [--json FILE] [--calm]

In each round every peer runs once over the clip, and right before it the contenders of moodstream
that it is measured against: a machine that other programs slow down slows both. Ratios are medians
over the rounds. DIR keeps the environments (13 GB) for the next time. Prints Markdown, also of
what there is when it is ended by Ctrl-C.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import contenders
import environments
import ratios
from workers import Worker, calm

CLIP, WARM_UP = "WolfgangLanger_Pexels.mp4", 40


def record_box(clip: Path) -> list[int]:
    """The median box, xyxy px, of the best face that CenterFace finds in every tenth frame."""
    import cv2
    import numpy as np

    from moodstream.realtime.networks.load import load
    from moodstream.realtime.networks.models import ModelSettings

    detector = load(ModelSettings("embedded", device="cpu")).detector
    capture, boxes, index = cv2.VideoCapture(str(clip)), [], 0
    while (frame := capture.read()[1]) is not None:
        if index % 10 == 0 and len(found := detector.detect([frame], 0.5)[0]):
            boxes.append(found.boxes[0])
        index += 1
    return [round(float(side)) for side in np.median(boxes, axis=0)]


def make_networks(work: Path, clip: Path) -> Path:
    """The stand-ins, made by the peers' own packages, and where the peers look for them."""
    folder = work / "networks"
    if not (folder / "box.json").exists():
        fresh = work / "networks.part"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        (fresh / "box.json").write_text(json.dumps(record_box(clip)))
        command = [environments.python_of("loop", work), environments.HERE / "networks.py"]
        variables = environments.variables("loop", work)
        subprocess.run([*command, clip, fresh], check=True, env=variables, stdout=sys.stderr)
        fresh.rename(folder)
    for place, suffix in ((".hsemotion", "pt"), (".emotiefflib", "onnx")):
        target = work / "home" / place
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / f"enet_b0_8_best_vgaf.{suffix}", target)
    return folder


def measure(
    peers: list[contenders.Contender], work: Path, clip: Path, args: argparse.Namespace
) -> Iterator[ratios.Measured]:
    """The runs of all rounds; every process is started and warmed up before the first."""
    from moodstream.realtime.networks.engines.openvino import has_bf16

    rivals = {name for peer in peers for name, _ in peer.rivals}
    if not has_bf16():
        rivals.discard("same-bf16")
    chosen = [*(own for own in contenders.OURS if own.name in rivals), *peers]
    networks = make_networks(work, clip)
    with ExitStack() as stack:
        workers = {}
        for contender in chosen:
            say(f"starting {contender.name} ...")
            workers[contender.name] = worker = Worker(contender, work, clip, networks)
            stack.callback(worker.close)
            worker.run(WARM_UP, 0, contender.name)
        for turn, peer in itertools.product(range(args.runs), peers):
            if args.calm and not calm():
                say("the machine does not come to rest; going on")
            names = [name for name, _ in peer.rivals if name in workers]
            for name in (*names, peer.name):
                run = workers[name].run(args.frames, turn, peer.name)
                others = "" if run.others is None else f", others {run.others:.1f} cores"
                say(f"round {turn + 1}: {name:10s} {run.frames_per_second:7.1f} frames/s{others}")
                yield run


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def report(
    runs: list[ratios.Measured], peers: list[contenders.Contender], file: Path | None
) -> str:
    """The tables in Markdown; everything goes to ``file`` as JSON."""
    rows, found = ratios.summary(runs, [*contenders.OURS, *peers]), ratios.ratios(runs, peers)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    if file is not None:
        result = {"machine": machine, "clip": CLIP, "contenders": rows}
        result["ratios"] = [asdict(ratio) | {"met": ratio.met} for ratio in found]
        result["runs"] = [asdict(run) for run in runs]
        file.write_text(json.dumps(result, indent=2) + "\n")
    return f"{CLIP}; {machine}\n\n{ratios.markdown(rows, found)}"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    names = [peer.name for peer in contenders.PEERS]
    parser = argparse.ArgumentParser(
        prog="python benchmarks/peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--runs", type=int, default=5, help="rounds (5)")
    parser.add_argument("--frames", type=int, default=0, help="only so many frames (all)")
    parser.add_argument(
        "--calm",
        action="store_true",
        help="before each peer wait until other programs leave the machine alone (10 min at most)",
    )
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="PEER")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every run as JSON")
    args = parser.parse_args(arguments)
    if args.runs < 1 or args.frames < 0:
        parser.error("expected --runs ≥ 1 and --frames ≥ 0")
    return args


def main() -> None:
    args = parse()
    work = args.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    peers = [peer for peer in contenders.PEERS if peer.name in args.only]
    needed = {"loop"} | {peer.environment for peer in peers if peer.environment}
    for environment in sorted(needed):
        environments.build(environment, work)
    from moodstream.samples.fetch import fetch

    clip = fetch([CLIP])[CLIP].resolve()
    runs: list[ratios.Measured] = []
    try:
        for run in measure(peers, work, clip, args):
            runs.append(run)
            report(runs, peers, args.json)  # hours may lie behind the last of them
    except KeyboardInterrupt:
        say("stopped; this is what there is so far")
    print(report(runs, peers, args.json))


if __name__ == "__main__":
    main()
