"""How far the timeline of `process` is from that with a pass over every frame at full size.

    python benchmarks/timeline_gap.py [VIDEO]

Prints the mean and the largest JSD (nats) between the group distributions of the two, and of the
same with detection passes at full size only.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.maths import jsd
from moodstream.realtime.networks.load import load
from moodstream.realtime.networks.models import Models, ModelSettings
from moodstream.realtime.outputs import layout
from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings
from moodstream.samples.fetch import fetch

CLIP = "WolfgangLanger_Pexels.mp4"


def timeline(video: Path, models: Models, settings: ProcessSettings) -> dict[float, Any]:
    """The group distribution (7,) at each time, None where nobody is."""
    with tempfile.TemporaryDirectory() as folder:
        OfflineRun(video, Path(folder) / "out", models, settings).run()
        rows = pq.read_table(Path(folder) / "out" / layout.TIMELINE).to_pylist()
    return {
        row["t"]: None
        if row[f"p_{EMOTIONS[0]}"] is None
        else np.array([row[f"p_{emotion}"] for emotion in EMOTIONS])
        for row in rows
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", nargs="?", type=Path)
    args = parser.parse_args()
    video = args.video or fetch([CLIP])[CLIP]
    models = load(ModelSettings("embedded", device="cpu"))
    every = timeline(video, models, ProcessSettings(video=False, every_frame=True))
    for name, worker in (
        ("default", AnalysisSettings()),
        ("full size only", AnalysisSettings(full_size_every=0.0)),
    ):
        other = timeline(video, models, ProcessSettings(video=False, worker=worker))
        pairs = [(every[t], other.get(t)) for t in every]
        gaps = [jsd(a, b) for a, b in pairs if a is not None and b is not None]
        alone = sum((a is None) != (b is None) for a, b in pairs)
        print(
            f"{name}: mean JSD {np.mean(gaps):.4f}, largest {np.max(gaps):.4f} over {len(gaps)} "
            f"rows; {alone} rows in which only one of the two has a group"
        )


if __name__ == "__main__":
    main()
