"""The timeline store: what it keeps, and what it leaves out."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes import make_faces
from support.recordings import moments, write
from support.waiting import wait_for

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import GroupState
from moodstream.realtime.outputs.recording import store as stores
from moodstream.realtime.outputs.recording.rows import (
    event_row,
    people_rows,
    person_values,
    timeline_row,
)
from moodstream.realtime.outputs.recording.store import (
    STORE,
    StoreWriter,
    predicted_bytes,
    prepare_store,
)
from moodstream.realtime.outputs.recording.store_reader import StoreReader
from moodstream.realtime.outputs.recording.writer import PEOPLE_COLUMNS, TIMELINE_COLUMNS

pytestmark = pytest.mark.usefixtures("no_thread_is_left_over")


SHIFT = MoodShift(
    t=12.3456, start="sad", end="happy", size=0.23456, noticed=14.0, before=0.1, after=0.6
)


def test_rows_events_gaps_and_meta_come_back(tmp_path):
    path = tmp_path / STORE
    writer = StoreWriter(path, {"settings": {"window": 5.0}, "notice": "ä"}, ["a", "b"])
    rows = list(moments(20, extras=True))
    for k, row in enumerate(rows):
        writer.sink(k % 2).write(*row)
    writer.sink(1).event(SHIFT)
    writer.sink(0).gap(1.5, 4.25, "connection lost")
    writer.close({"dropped": 3})
    writer.close()  # twice does no harm
    assert [p.name for p in tmp_path.iterdir()] == [STORE]  # one file, without a log beside it
    with StoreReader(path) as reader:
        assert reader.sources == ("a", "b")
        assert reader.meta["settings"] == {"window": 5.0}
        assert reader.meta["notice"] == "ä"
        assert reader.meta["summary"] == {"dropped": 3}
        assert reader.meta["started"] <= reader.meta["ended"]
        assert "lost" not in reader.meta
        assert list(reader.timeline(0)) == [timeline_row(t, s) for t, s, _ in rows[::2]]
        assert list(reader.timeline(1)) == [timeline_row(t, s) for t, s, _ in rows[1::2]]
        assert [row["t"] for row in reader.timeline(0, after=2.8)] == [3.2, 3.6]
        people = [p for t, _, faces in rows[1::2] for p in people_rows(t, faces)]
        assert list(reader.people(1)) == people
        assert set(people[0]) == set(PEOPLE_COLUMNS)
        assert list(reader.events(0)) == []
        assert list(reader.events(1)) == [
            {"t": 12.346, "from": "sad", "to": "happy", "size": 0.2346, "noticed": 14.0}
            | {"before": 0.1, "after": 0.6, "status": "confirmed"}
        ]
        assert list(reader.gaps(0)) == [{"start": 1.5, "end": 4.25, "reason": "connection lost"}]
        assert list(reader.gaps(1)) == []


def test_only_shifts_of_which_nothing_more_is_to_be_told_are_kept(tmp_path):
    with StoreWriter(tmp_path / STORE, {}, ["a"]) as writer:
        for status in ("provisional", "withdrawn", "confirmed", "unconfirmed"):
            writer.sink(0).event(replace(SHIFT, status=status))
    with StoreReader(tmp_path / STORE) as reader:
        assert [event["status"] for event in reader.events(0)] == ["confirmed", "unconfirmed"]


def test_a_recording_of_the_first_version_can_be_read(tmp_path):
    path = tmp_path / STORE
    rows = list(moments(6))
    with StoreWriter(path, {}, ["a"]) as writer:
        for row in rows:
            writer.sink(0).write(*row)
        writer.sink(0).event(SHIFT)
    db = sqlite3.connect(path)
    for column in ("before", "after", "status"):
        db.execute(f"ALTER TABLE events DROP COLUMN {column}")
    without_label = "substr(reading, 1, length(reading) - 4)"
    db.execute(f"UPDATE people SET reading = {without_label}")
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    with StoreReader(path) as reader:
        (event,) = reader.events(0)
        assert event == event_row(SHIFT) | {"before": None, "after": None}
        expected = [person for t, _, faces in rows for person in people_rows(t, faces)]
        assert list(reader.people(0)) == expected


unknown = st.none() | st.floats(-10, 10)


single = st.floats(0, 1, width=32) | st.just(float("nan"))


states = st.builds(
    GroupState,
    t=st.just(0.0),
    people=st.integers(0, 50),
    effective_people=st.floats(0, 50),
    probs=st.none() | st.just(np.full(7, 1 / 7)),
    entropy=unknown,
    shift=unknown,
    dominant=st.none() | st.sampled_from(EMOTIONS),
    extras=st.none() | st.lists(single, min_size=3, max_size=3).map(np.array),
)


@st.composite
def crowds(draw):
    n = draw(st.integers(0, 4))
    row = st.lists(single, min_size=7, max_size=7)
    return make_faces(
        draw(st.lists(st.integers(0, 2**62), min_size=n, max_size=n)),
        np.array(draw(st.lists(row, min_size=n, max_size=n)), np.float32),
        draw(st.lists(single, min_size=n, max_size=n)),
        extras=draw(st.none() | st.just([[0.5, float("nan"), -1.0]] * n)),
    )


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(states, crowds()), max_size=5))
def test_any_row_comes_back_as_it_was(tmp_path, rows):
    path = tmp_path / STORE
    path.unlink(missing_ok=True)
    write(path, [(k * 0.2, state, faces) for k, (state, faces) in enumerate(rows)])
    with StoreReader(path) as reader:
        stored = list(reader.steps(0))
    assert len(stored) == len(rows)
    for k, ((state, faces), (row, people)) in enumerate(zip(rows, stored, strict=True)):
        assert row == timeline_row(k * 0.2, state)
        assert repr(people) == repr(list(people_rows(k * 0.2, faces)))  # nan is not equal to nan


@pytest.mark.parametrize("individuals", [True, False])
def test_privacy_leaves_nothing_about_single_people_in_the_file(tmp_path, individuals):
    path = tmp_path / STORE
    rows = list(moments(50, people=4))
    writer = StoreWriter(path, {}, ["a"], individuals, commit_every=0.01)
    for row in rows:
        writer.sink(0).write(*row)
    wait_for(lambda: writer.written == 50)
    everything = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    writer.close()
    everything += path.read_bytes()
    # boxes: four neighbouring float32 that nothing but a person has
    boxes = [box.tobytes() for _, _, faces in rows for box in person_values(faces)[:, 8:12]]
    found = sum(box in everything for box in boxes)
    assert found == (len(boxes) if individuals else 0)
    with StoreReader(path) as reader:
        assert reader.individuals is individuals
        assert len(list(reader.people(0))) == (200 if individuals else 0)
        assert len(list(reader.timeline(0))) == 50


@pytest.mark.parametrize(("faces", "individuals"), [(1, True), (5, True), (30, True), (30, False)])
def test_size_is_as_predicted(tmp_path, faces, individuals):
    rows = list(moments(50, people=faces))
    many = [(round(0.2 * k, 3), *rows[k % 50][1:]) for k in range(1800)]
    size = write(tmp_path / STORE, many, individuals).stat().st_size
    assert predicted_bytes(0.1, faces, individuals) == pytest.approx(size, rel=0.25)


def _newer(path: Path) -> None:
    write(path, [])
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {stores.VERSION + 1}")
    db.close()


def _foreign(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE meta (key, value)")
    db.close()


def _cut(path: Path) -> None:
    write(path, list(moments(500)))
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "no such recording"),
        (lambda path: path.mkdir(), "no such recording"),
        (lambda path: path.write_bytes(b""), "not a recording"),
        (lambda path: path.write_text("hello, " * 1000), "not a database"),
        (_foreign, "not a recording"),
        (_newer, "newer moodstream"),
        (_cut, "cannot be read"),
    ],
)
def test_what_is_not_a_store_is_told_in_one_line(tmp_path, make, says):
    path = tmp_path / "odd name?#%41.db"
    make(path)
    with pytest.raises(MoodstreamError, match=says) as error, StoreReader(path) as reader:
        list(reader.people(0))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recording_is_never_replaced_unasked(tmp_path):
    folder = tmp_path / "new" / "folder"
    path = prepare_store(folder)
    assert path == folder / STORE
    with StoreWriter(path, {}, ["a"]):
        with pytest.raises(MoodstreamError, match="holds a recording already"):
            prepare_store(folder)
        with pytest.raises(MoodstreamError, match="exists already"):
            StoreWriter(path, {}, ["a"])
        with StoreReader(path), pytest.raises(MoodstreamError, match="in use"):
            prepare_store(folder, overwrite=True)
        with StoreReader(path), pytest.raises(MoodstreamError, match="in use"):
            StoreWriter(path, {}, ["a"], overwrite=True)
    before = path.read_bytes()
    assert prepare_store(folder, overwrite=True) == path
    assert path.read_bytes() == before  # nothing is lost until there is something new
    with StoreWriter(path, {"notice": "the second"}, ["a"], overwrite=True):
        pass
    with StoreReader(path) as reader:
        assert reader.meta["notice"] == "the second"


def test_where_no_store_can_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MoodstreamError, match="cannot be written"):
        prepare_store(tmp_path / "file")
    with pytest.raises(MoodstreamError, match="cannot be written"):
        StoreWriter(tmp_path / "missing" / STORE, {}, ["a"])


def test_names_of_columns_are_those_of_the_files(tmp_path):
    path = write(tmp_path / STORE, list(moments(1)))
    db = sqlite3.connect(path)
    names = [name for _, name, *_ in db.execute("PRAGMA table_info(timeline)")]
    db.close()
    assert tuple(names) == ("step", "source", *TIMELINE_COLUMNS)
