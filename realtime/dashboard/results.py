"""What the page shows of a processed video: charts, moods by part, and what can be downloaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from moodstream.overlays.palette import hex_of
from moodstream.realtime.frames import EMOTIONS
from moodstream.realtime.report_charts import context_chart, group_chart, lanes_chart
from moodstream.realtime.report_data import Timeline, read_lanes
from moodstream.realtime.summary import five_lines

FILES = {
    "overlay.mp4": "video",
    "report.html": "report",
    "timeline.csv": "CSV",
    "timeline.parquet": "Parquet",
    "people.parquet": "people (Parquet)",
    "events.json": "shifts (JSON)",
    "summary.json": "summary (JSON)",
}
"""What can be downloaded, and how it is called on the page."""

_MOST_SHIFTS = 100


def video_results(folder: Path, name: str) -> dict[str, Any]:
    """The results in a folder that a run filled, ready for JSON; charts are plotly's."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    events = json.loads((folder / "events.json").read_text(encoding="utf-8"))
    line = Timeline.read(folder / "timeline.parquet")
    start = max(0.0, float(line.t[0])) if len(line) else 0.0
    end = start + float(summary["counts"]["seconds"])
    charts: dict[str, Any] = {}
    if len(line):
        thin = line.thinned()
        if line.mean() is not None:
            charts["group"] = group_chart(thin, events, (start, end))
        charts["context"] = context_chart(thin, events, (start, end))
        people = folder / "people.parquet"
        lanes = read_lanes(people, start, end) if people.is_file() else None
        if lanes is not None and lanes.lanes:
            charts["lanes"] = lanes_chart(lanes, (start, end))
    return {
        "name": name,
        "lines": [line.split(maxsplit=1) for line in five_lines(summary)],
        "notes": summary["notes"],
        "nobody": not len(line) or not bool((line.people > 0).any()),
        "small": not len(line) or not bool((line.people >= 3).any()),
        "charts": charts,
        "moods": {mood: hex_of(mood) for mood in EMOTIONS},
        "shifts": sorted(events, key=lambda e: float(e["t"]))[:_MOST_SHIFTS],
        "files": [[file, label] for file, label in FILES.items() if (folder / file).is_file()],
    }
