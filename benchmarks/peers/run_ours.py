"""moodstream's own side: what `moodstream process --no-video` runs, once per request."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from serve import serve

from moodstream.realtime.networks.engines.base import SINGLE_STREAM, InferenceStreams
from moodstream.realtime.networks.engines.devices import streams_for
from moodstream.realtime.networks.engines.precision import Asked
from moodstream.realtime.networks.load import load
from moodstream.realtime.networks.models import Models, ModelSettings
from moodstream.realtime.networks.weights.catalogue import WeightFile
from moodstream.realtime.networks.weights.checksums import sha256_of
from moodstream.realtime.networks.weights.store import WeightStore
from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings
from moodstream.realtime.sources.files import FileSource


def store_of(networks: Path) -> WeightStore:
    """The stand-ins under the names of the files that they stand for, checked as those are."""
    kinds = {"yolov8n-face-lindevs.onnx": "detector", "enet_b0_8_best_vgaf.onnx": "emotion"}
    known = {
        name: WeightFile(name, "", sha256_of(networks / name), None, kind, "", "stand-in")
        for name, kind in kinds.items()
    }
    return WeightStore(networks, known)


def models_of(
    name: str, networks: Path, precision: Asked = "auto", streams: InferenceStreams = SINGLE_STREAM
) -> Models:
    """The networks of a contender on the CPU; ``centerface`` is that detector with HSEmotion."""
    if name == "embedded":
        return load(ModelSettings("embedded", device="cpu", streams=streams))
    detector = "centerface" if name == "centerface" else None
    settings = ModelSettings(
        "hsemotion", detector=detector, device="cpu", precision=precision, streams=streams
    )
    return load(settings, store_of(networks))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--networks", type=Path, required=True)
    parser.add_argument("--models", choices=("hsemotion", "centerface", "embedded"), required=True)
    parser.add_argument("--precision", choices=("auto", "bf16"), default="auto")
    parser.add_argument("--every-frame", action="store_true")
    args = parser.parse_args()
    models = models_of(args.models, args.networks, args.precision, streams_for(args.every_frame))
    source = FileSource(args.clip)
    fps = float(source.info.fps or 25)
    source.close()

    def once(frames: int) -> dict[str, Any]:
        end = (frames - 0.5) / fps if frames else None
        settings = ProcessSettings(every_frame=args.every_frame, video=False, end=end)
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            summary = OfflineRun(args.clip, Path(folder) / "out", models, settings).run()
            whole = time.perf_counter() - began
        return {
            "frames": summary["counts"]["frames"],
            "looks": summary["counts"]["detection_passes"],
            "faces": summary["counts"]["predictions"],
            "wall_seconds": summary["speed"]["wall_seconds"],
            "with_report_seconds": whole,
            "stages": summary["speed"]["stages"],
        }

    serve(once)


if __name__ == "__main__":
    main()
