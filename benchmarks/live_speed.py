"""Frames shown, latency, refreshes and drops of `moodstream live` on a made crowd.

    python benchmarks/live_speed.py [--faces 5 30 60] [--emotion embedded hsemotion] [--seconds 30]

The source is a 1280×720, 30 frames/s file of N faces, cut out of the sample clips at different
moments and moving a little, played at its own rate. It is captured, analysed, drawn, and sent to
one viewer over HTTP; the viewer is another process. Every run has a process of its own. The
hsemotion row has EfficientNet-B0 with random weights: right for speed and for nothing else.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from footage import make_crowd

_WARM = 8.0  # seconds until rates and networks have settled

_VIEWER = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1]) as stream:
    while stream.read(65536):
        pass
"""


def stand_in_models(models, folder: Path):
    """The same detector with HSEmotion's EfficientNet-B0, random weights, by OpenVINO."""
    import dataclasses
    import warnings

    import timm
    import torch

    from moodstream.realtime.networks.classifiers.hsemotion import HSEmotionClassifier

    path = folder / "enet_b0_8_best_vgaf.onnx"
    network = timm.create_model("tf_efficientnet_b0", pretrained=False, num_classes=8).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, 3, 224, 224),),
            str(path),
            dynamo=False,
            input_names=["input"],
            dynamic_axes={"input": {0: "n"}},
        )
    return dataclasses.replace(models, classifier=HSEmotionClassifier(path.stem, path, "cpu"))


def measure(video: Path, emotion: str, seconds: float, viewer: bool) -> dict:
    from moodstream.realtime.analysis.people.tracker import AnalysisSettings
    from moodstream.realtime.networks.load import check_networks, load
    from moodstream.realtime.networks.models import ModelSettings
    from moodstream.realtime.outputs.server.broadcaster import Broadcaster
    from moodstream.realtime.outputs.server.server import Server
    from moodstream.realtime.runs.live.session import LiveSession
    from moodstream.realtime.runs.live.state import session_state
    from moodstream.realtime.runs.live.stream import LiveSettings
    from moodstream.realtime.sources.addresses import parse_source
    from moodstream.realtime.sources.capture import CaptureSettings

    models = load(ModelSettings("embedded", device="cpu"))
    with tempfile.TemporaryDirectory() as folder:
        if emotion == "hsemotion":
            models = stand_in_models(models, Path(folder))
        check_networks(models)
        spec = parse_source(str(video))
        hub = Broadcaster([spec.name])
        server = Server(hub, "127.0.0.1", 0)
        server.start()
        settings = LiveSettings(
            worker=AnalysisSettings(max_faces=100), capture=CaptureSettings(loop=True)
        )
        session = LiveSession(
            [spec], models, settings, show=lambda source, image, t: hub.picture(source, image)
        )
        session.start()
        url = f"{server.url}video"
        watcher = subprocess.Popen([sys.executable, "-c", _VIEWER, url]) if viewer else None
        states, cpu = [], 0.0
        dropped = 0
        begin = time.monotonic()
        while time.monotonic() < begin + _WARM + seconds:
            time.sleep(0.5)
            session.tick()
            state = session_state(session)
            hub.state(state)
            if time.monotonic() < begin + _WARM:
                cpu, dropped = time.process_time(), state["sources"][0]["dropped"]
                continue
            states.append(state["sources"][0] | {"look_ms": state["look_ms"]})
        used = (time.process_time() - cpu) / seconds
        dropped = states[-1]["dropped"] - dropped
        session.stop()
        server.stop()
        if watcher is not None:
            watcher.kill()
            watcher.wait()
    keys = ("people", "fps_in", "fps_shown", "latency_p50_ms", "latency_p95_ms")
    keys += ("refresh_hz", "oldest_s", "looks_hz", "look_ms")
    found = {k: statistics.median(s[k] for s in states if s[k] is not None) for k in keys}
    found["latency_p95_worst_ms"] = max(s["latency_p95_ms"] for s in states)
    return found | {"dropped_per_second": round(dropped / seconds, 2), "cores": round(used, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, nargs="+", default=[5, 30, 60])
    parser.add_argument("--emotion", nargs="+", default=["embedded", "hsemotion"])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--no-viewer", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=2, metavar=("VIDEO", "EMOTION"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        video, emotion = args.one
        print(json.dumps(measure(Path(video), emotion, args.seconds, not args.no_viewer)))
        return
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for faces in args.faces:
            video = Path(folder) / f"crowd{faces}.mp4"
            make_crowd(video, faces, 20.0)
            for emotion in args.emotion:
                command = [sys.executable, __file__, "--one", str(video), emotion]
                command += ["--seconds", str(args.seconds)]
                command += ["--no-viewer"] * args.no_viewer
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                result = {"faces": faces, "emotion": emotion, **json.loads(done.stdout)}
                results.append(result)
                print(
                    f"{faces:3d} faces, {emotion:9s}: {result['people']:.0f} followed, "
                    f"{result['fps_shown']:.1f} of {result['fps_in']:.1f} frames/s shown, "
                    f"latency p50 {result['latency_p50_ms']:.0f} ms, "
                    f"p95 {result['latency_p95_ms']:.0f} ms, "
                    f"{result['refresh_hz']:.1f} predictions/face/s, "
                    f"{result['looks_hz']:.1f} detection passes/s of {result['look_ms']:.0f} ms, "
                    f"{result['dropped_per_second']:.1f} drops/s, {result['cores']:.2f} cores",
                    flush=True,
                )
    if args.json:
        args.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
