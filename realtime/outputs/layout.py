"""The names of all files that moodstream writes as results, and of its folders for them."""

from __future__ import annotations

# a video, a recording
TIMELINE = "timeline.parquet"
TIMELINE_CSV = "timeline.csv"
PEOPLE = "people.parquet"
EVENTS = "events.json"
GAPS = "gaps.json"
OVERLAY = "overlay.mp4"
REPORT = "report.html"
SUMMARY = "summary.json"
PLOTLY = "plotly.min.js"

# a live session
STORE = "moodstream.db"
EXPORT = "export"
OVERLAY_STEM = "overlay"

# a set of photos
FACES = "faces.parquet"
PHOTOS = "photos.parquet"
FAILURES = "failures.csv"
ANNOTATED = "annotated"
UNFINISHED = "unfinished"
QUALITY_SHEET = "faces_by_quality.png"
CONTRIBUTORS_SHEETS = "contributors_*.png"

# an evaluation
METRICS = "metrics.json"
GROUPS = "groups.json"
METRICS_REPORT = "report.md"


def contributors_sheet(emotion: str) -> str:
    """The name of the contact sheet of the faces that add most to an emotion."""
    return CONTRIBUTORS_SHEETS.replace("*", emotion)
