"""What is written and served has the keys and kinds of values that are promised, and no more."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.fakes import OneFace, Says
from support.media import moving_blob, write_video
from support.recordings import moments
from support.schema_checker import Checker
from support.waiting import wait_for

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.networks.models import ModelInfo, Models
from moodstream.realtime.outputs import layout, schemas
from moodstream.realtime.outputs.folders import read_json
from moodstream.realtime.outputs.recording.rows import event_row
from moodstream.realtime.outputs.recording.store import StoreWriter
from moodstream.realtime.outputs.server import schemas as served
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.state import session_state, starting_state
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.runs.offline.export import export
from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import CaptureSettings

SAD = (0.02, 0.02, 0.02, 0.02, 0.88, 0.02, 0.02)
SHIFT = MoodShift(t=10.1, start="sad", end="happy", size=0.2, noticed=13.0, before=0.1, after=0.6)


def networks() -> Models:
    found = ModelInfo("made up", "none", "0" * 64, "none", "cpu", filters="large frontal")
    read = ModelInfo("made up", "none", "0" * 64, "none", "cpu", 1.5, "yunet")
    info = {"detector": found, "emotion": read}
    return Models(OneFace(), Says(SAD, affect=(0.5, -0.25)), info)


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a video of 2 s."""
    folder = tmp_path_factory.mktemp("processed")
    clip = write_video(folder / "clip.mp4", moving_blob(50))
    OfflineRun(clip, folder / "out", networks(), ProcessSettings()).run()
    return folder / "out"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a recording of 20 s with a shift and a gap."""
    folder = tmp_path_factory.mktemp("recording")
    meta = {"settings": {}, "models": networks().as_dict(), "notice": None}
    writer = StoreWriter(folder / layout.STORE, meta, ["camera 0"])
    sink = writer.sink(0)
    for row in moments(100, people=2, extras=True):
        sink.write(*row)
    sink.event(SHIFT)
    sink.gap(8.0, 9.0, "black picture")
    writer.close({"ended": "quit"})
    ((out, _),) = export(folder)
    assert out == folder / layout.EXPORT
    return out


def check_tables(folder: Path) -> list[str]:
    check, found = Checker(), []
    for name, kind in (
        (layout.TIMELINE, schemas.TimelineRow),
        (layout.PEOPLE, schemas.PersonRow),
    ):
        rows = pq.read_table(folder / name).to_pylist()
        assert rows
        assert tuple(rows[0]) == tuple(kind.__annotations__)
        found += [problem for row in rows for problem in check.wrong(row, kind, name)]
    with (folder / layout.TIMELINE_CSV).open(newline="", encoding="utf-8") as file:
        assert tuple(next(csv.reader(file))) == schemas.TIMELINE_COLUMNS
    return found + check.never_met()


def test_tables_have_the_columns_that_are_promised(processed: Path, exported: Path) -> None:
    assert check_tables(processed) == []
    assert check_tables(exported) == []


def test_columns_are_named_after_the_emotions_in_their_order() -> None:
    kinds = ("p", "w", "u", "lo", "hi")
    places = [schemas.TIMELINE_COLUMNS.index(f"{kind}_{n}") for kind in kinds for n in EMOTIONS]
    assert places == sorted(places)
    assert schemas.TIMELINE_COLUMNS[1:8] == schemas.PEOPLE_COLUMNS[2:9] == schemas.PROBS
    assert schemas.TIMELINE_COLUMNS[-3:] == schemas.PEOPLE_COLUMNS[-3:] == EXTRAS


def test_summaries_and_events_have_the_keys_that_are_promised(
    processed: Path, exported: Path
) -> None:
    check, found = Checker(), []
    found += check.wrong(read_json(processed / layout.SUMMARY), schemas.VideoSummary, "video")
    found += check.wrong(read_json(exported / layout.SUMMARY), schemas.RecordingSummary, "export")
    for name, kind in ((layout.EVENTS, list[schemas.ShiftEvent]), (layout.GAPS, list[schemas.Gap])):
        content = read_json(exported / name)
        assert len(content) == 1
        found += check.wrong(content, kind, name)
    assert read_json(processed / layout.EVENTS) == []
    assert read_json(exported / layout.EVENTS) == [event_row(SHIFT)]
    assert found + check.never_met() == []


def test_the_folders_hold_no_other_files(processed: Path, exported: Path) -> None:
    both = {layout.TIMELINE, layout.TIMELINE_CSV, layout.PEOPLE, layout.EVENTS}
    both |= {layout.REPORT, layout.SUMMARY}
    assert {path.name for path in processed.iterdir()} == both | {layout.OVERLAY}
    assert {path.name for path in exported.iterdir()} == both | {layout.GAPS}


def test_the_state_has_the_keys_that_are_promised(tmp_path: Path) -> None:
    check = Checker()
    clip = write_video(tmp_path / "clip.mp4", moving_blob(50))
    spec = SourceSpec("file", str(clip), "clip.mp4")
    session = LiveSession([spec], networks(), LiveSettings(capture=CaptureSettings(loop=True)))
    states: list[Any] = []

    def known() -> bool:
        session.tick()
        states.append(json.loads(json.dumps(session_state(session), allow_nan=False)))
        (source,) = states[-1]["sources"]
        return source["probs"] is not None and source["refresh_hz"] is not None

    session.start()
    try:
        wait_for(known)
    finally:
        assert session.stop(10.0)
    states.append(json.loads(json.dumps(session_state(session))))
    found = [p for state in states for p in check.wrong(state, served.SessionState, "/state")]
    found += check.wrong(starting_state(["a", "b"]), served.StartingState, "starting")
    assert found + check.never_met() == []
    (source,) = states[-2]["sources"]
    assert source["valence"] == pytest.approx(0.5, abs=0.01)
    assert source["disagreement"] is None


def test_the_check_itself_finds_what_is_wrong() -> None:
    right: Any = event_row(SHIFT)
    check = Checker()
    assert check.wrong(right, schemas.ShiftEvent) == []
    assert check.wrong(right | {"more": 1}, schemas.ShiftEvent) == [".more: is not in ShiftEvent"]
    assert check.wrong({**right, "t": "1"}, schemas.ShiftEvent) == [".t: '1' is no <class 'float'>"]
    del right["size"]
    assert check.wrong(right, schemas.ShiftEvent) == [".size: is missing"]
    assert check.wrong(np.float32(1), float | None)
    check.met.clear()
    assert check.wrong({"start": 0.0, "end": 1.0, "dominant": None}, schemas.MoodPart) == []
    assert sorted(check.never_met()) == ["MoodPart.high", "MoodPart.low", "MoodPart.share"]
