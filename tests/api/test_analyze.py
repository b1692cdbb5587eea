"""Results of a video: tables, events, a chart, and the files."""

from __future__ import annotations

import gc

import pyarrow.parquet as pq
import pytest

import moodstream
from moodstream.pipelines import Pipeline
from moodstream.realtime.outputs.schemas import INTERVALS, TIMELINE_COLUMNS, ShiftEvent
from moodstream.testing import PaintedFaceClassifier, Person, ScriptedSource


def test_tables_of_a_video(result):
    line, people = result.timeline, result.people
    assert line["t"].tolist()[:3] == [0.0, 0.2, 0.4]
    assert line["people"].max() == 2
    assert line["dominant"].dropna().iloc[0] == "happy"
    sad = people[people["x1"] > 150]
    assert set(sad["label"].dropna()) == {"sad"}
    assert sad["t"].min() >= 1.0
    assert list(result.events.columns) == list(ShiftEvent.__annotations__)
    assert "two.mp4" in str(result)
    assert "two.mp4" in repr(result)


def test_a_mood_shift_is_an_event(tmp_path, made):
    turns = Person((20, 20, 90, 100), lambda t: "happy" if t < 5 else "angry")
    clip = ScriptedSource([turns], seconds=10, fps=10).write(tmp_path / "turns.mp4")
    found = moodstream.analyze(clip, window=2, pipeline=made)
    (event,) = found.events.to_dict("records")
    assert (event["from"], event["to"]) == ("happy", "angry")
    assert event["t"] == pytest.approx(5, abs=0.5)
    axes = found.plot().axes
    assert len(axes) == 4
    assert [line.get_label() for line in axes[1].lines][:2] == ["angry", "happy"]
    assert len(axes[1].collections) == 2  # a band each
    assert all(any(line.get_linestyle() == "--" for line in ax.lines) for ax in axes)


def test_results_of_an_older_moodstream_have_empty_columns_and_a_plot(result, tmp_path):
    folder = result.save(tmp_path / "older")
    path = folder / "timeline.parquet"
    kept = [name for name in result.timeline if name not in INTERVALS]
    pq.write_table(pq.read_table(path, columns=kept), path)
    older = moodstream.open_results(folder)
    assert list(older.timeline) == list(result.timeline) == list(TIMELINE_COLUMNS)
    assert older.timeline[list(INTERVALS)].isna().all(axis=None)
    assert older.timeline["dominant"].equals(result.timeline["dominant"])
    assert len(older.plot().axes) == 3


def test_plot_can_be_saved(result, tmp_path):
    result.plot().savefig(tmp_path / "mood.png")
    assert (tmp_path / "mood.png").stat().st_size > 10_000


def test_without_output_the_files_go_away_with_the_result(clip, made):
    found = moodstream.analyze(clip, end=1, pipeline=made)
    folder = found.folder
    assert (folder / "report.html").is_file()
    assert found.video is None
    del found
    gc.collect()
    assert not folder.exists()


def test_a_failed_analysis_leaves_no_folder(clip, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def broken(image):
        raise RuntimeError("no eyes")

    own = Pipeline(detector=broken, classifiers=PaintedFaceClassifier())
    with pytest.raises(moodstream.MoodstreamError, match="broken: RuntimeError: no eyes"):
        moodstream.analyze(clip, pipeline=own)
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_output_keeps_what_process_writes_and_can_be_opened_again(clip, made, tmp_path):
    kept = moodstream.analyze(clip, end=1, output=tmp_path / "kept", pipeline=made)
    again = moodstream.open_results(tmp_path / "kept")
    assert again.timeline.equals(kept.timeline)
    assert again.video == tmp_path / "kept" / "overlay.mp4"
    with pytest.raises(moodstream.MoodstreamError, match="holds results already"):
        moodstream.analyze(clip, end=1, output=tmp_path / "kept", pipeline=made)
    moodstream.analyze(clip, end=1, output=tmp_path / "kept", pipeline=made, overwrite=True)


def test_save_copies_the_files_and_replaces_only_when_told(result, tmp_path):
    folder = result.save(tmp_path / "saved")
    assert {p.name for p in folder.iterdir()} == {p.name for p in result.folder.iterdir()}
    with pytest.raises(moodstream.MoodstreamError, match="holds results already"):
        result.save(folder)
    (folder / "overlay.mp4").write_text("of an earlier run")
    result.save(folder, overwrite=True)
    assert moodstream.open_results(folder).video is None
    assert result.save(result.folder) == result.folder


def test_group_privacy_keeps_nobody(clip, made):
    found = moodstream.analyze(clip, privacy="group", pipeline=made)
    assert not (found.folder / "people.parquet").exists()
    assert found.people.empty
    assert "track_id" in found.people
    assert found.timeline["dominant"].isna().all()  # two people are no group


def test_progress_ends_at_the_end(clip, made):
    told = []
    moodstream.analyze(clip, start=1, end=2, pipeline=made, progress=lambda *a: told.append(a))
    assert told[-1] == (pytest.approx(0.96), 1.0)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"privacy": "none"}, "privacy 'none': expected one of off, blur, group"),
        ({"window": 0}, "window"),
        ({"start": 5, "end": 2}, "start < end"),
        ({"min_confidence": 2}, "min_confidence"),
        ({"pipeline": 7}, "expected a Pipeline or a name, got int"),
        ({"pipeline": "best"}, "expected models auto, embedded or hsemotion, got 'best'"),
    ],
)
def test_settings_out_of_range_are_one_line(clip, settings, message):
    with pytest.raises(moodstream.MoodstreamError, match=message) as caught:
        moodstream.analyze(clip, **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("call", [moodstream.analyze, moodstream.stream, moodstream.read_image])
def test_a_file_that_is_not_there_is_one_line(call):
    with pytest.raises(moodstream.MoodstreamError, match=r"nowhere\.mp4: no such file"):
        call("nowhere.mp4")


def test_a_folder_without_results_is_one_line(tmp_path):
    with pytest.raises(moodstream.MoodstreamError, match=r"timeline\.parquet is missing"):
        moodstream.open_results(tmp_path)
