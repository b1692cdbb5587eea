"""Moods are stacked in one order wherever they are: that of EMOTIONS, from the bottom up."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import numpy as np

from moodstream.overlays.history import draw_history
from moodstream.overlays.palette import bgr, hex_of
from moodstream.overlays.scene import Scene
from moodstream.plots import timeline_figure
from moodstream.realtime.dashboard import live_tab
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.outputs.layout import TIMELINE
from moodstream.realtime.outputs.recording.writer import TimelineWriter
from moodstream.realtime.outputs.report.charts import group_chart
from moodstream.realtime.outputs.report.data import Timeline

EVENLY = np.full(7, 1 / 7)


def timeline(folder: Path) -> Timeline:
    with TimelineWriter(folder) as writer:
        for k in range(20):
            group = GroupState(t=0.2 * k, people=1, probs=EVENLY, dominant="angry")
            writer.write(group.t, group, Faces.none())
    return Timeline.read(folder / TIMELINE)


def test_in_the_report(tmp_path: Path) -> None:
    areas = [d for d in group_chart(timeline(tmp_path), [], (0, 4))["data"] if d.get("stackgroup")]
    assert [d["name"] for d in areas] == list(EMOTIONS)


def test_in_the_plot(tmp_path: Path) -> None:
    axes = timeline_figure(timeline(tmp_path), []).axes[0]
    heights = [area.get_paths()[0].get_extents().y1 for area in axes.collections]
    assert heights == sorted(heights)
    assert [area.get_label() for area in axes.collections] == list(EMOTIONS)


def test_in_the_live_chart_of_the_dashboard() -> None:
    found = re.search(r'data-colours="([^"]*)"', live_tab._chart())
    assert found
    colours = json.loads(unescape(found[1]))
    assert colours == {name: hex_of(name) for name in EMOTIONS}
    assert list(colours) == list(EMOTIONS)


def test_in_the_last_minute_of_the_overlay() -> None:
    t = np.arange(0, 60, 0.5, dtype=np.float32)
    scene = Scene(
        image=np.zeros((40, 40, 3), np.uint8),
        t=60.0,
        classes=EMOTIONS,
        boxes=np.zeros((0, 4), np.float32),
        track_ids=np.zeros(0, np.int64),
        probs=np.zeros((0, 7), np.float32),
        quality=np.zeros(0, np.float32),
        people=0,
        effective_people=0.0,
        history_t=t,
        history=np.tile(EVENLY.astype(np.float32), (len(t), 1)),
    )
    chart = np.zeros((140, 200, 3), np.uint8)
    draw_history(chart, scene, 12)
    middles = [tuple(chart[140 - 20 * k - 10, 100].tolist()) for k in range(7)]
    assert middles == [bgr(name) for name in EMOTIONS]
