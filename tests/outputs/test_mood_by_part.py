"""The parts of a run: each is told by its own rows, and every row belongs to one of them."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.outputs.report.parts import mood_by_part, part_of
from moodstream.realtime.outputs.schemas import PROBS, MoodPart, ShiftEvent

WINDOW_S = 5.0
LENGTHS_S = [0.3, 0.5, 0.9, *range(1, 21), 4.7, 5.1, 14.9, 15.2]
SAD, HAPPY = EMOTIONS.index("sad"), EMOTIONS.index("happy")


def write(folder: Path, t: list[float], moods: list[int | None]) -> None:
    probs = np.full((len(t), 7), 0.05)
    for row, mood in zip(probs, moods, strict=True):
        row[0 if mood is None else mood] = 0.7
        if mood is None:
            row[:] = np.nan
    columns = {name: probs[:, k] for k, name in enumerate(PROBS)}
    pq.write_table(pa.table({"t": t, **columns}), folder / "timeline.parquet")


def rows_until(last: float) -> list[float]:
    return [round(k * ROW_INTERVAL_S, 3) for k in range(int(last / ROW_INTERVAL_S + 1e-6) + 1)]


def shift_at(t: float) -> ShiftEvent:
    return {
        "t": t,
        "from": "sad",
        "to": "happy",
        "size": 0.3,
        "noticed": t,
        "before": 0.1,
        "after": 0.6,
        "status": "confirmed",
    }


def assert_whole(parts: list[MoodPart], t: list[float], end: float) -> None:
    """They follow on one another from first to last, and none is without a row."""
    edges = [(part["start"], part["end"]) for part in parts]
    assert edges[0][0] == t[0]
    assert edges[-1][1] == pytest.approx(end, abs=1e-3)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(edges))
    index = part_of(np.array(t), [part["end"] for part in parts])
    assert set(index.tolist()) == set(range(len(parts)))


@pytest.mark.parametrize("fps", [8, 12, 24000 / 1001, 25, 30000 / 1001, 30, 50, 60])
def test_someone_there_throughout_is_told_in_every_part(fps: float, tmp_path: Path) -> None:
    for seconds in LENGTHS_S:
        last = (max(1, math.floor(seconds * fps)) - 1) / fps
        t, end = rows_until(last), last + 1 / fps
        write(tmp_path, t, [SAD] * len(t))
        for events in ([], [shift_at(t[len(t) // 2])]):
            parts = mood_by_part(tmp_path, events, WINDOW_S, end)
            assert {part["dominant"] for part in parts} == {"sad"}, (seconds, parts)
            assert {part["share"] for part in parts} == {0.7}
            assert_whole(parts, t, end)


@pytest.mark.parametrize("seconds", [1.0, 3.0, 7.0, 14.0])
def test_a_short_part_is_the_mean_of_all_its_rows(seconds: float, tmp_path: Path) -> None:
    t = rows_until(seconds)
    third = (seconds + 0.04) / 3
    # of each part more rows are sad than not, but the last is happy
    index = part_of(np.array(t), [third, 2 * third, 3 * third])
    moods: list[int | None] = [SAD] * len(t)
    for k in range(3):
        if (index == k).sum() > 2:
            moods[int(np.flatnonzero(index == k)[-1])] = HAPPY
    write(tmp_path, t, moods)
    parts = mood_by_part(tmp_path, [], WINDOW_S, seconds + 0.04)
    assert [part["dominant"] for part in parts] == ["sad"] * 3
    sad = [
        np.mean([m == SAD for m, i in zip(moods, index, strict=True) if i == k]) for k in (0, 1, 2)
    ]
    assert [part["share"] for part in parts] == pytest.approx(
        [0.05 + 0.65 * share for share in sad], abs=1e-3
    )


def test_of_a_long_part_the_first_window_is_left_out(tmp_path: Path) -> None:
    t = rows_until(29.8)
    write(tmp_path, t, [SAD if at < 14.9 else HAPPY for at in t])
    parts = mood_by_part(tmp_path, [shift_at(10.0)], WINDOW_S, 30.0)
    assert [(p["start"], p["end"], p["dominant"], p["share"]) for p in parts] == [
        (0.0, 10.0, "sad", 0.7),
        (10.0, 30.0, "happy", 0.7),
    ]


def test_of_a_long_part_the_first_window_counts_where_only_it_was_classified(
    tmp_path: Path,
) -> None:
    t = rows_until(29.8)
    write(tmp_path, t, [SAD if at < 3 else None for at in t])
    parts = mood_by_part(tmp_path, [], WINDOW_S, 30.0)
    assert [part["dominant"] for part in parts] == ["sad", None, None]


def test_a_row_at_a_shift_belongs_to_the_part_before_it(tmp_path: Path) -> None:
    t = rows_until(3.8)
    write(tmp_path, t, [None if at <= 2.4 else HAPPY for at in t])
    parts = mood_by_part(tmp_path, [shift_at(2.4)], WINDOW_S, 4.0)
    assert [part["dominant"] for part in parts] == [None, "happy"]
    assert parts[1]["share"] == 0.7


def test_the_first_row_after_a_hole_belongs_to_what_comes_then(tmp_path: Path) -> None:
    t = [*rows_until(2.0), *(20 + at for at in rows_until(2.0))]
    write(tmp_path, t, [SAD] * 11 + [HAPPY] * 11)
    parts = mood_by_part(tmp_path, [], WINDOW_S, 22.2)
    assert [(p["start"], p["end"], p["dominant"], p["share"]) for p in parts] == [
        (0.0, 2.0, "sad", 0.7),
        (20.0, 22.2, "happy", 0.7),
    ]


def test_no_rows_no_parts(tmp_path: Path) -> None:
    write(tmp_path, [], [])
    assert mood_by_part(tmp_path, [], WINDOW_S, 0.1) == []
