"""Export: a recording gives the same files as a run over a video."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.recordings import moments, offer, recorder
from support.waiting import wait_for

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.cli.entry import main
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.recording.store import STORE, StoreWriter
from moodstream.realtime.outputs.recording.writer import TimelineWriter
from moodstream.realtime.outputs.report.parts import mood_by_part
from moodstream.realtime.runs.offline.export import OUTPUTS, export, folders

SHIFT = MoodShift(
    t=30.1234, start="sad", end="happy", size=0.2, noticed=33.0, before=0.1, after=0.6
)
GAPS = [(20.0, 29.0, "connection lost"), (60.0, 70.0, "black picture")]


def record(folder, rows, sources=("camera 0",), individuals=True, gaps=(), end=True, meta=None):
    """A recording in which every source has the same rows."""
    writer = StoreWriter(folder / STORE, meta or {}, sources, individuals, commit_every=0.02)
    for row in rows:
        offer(writer, 200, row, len(sources))
    writer.sink(0).event(SHIFT)
    for gap in gaps:
        writer.sink(0).gap(*gap)
    if end:
        writer.close()
        assert (writer.lost, writer.problem) == (0, None)
    return writer


@pytest.mark.parametrize("extras", [True, False])
def test_the_files_are_those_of_a_direct_run(tmp_path, extras):
    rows = [*moments(300, people=3, extras=extras), *moments(100, people=0, start=80.0)]
    direct = tmp_path / "direct"
    direct.mkdir()
    files = TimelineWriter(direct)
    for row in rows:
        files.write(*row)
    files.event(SHIFT)
    files.close()
    record(tmp_path, rows)
    ((folder, summary),) = export(tmp_path)
    assert folder == tmp_path / "export"
    for name in ("timeline.parquet", "people.parquet"):
        assert pq.read_table(folder / name).equals(pq.read_table(direct / name))
    for name in ("timeline.csv", "events.json"):
        assert (folder / name).read_bytes() == (direct / name).read_bytes()
    assert summary["counts"]["rows"] == files.rows == 400
    assert summary["counts"]["people"] == files.people == 3
    assert summary["counts"]["people_at_once"] == files.people_at_once == 3
    assert {p.name for p in folder.iterdir()} == set(OUTPUTS)


def test_summary_report_and_the_five_lines(tmp_path, capsys):
    rows = [*moments(100), *moments(155, start=29.0), *moments(200, start=70.0)]
    meta = {"settings": {"group": {"window": 4.0}}, "models": {"a": 1}, "notice": "Uncertain."}
    record(tmp_path, rows, gaps=GAPS, meta=meta)
    assert main(["export", str(tmp_path)]) == 0
    folder = tmp_path / "export"
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        f"Results in  {folder}",
        "People      2 (at most 2 at once)",
        "Duration    1:50 (455 rows, camera 0)",
    ]
    assert lines[4:] == [
        "Shift       from sad to happy at 0:30: happy went from 10% to 60%",
        "Gaps        2, 19 s in all without a picture",
        "Note        nothing was seen for 19 s; the longest gap, 1:00–1:10: black picture",
    ]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["settings"] == meta["settings"]
    assert summary["models"] == {"a": 1}
    assert summary["interrupted"] is False
    assert summary["versions"]["python"]
    # no part goes over a gap, and the mood shift divides what is between them
    edges = [(p["start"], p["end"]) for p in summary["mood"]["parts"]]
    assert edges == [(0.0, 19.8), (29.0, 30.123), (30.123, 59.8), (70.0, 110.0)]
    gaps = json.loads((folder / "gaps.json").read_text())
    assert gaps == [dict(zip(("start", "end", "reason"), gap, strict=True)) for gap in GAPS]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Uncertain." in page
    assert "the longest gap, 1:00–1:10" in page


def test_overlapping_gaps_are_counted_once(tmp_path):
    record(tmp_path, moments(10), gaps=[(2.0, 8.0, "a"), (3.0, 5.0, "b"), (7.0, 10.0, "c")])
    ((_, summary),) = export(tmp_path)
    assert summary["counts"]["gap_seconds"] == 8.0
    assert summary["counts"]["seconds"] == 10.0  # what came after the last row was a gap


def test_a_hole_no_longer_than_the_window_does_not_divide_the_mood(tmp_path):
    rows = [*moments(100), *moments(100, start=24.0), *moments(100, start=100.0)]
    record(tmp_path, rows)
    ((folder, _),) = export(tmp_path)
    parts = mood_by_part(folder, [], 5.0, 120.0)
    assert [(p["start"], p["end"]) for p in parts] == [(0.0, 43.8), (100.0, 120.0)]
    assert all(p["dominant"] for p in parts)


@pytest.mark.parametrize("attempt", range(2))
def test_export_after_kill_9(tmp_path, attempt, capsys):
    with recorder(tmp_path / STORE) as process:
        assert process.stdout is not None
        last = 0.0
        while last < 2.2 + 0.4 * attempt:
            last = float(process.stdout.readline())
        process.kill()
    assert main(["export", str(tmp_path), "--json"]) == 0
    left, right = json.loads(capsys.readouterr().out)
    for name, summary in (("left", left), ("right", right)):
        table = pq.read_table(tmp_path / "export" / name / "timeline.parquet")
        assert table["t"][-1].as_py() > last - 1.5
        assert summary["interrupted"] is True
        assert "no proper end" in summary["notes"][0]
        assert (tmp_path / "export" / name / "report.html").stat().st_size > 10_000


def test_export_while_it_is_recorded(tmp_path):
    writer = record(tmp_path, moments(50), end=False)
    wait_for(lambda: writer.written == 50)
    ((_, first),) = export(tmp_path, tmp_path / "first")
    for row in moments(50, start=10.0):
        writer.sink(0).write(*row)
    writer.close()
    ((_, second),) = export(tmp_path / STORE, tmp_path / "second")
    assert (first["counts"]["rows"], first["interrupted"]) == (50, True)
    assert (second["counts"]["rows"], second["interrupted"]) == (100, False)


def test_privacy_group_exports_no_single_people(tmp_path, capsys):
    out = tmp_path / "out"
    (tmp_path / "open").mkdir()
    record(tmp_path / "open", moments(20))
    record(tmp_path, moments(20, people=5), individuals=False)
    export(tmp_path / "open", out)
    assert (out / "people.parquet").exists()
    assert main(["export", str(tmp_path), "-o", str(out), "--overwrite"]) == 0
    assert not (out / "people.parquet").exists()
    assert "People      at most 5 at once" in capsys.readouterr().out


def test_nothing_recorded_at_all(tmp_path, capsys):
    StoreWriter(tmp_path / STORE, {}, ["camera 0"]).close()
    assert main(["export", str(tmp_path)]) == 0
    assert "People      none: no faces were found" in capsys.readouterr().out
    assert pq.read_table(tmp_path / "export" / "timeline.parquet").num_rows == 0


def test_lost_rows_are_told(tmp_path):
    writer = record(tmp_path, moments(20), end=False)
    writer.lost = 7
    writer.close()
    ((_, summary),) = export(tmp_path)
    assert summary["notes"] == ["7 rows are missing: the disk was full or too slow"]


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["cam"], ["."]),
        (["host:554/a b", "host:554/a?b"], ["host-554-a-b", "host-554-a-b-2"]),
        (["Cam", "cam", "CAM"], ["Cam", "cam-2", "CAM-3"]),
        (["a", "a-2", "a"], ["a", "a-2", "a-3"]),
        (["..", "../../etc", "/", "Küche 1"], ["source", "etc", "source-2", "Küche-1"]),
        (["x" * 300, "b.mp4"], ["x" * 60, "b.mp4"]),
    ],
)
def test_folders_of_several_sources(tmp_path, sources, names):
    assert folders(sources, tmp_path) == [tmp_path / name for name in names]


def _holds_results(folder: Path) -> None:
    (folder / "export").mkdir()
    (folder / "export" / "timeline.csv").write_text("mine")


def _damaged(folder: Path) -> None:
    (folder / STORE).unlink()
    record(folder, moments(3000, people=3))
    with (folder / STORE).open("r+b") as file:
        file.seek((folder / STORE).stat().st_size // 2)
        file.write(b"\x55" * 200_000)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / STORE).unlink(), "holds no recording"),
        (lambda folder: (folder / "export").touch(), "cannot be written"),
        (_holds_results, "--overwrite"),
        (_damaged, "cannot be read"),
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_nothing_half_written(tmp_path, capsys, spoil, says):
    record(tmp_path, moments(20))
    spoil(tmp_path)
    assert main(["export", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert not list(tmp_path.rglob("*.part"))
    assert not (tmp_path / "export" / "summary.json").exists()
    if spoil is _holds_results:
        assert (tmp_path / "export" / "timeline.csv").read_text() == "mine"


def test_no_such_folder(tmp_path):
    with pytest.raises(MoodstreamError, match="no such recording"):
        export(tmp_path / "missing")


def test_memory_of_an_export_does_not_grow_with_the_recording(tmp_path):
    """Row groups of people.parquet follow the clock: each costs memory until the end."""
    record(tmp_path, moments(3000, people=12))
    ((folder, _),) = export(tmp_path)
    assert pq.ParquetFile(folder / "timeline.parquet").num_row_groups == 12
    assert pq.ParquetFile(folder / "people.parquet").num_row_groups == 12
