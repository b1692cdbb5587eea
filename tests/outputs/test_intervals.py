"""The intervals of shares, from a state of the group to files, charts and words."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.recordings import moments, write

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.outputs.layout import STORE, TIMELINE, TIMELINE_CSV
from moodstream.realtime.outputs.recording.rows import named_ends, timeline_row
from moodstream.realtime.outputs.recording.store_reader import StoreReader
from moodstream.realtime.outputs.recording.writer import TimelineWriter
from moodstream.realtime.outputs.report.charts import group_chart, interval_chart
from moodstream.realtime.outputs.report.data import Timeline
from moodstream.realtime.outputs.report.formatting import percent
from moodstream.realtime.outputs.report.parts import mood_by_part
from moodstream.realtime.outputs.report.summary import part_share
from moodstream.realtime.outputs.schemas import INTERVALS, TIMELINE_COLUMNS
from moodstream.realtime.runs.offline.export import export

SAD, HAPPY = EMOTIONS.index("sad"), EMOTIONS.index("happy")
OLD_COLUMNS = [name for name in TIMELINE_COLUMNS if name not in INTERVALS]


def state(t: float, mood: int, known: bool = True) -> GroupState:
    """0.7 of a mood and 0.05 of each other; from 0.1 below it to 0.2 above it."""
    probs = np.full(7, 0.05)
    probs[mood] = 0.7
    interval = np.stack([np.maximum(probs - 0.1, 0.0), np.minimum(probs + 0.2, 1.0)])
    return GroupState(
        t=t,
        people=3,
        effective_people=2.5,
        probs=probs,
        interval=interval if known else None,
        weighted=probs,
        unweighted=probs,
        entropy=1.0,
        entropy_share=0.5,
        dominant=EMOTIONS[mood],
    )


def written(folder: Path, states: list[GroupState]) -> Path:
    """Their timeline, 0.2 s from each to the next."""
    with TimelineWriter(folder) as writer:
        for one in states:
            writer.write(one.t, one, Faces.none())
    return folder / TIMELINE


def sad_then_happy(n: int = 100) -> list[GroupState]:
    return [state(round(0.2 * k, 3), SAD if k < n / 2 else HAPPY) for k in range(n)]


# Files


def test_both_tables_have_the_ends_under_their_names(tmp_path: Path) -> None:
    path = written(tmp_path, [state(0.0, HAPPY), state(0.2, HAPPY, known=False)])
    first, second = pq.read_table(path).to_pylist()
    for k, name in enumerate(EMOTIONS):
        low, high = (0.6, 0.9) if k == HAPPY else (0.0, 0.25)
        assert first[f"lo_{name}"] == pytest.approx(low, abs=1e-6)
        assert first[f"hi_{name}"] == pytest.approx(high, abs=1e-6)
        assert second[f"lo_{name}"] is second[f"hi_{name}"] is None
        assert second[f"p_{name}"] is not None
    with (tmp_path / TIMELINE_CSV).open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["lo_happy"], first["hi_happy"]) == ("0.6", "0.9")
    assert (second["lo_happy"], second["hi_happy"]) == ("", "")


def older(path: Path) -> Path:
    """The store as the first version of its tables had it: without intervals."""
    db = sqlite3.connect(path)
    for name in INTERVALS:
        db.execute(f"ALTER TABLE timeline DROP COLUMN {name}")
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    return path


def test_a_store_of_an_older_version_is_read_and_exported_without_them(tmp_path: Path) -> None:
    rows = list(moments(60, extras=True))
    expected = [timeline_row(t, s) | dict.fromkeys(INTERVALS) for t, s, _ in rows]
    with StoreReader(older(write(tmp_path / STORE, rows))) as reader:
        assert list(reader.timeline(0)) == expected
    ((folder, summary),) = export(tmp_path)
    table = pq.read_table(folder / TIMELINE)
    assert tuple(table.column_names) == TIMELINE_COLUMNS
    assert all(table[name].null_count == len(rows) for name in INTERVALS)
    assert table["p_happy"].null_count == 0
    assert not any("low" in part for part in summary["mood"]["parts"])
    assert "How sure the shares are" not in (folder / "report.html").read_text()


def test_a_recording_exported_keeps_them(tmp_path: Path) -> None:
    rows = list(moments(60))
    write(tmp_path / STORE, rows)
    ((folder, summary),) = export(tmp_path)
    table = pq.read_table(folder / TIMELINE)
    ends = np.stack([table[name].to_numpy() for name in INTERVALS], 1)
    made = np.stack([s.interval.ravel() for _, s, _ in rows])
    assert ends == pytest.approx(made, abs=1e-6)
    assert all(p["low"] < p["share"] < p["high"] for p in summary["mood"]["parts"])
    assert "How sure the shares are" in (folder / "report.html").read_text()


def test_a_timeline_of_an_older_version_has_none(tmp_path: Path) -> None:
    path = written(tmp_path, sad_then_happy())
    line = Timeline.read(path)
    assert line.has_intervals
    pq.write_table(pq.read_table(path, columns=OLD_COLUMNS), path)
    before = Timeline.read(path)
    assert not before.has_intervals
    assert (before.probs == line.probs).all()
    assert [part["share"] for part in mood_by_part(tmp_path, [], 5.0, 20.0)] == [0.7] * 3
    assert Timeline.read(path).thinned(10).lower.shape == (10, 7)


# Words


@pytest.mark.parametrize(
    ("share", "interval", "words"),
    [
        (0.62, None, "62%"),
        (0.62, (0.541, 0.698), "62% (54 to 70)"),
        (0.0, (0.0, 0.004), "0% (0 to 0)"),
        (1.0, (0.93, 1.0), "100% (93 to 100)"),
    ],
)
def test_a_share_in_words(share: float, interval: Any, words: str) -> None:
    assert percent(share, interval) == words


def test_ends_by_name_are_plain_numbers() -> None:
    ends = named_ends(state(0.0, HAPPY).interval)
    assert list(ends) == list(EMOTIONS)
    assert ends["happy"] == (0.6, 0.9)
    assert all(type(end) is float for pair in ends.values() for end in pair)


def test_a_part_has_the_mean_of_the_ends_of_its_rows(tmp_path: Path) -> None:
    written(tmp_path, sad_then_happy())
    events: Any = [{"t": 9.9, "from": "sad", "to": "happy", "size": 0.3, "noticed": 11.0}]
    sad, happy = mood_by_part(tmp_path, events, 5.0, 20.0)
    assert (sad["dominant"], happy["dominant"]) == ("sad", "happy")
    for part in (sad, happy):
        assert (part["low"], part["high"]) == pytest.approx((0.6, 0.9), abs=1e-3)
        assert part_share(part) == "70% (60 to 90)"


def test_a_part_in_which_some_are_not_known_has_none(tmp_path: Path) -> None:
    rows = [state(round(0.2 * k, 3), SAD, known=k % 2 == 0) for k in range(100)]
    written(tmp_path, rows)
    for part in mood_by_part(tmp_path, [], 5.0, 20.0):
        assert "low" not in part
        assert part_share(part) == "70%"


# Charts


def seconds(x: list[int | None]) -> np.ndarray:
    return np.array([np.nan if v is None else (v - 86_400_000) / 1000 for v in x])


def test_bands_go_round_the_lines_and_stop_where_nothing_is_known(tmp_path: Path) -> None:
    rows = sad_then_happy()
    rows[40:50] = [GroupState(t=one.t, people=0) for one in rows[40:50]]
    line = Timeline.read(written(tmp_path, rows))
    chart = interval_chart(line, [], (0.0, 20.0))
    bands = {d["legendgroup"]: d for d in chart["data"] if d.get("fill") == "toself"}
    lines = {d["name"]: d for d in chart["data"] if "fill" not in d}
    assert list(bands) == list(lines) == list(EMOTIONS)
    t, y = seconds(bands["happy"]["x"]), np.array(bands["happy"]["y"], float)
    assert np.isnan(t).sum() == np.isnan(y).sum() == 1  # two stretches
    assert not ((t > 7.9) & (t < 9.9)).any()
    assert sorted({round(v, 3) for v in y[t < 7.9]}) == [0.0, 0.25]
    assert sorted({round(v, 3) for v in y[t > 9.9]}) == [0.6, 0.9]
    assert lines["happy"]["customdata"][-1] == " (60 to 90)"
    assert lines["happy"]["customdata"][45] == ""
    assert lines["happy"]["y"][45] is None


def test_the_bands_of_those_that_lead_are_shown_and_of_no_more_than_three(tmp_path: Path) -> None:
    rows = [state(round(0.2 * k, 3), min(k // 20, 4)) for k in range(100)]
    rows += [state(20.0 + 0.2 * k, 6) for k in range(2)]  # not for long enough
    line = Timeline.read(written(tmp_path, rows))
    assert line.leading(7) == ["angry", "disgust", "fear", "happy", "sad"]
    assert len(line.leading()) == 3
    shown = [d for d in interval_chart(line, [], (0.0, 20.0))["data"] if d["visible"] is True]
    assert sorted(d["legendgroup"] for d in shown) == sorted(2 * line.leading())
    nobody = Timeline.read(written(tmp_path, [GroupState(t=0.0, people=0)]))
    assert nobody.leading() == []


def test_the_areas_tell_them_too_at_every_point(tmp_path: Path) -> None:
    line = Timeline.read(written(tmp_path, sad_then_happy()))
    areas = [d for d in group_chart(line, [], (0, 20))["data"] if d.get("stackgroup")]
    assert [d["name"] for d in areas] == list(EMOTIONS)
    for area in areas:
        assert len(area["customdata"]) == len(area["x"]) == len(area["y"])
    happy = areas[HAPPY]
    assert (happy["customdata"][2], happy["customdata"][-3]) == (" (0 to 25)", " (60 to 90)")
