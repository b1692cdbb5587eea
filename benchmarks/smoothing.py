"""What smoothing does to the labels of people on the sample footage: flips and delay.

Unsmoothed is what a plain loop shows: every frame classified, the top class its label. Smoothed is
the label that the pipeline shows, with ten detection passes and five predictions a second.

    python benchmarks/smoothing.py [--emotion NAME] [--smoothing SECONDS] [--precision P]

Flips: changes of the label per minute. Delay: at each change of label
that the unsmoothed predictions keep to (the majority of the half second before and after differ),
how much later the smoothed label follows, inf where it never does. Prints Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.networks.load import load
from moodstream.realtime.networks.models import Models, ModelSettings
from moodstream.realtime.runs.offline.analyzer import OfflineAnalyzer
from moodstream.realtime.sources.files import FileSource
from moodstream.samples.fetch import fetch
from moodstream.trackers.smoothing import SmoothingSettings

CLIPS = ("WolfgangLanger_Pexels.mp4", "single_face.mp4")
KEEPS = 0.5
EVERY_FRAME = AnalysisSettings(rate=1000.0, refresh=0.0)


def labels(
    path: Path, networks: Models, tau: float, settings: AnalysisSettings
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Times of the detection passes (N,) and the label (N,) of the person seen longest at each."""
    smoothing = SmoothingSettings(tau=tau)
    analyzer = OfflineAnalyzer(networks.detector, networks.classifier, settings, smoothing)
    source = FileSource(path)
    rows: dict[int, list[tuple[float, int]]] = {}
    for detected in analyzer.analyze(source.frames()):
        faces = detected.faces
        classified = faces.seen & ~np.isnan(faces.probs).any(1)
        for i in np.flatnonzero(classified) if detected.fresh else ():
            row = (detected.frame.t, int(faces.probs[i].argmax()))
            rows.setdefault(int(faces.track_ids[i]), []).append(row)
    source.close()
    longest = max(rows.values(), key=len)
    return np.array([t for t, _ in longest]), np.array([k for _, k in longest])


def flips_per_minute(t: npt.NDArray[np.float64], label: npt.NDArray[np.int64]) -> float:
    """Changes of the label (N,) at times (N,)."""
    return float((np.diff(label) != 0).sum() * 60 / (t[-1] - t[0]))


def majority(label: npt.NDArray[np.int64]) -> int:
    """The label seen most often."""
    return int(np.bincount(label).argmax())


def delays(
    t: npt.NDArray[np.float64], raw: npt.NDArray[np.int64], smooth: npt.NDArray[np.int64]
) -> list[tuple[float, int, float]]:
    """(time, new label, delay) of every lasting change of the unsmoothed label."""
    found: list[tuple[float, int, float]] = []
    for i in np.flatnonzero(np.diff(raw)) + 1:
        before, after = raw[(t >= t[i] - KEEPS) & (t < t[i])], raw[(t >= t[i]) & (t < t[i] + KEEPS)]
        new = majority(after)
        if new != raw[i] or new == majority(before) or t[-1] - t[i] < 2 * KEEPS:
            continue
        if found and found[-1][1] == new:
            continue
        later = t[(t >= t[i]) & (smooth == new)]
        late = float(later[0] - t[i]) if len(later) else float("inf")
        found.append((float(t[i]), new, late))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emotion", default="embedded")
    parser.add_argument("--smoothing", type=float, default=SmoothingSettings.tau)
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    networks = load(
        ModelSettings("embedded", emotion=args.emotion, device="cpu", precision=args.precision)
    )
    footage = fetch()
    print(
        "| clip | flips a minute, every frame | ten predictions a second | smoothed "
        "| lasting changes and the delay |"
    )
    print("|---|---|---|---|---|")
    for clip in CLIPS:
        t, raw = labels(footage[clip], networks, 0.0, EVERY_FRAME)
        few, plain = labels(footage[clip], networks, 0.0, AnalysisSettings(refresh=0.0))
        times, shown = labels(footage[clip], networks, args.smoothing, AnalysisSettings())
        smooth = shown[np.maximum(np.searchsorted(times, t, side="right") - 1, 0)]
        told = ", ".join(
            f"{at:.1f} s {EMOTIONS[k]} +{d:.2f} s" for at, k, d in delays(t, raw, smooth)
        )
        print(
            f"| {clip} | {flips_per_minute(t, raw):.0f} | "
            f"{flips_per_minute(few, plain):.0f} | {flips_per_minute(t, smooth):.0f} | "
            f"{told or 'none'} |"
        )


if __name__ == "__main__":
    main()
