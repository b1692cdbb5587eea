"""What smoothing and holding do to the labels of people on sample footage: flips and delay.

Unsmoothed is what a plain loop shows: every frame classified, the top class its label. Smoothed is
the top class of the pipeline's estimates, with ten detection passes and five predictions a second;
held is the label that the pipeline shows.

    python benchmarks/smoothing.py [VIDEO ...] [--emotion NAME] [--smoothing SECONDS]

Flips: changes of the label per minute. Delay: at each change of label
that the unsmoothed predictions keep to (the majority of the half second before and after differ),
how much later the held label follows, inf where it never does. Without videos the sample clips are
read. A row is a person of a clip, seen for a second or more. Prints Markdown.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
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
LASTS_S = 1.0
EVERY_FRAME = AnalysisSettings(rate=1000.0, refresh=0.0)


@dataclass(frozen=True)
class Labels:
    """Of one person: times of the detection passes (N,), the top class (N,), and the label (N,)."""

    t: npt.NDArray[np.float64]
    top: npt.NDArray[np.int64]
    held: npt.NDArray[np.int64]

    def held_at(self, t: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """The label at other times."""
        return self.held[np.maximum(np.searchsorted(self.t, t, side="right") - 1, 0)]


def labels(
    path: Path, networks: Models, tau: float, settings: AnalysisSettings
) -> dict[int, Labels]:
    """The labels of each person of a clip, by their number."""
    smoothing = SmoothingSettings(tau=tau)
    analyzer = OfflineAnalyzer(networks.detector, networks.classifier, settings, smoothing)
    source = FileSource(path)
    rows: dict[int, list[tuple[float, int, int]]] = {}
    for detected in analyzer.analyze(source.frames()):
        faces = detected.faces
        classified = faces.seen & ~np.isnan(faces.probs).any(1)
        for i in np.flatnonzero(classified) if detected.fresh else ():
            row = (detected.frame.t, int(faces.probs[i].argmax()), int(faces.shown_labels()[i]))
            rows.setdefault(int(faces.track_ids[i]), []).append(row)
    source.close()
    lasting = {each: seen for each, seen in rows.items() if seen[-1][0] - seen[0][0] >= LASTS_S}
    return {each: Labels(*map(np.array, zip(*seen, strict=True))) for each, seen in lasting.items()}


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
    parser.add_argument("videos", type=Path, nargs="*", metavar="VIDEO")
    parser.add_argument("--emotion", default="embedded")
    parser.add_argument("--smoothing", type=float, default=SmoothingSettings.tau)
    parser.add_argument("--precision", default="auto")
    args = parser.parse_args()
    networks = load(
        ModelSettings("embedded", emotion=args.emotion, device="cpu", precision=args.precision)
    )
    videos = args.videos or [fetch()[clip] for clip in CLIPS]
    print(
        "| clip, person | flips a minute, every frame | smoothed | held | lasting changes, delay |"
    )
    print("|---|--:|--:|--:|---|")
    for video in videos:
        everyone = labels(video, networks, 0.0, EVERY_FRAME)
        shown = labels(video, networks, args.smoothing, AnalysisSettings())
        for person in sorted(everyone.keys() & shown.keys()):
            raw, seen = everyone[person], shown[person]
            changes = delays(raw.t, raw.top, seen.held_at(raw.t))
            told = ", ".join(f"{at:.1f} s {EMOTIONS[k]} +{d:.2f} s" for at, k, d in changes)
            counts = [
                flips_per_minute(raw.t, raw.top),
                flips_per_minute(seen.t, seen.top),
                flips_per_minute(seen.t, seen.held),
            ]
            cells = " | ".join(f"{count:.0f}" for count in counts)
            print(f"| {video.stem}, {person} | {cells} | {told or 'none'} |", flush=True)


if __name__ == "__main__":
    main()
