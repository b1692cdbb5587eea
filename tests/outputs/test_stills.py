"""Which times have a still, and whose boxes it shows: those of one step of the timeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.outputs.report.stills import MAX_STILLS, people_at, still_times
from moodstream.realtime.outputs.schemas import PEOPLE_COLUMNS

STEPS = 500


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person in every step, whose box is as wide as the step's number; two after the last."""
    where = tmp_path_factory.mktemp("people")
    rows = []
    for step in [*range(STEPS), STEPS + 1, STEPS + 1]:
        row = dict.fromkeys(PEOPLE_COLUMNS, 0.0)
        row |= {
            "track_id": step,
            "t": round(step * ROW_INTERVAL_S, 3),
            "x2": float(step),
            "y2": 1.0,
        }
        rows.append(row | {"label": "happy"})
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, where / "people.parquet", row_group_size=50)
    return where


@pytest.mark.parametrize("after", [0.0, 1e-9, 0.05, 0.1, 0.199])
def test_every_time_has_the_people_of_one_step(folder: Path, after: float) -> None:
    for step in range(0, STEPS, 1 if after == 0 else 7):
        for t in {step * ROW_INTERVAL_S + after, round(step * ROW_INTERVAL_S, 3) + after}:
            boxes, probs, ids, _ = people_at(folder, t)
            assert ids.tolist() == [step], t
            assert boxes.shape == (1, 4)
            assert probs.shape == (1, 7)
            assert boxes[0, 2] == step


def test_a_step_without_people_has_none_and_one_with_two_has_two(folder: Path) -> None:
    boxes, probs, ids, _ = people_at(folder, STEPS * ROW_INTERVAL_S)
    assert (boxes.shape, probs.shape, ids.shape) == ((0, 4), (0, 7), (0,))
    assert people_at(folder, (STEPS + 1) * ROW_INTERVAL_S + 0.1)[2].tolist() == [STEPS + 1] * 2


def test_each_part_and_what_comes_after_the_biggest_shifts() -> None:
    def shift(t: float, size: float = 0.3) -> Any:
        return {"t": t, "from": "sad", "to": "happy", "size": size, "noticed": t}

    ends = [(0, 10, "happy"), (10, 20, None), (20, 40, "sad")]
    parts = [{"start": start, "end": end, "dominant": mood} for start, end, mood in ends]
    summary: Any = {"mood": {"parts": parts}}
    times = still_times(summary, [shift(10.0)])
    assert times == [(5.0, "mostly happy"), (10.5, "sad → happy"), (30.0, "mostly sad")]
    chosen = still_times(summary, [shift(float(k), size=k / 100) for k in range(1, 21)])
    assert len(chosen) == MAX_STILLS
    assert [t for t, caption in chosen if "→" in caption] == [t + 0.5 for t in range(15, 21)]
