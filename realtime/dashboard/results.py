"""What the page shows of a processed video: charts, summary, and what can be downloaded."""

from __future__ import annotations

from pathlib import Path

from moodstream.overlays.palette import hex_of
from moodstream.realtime.dashboard.schemas import VideoResults
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import read_json
from moodstream.realtime.outputs.report.charts import (
    Chart,
    context_chart,
    group_chart,
    interval_chart,
    lanes_chart,
)
from moodstream.realtime.outputs.report.data import Timeline, read_lanes
from moodstream.realtime.outputs.report.summary import terminal_summary
from moodstream.realtime.outputs.schemas import ShiftEvent, VideoSummary
from moodstream.realtime.privacy import Privacy

FILES = {
    layout.OVERLAY: "video",
    layout.REPORT: "report",
    layout.TIMELINE_CSV: "CSV",
    layout.TIMELINE: "Parquet",
    layout.PEOPLE: "people (Parquet)",
    layout.EVENTS: "shifts (JSON)",
    layout.SUMMARY: "summary (JSON)",
}
"""What can be downloaded, and how it is called on the page."""

_MAX_SHIFTS = 100


def video_results(folder: Path, name: str) -> VideoResults:
    """What the page shows of the results of a run, ready for JSON.

    Args:
        folder: The run's.
        name: What people call the video.
    """
    summary: VideoSummary = read_json(folder / layout.SUMMARY)
    events: list[ShiftEvent] = read_json(folder / layout.EVENTS)
    line = Timeline.read(folder / layout.TIMELINE)
    start = max(0.0, float(line.t[0])) if len(line) else 0.0
    end = start + float(summary["counts"]["seconds"])
    charts: dict[str, Chart] = {}
    if len(line):
        thin = line.thinned()
        if line.mean() is not None:
            charts["group"] = group_chart(thin, events, (start, end))
        if line.has_intervals:
            charts["intervals"] = interval_chart(thin, events, (start, end))
        charts["context"] = context_chart(thin, events, (start, end))
        people = folder / layout.PEOPLE
        lanes = read_lanes(people, start, end) if people.is_file() else None
        if lanes is not None and lanes.lanes:
            charts["lanes"] = lanes_chart(lanes, (start, end))
    return {
        "name": name,
        "lines": [line.split(maxsplit=1) for line in terminal_summary(summary)],
        "notes": summary["notes"],
        "nobody": not len(line) or not bool((line.people > 0).any()),
        "small": not len(line) or not bool((line.people >= Privacy.GROUP.min_group).any()),
        "charts": charts,
        "moods": {mood: hex_of(mood) for mood in EMOTIONS},
        "shifts": sorted(events, key=lambda e: float(e["t"]))[:_MAX_SHIFTS],
        "files": [[file, label] for file, label in FILES.items() if (folder / file).is_file()],
    }
