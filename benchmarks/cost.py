"""What `process --no-video` costs against the number of faces and the length of the video.

    python benchmarks/cost.py -o DIR [--faces 1 5 30 60 120] [--minutes 1 10 60] [--seconds 20]

Faces: made 1280×720 crowds of the sample clips (footage.py). Length: the 640×360 clip of one
person played over and over. Every run has a process of its own, with the embedded networks on
the CPU. Writes ``cost.json``, ``cost.md`` and ``cost.png``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from footage import loop, make_crowd

from moodstream.samples.fetch import fetch

CLIP = "WolfgangLanger_Pexels.mp4"


def measure(video: Path) -> dict[str, Any]:
    """Process a video once with all of its faces; what it took, and the memory it left."""
    from moodstream.realtime.analysis.people.tracker import AnalysisSettings
    from moodstream.realtime.networks.engines.devices import streams_for
    from moodstream.realtime.networks.load import load
    from moodstream.realtime.networks.models import ModelSettings
    from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings

    models = load(ModelSettings("embedded", device="cpu", streams=streams_for(False)))
    settings = ProcessSettings(worker=AnalysisSettings(max_faces=400), video=False)
    with tempfile.TemporaryDirectory() as folder:
        summary = OfflineRun(video, Path(folder) / "out", models, settings).run()
    speed, counts = summary["speed"], summary["counts"]
    keys = ("wall_seconds", "frames_per_second", "peak_memory_mb", "stages")
    return {
        **{key: speed[key] for key in keys},
        **{key: counts[key] for key in ("frames", "detection_passes", "faces", "people_at_once")},
    }


def alone(video: Path) -> dict[str, Any]:
    """``measure`` in a process of its own, whose peak of memory is then this run's."""
    command = [sys.executable, __file__, "--one", str(video)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def row(name: str, got: dict[str, Any]) -> str:
    """A line of the table."""
    per_pass = 1000 * got["wall_seconds"] / got["detection_passes"]
    return (
        f"| {name} | {got['faces'] / got['detection_passes']:.1f} | {got['wall_seconds']:.1f} s | "
        f"{got['frames_per_second']:.0f} | {per_pass:.1f} ms | {got['peak_memory_mb']:.0f} MB |"
    )


def plot(
    faces: dict[int, dict[str, Any]], minutes: dict[float, dict[str, Any]], path: Path
) -> None:
    """Wall time and peak memory against both, in one figure."""
    from moodstream.realtime.outputs.report.figures import new_figure, plain_axes, save

    figure = new_figure(9.0, 6.0)
    panels = figure.subplots(2, 2)
    pass_ms = {n: 1000 * got["wall_seconds"] / got["detection_passes"] for n, got in faces.items()}
    memory = {n: got["peak_memory_mb"] for n, got in faces.items()}
    wall = {m: got["wall_seconds"] for m, got in minutes.items()}
    long_memory = {m: got["peak_memory_mb"] for m, got in minutes.items()}
    for axes, values, what, against in (
        (panels[0, 0], pass_ms, "ms per look, all included", "faces"),
        (panels[0, 1], wall, "wall time, s", "minutes of video"),
        (panels[1, 0], memory, "peak memory, MB", "faces"),
        (panels[1, 1], long_memory, "peak memory, MB", "minutes of video"),
    ):
        plain_axes(axes)
        axes.plot(list(values), list(values.values()), "o-", color="#2166AC")
        axes.set_ylim(0, 1.1 * max(values.values(), default=1))
        axes.set_xlim(left=0)
        axes.set_xlabel(against)
        axes.set_ylabel(what)
    save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--faces", type=int, nargs="*", default=[1, 5, 30, 60, 120])
    parser.add_argument("--minutes", type=float, nargs="*", default=[1, 10, 60])
    parser.add_argument("--seconds", type=float, default=20.0, help="length of the crowds")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    faces, minutes = {}, {}
    lines = [
        "| | faces per look | wall | frames/s | per look | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "video.mp4"
        for count in args.faces:
            make_crowd(video, count, args.seconds)
            faces[count] = alone(video)
            lines.append(row(f"{count} faces, 1280×720", faces[count]))
            print(lines[-1], flush=True)
        for length in args.minutes:
            loop(fetch([CLIP])[CLIP], video, 60 * length)
            minutes[length] = alone(video)
            lines.append(row(f"{length:g} minutes, 640×360", minutes[length]))
            print(lines[-1], flush=True)
    (args.output / "cost.md").write_text("\n".join(lines) + "\n")
    everything = {"faces": faces, "minutes": minutes}
    (args.output / "cost.json").write_text(json.dumps(everything, indent=2) + "\n")
    plot(faces, minutes, args.output / "cost.png")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main()
