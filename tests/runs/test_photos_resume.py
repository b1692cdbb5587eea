"""Runs over photos that are broken off and go on, or are done anew; and their memory."""

from __future__ import annotations

import tracemalloc

import cv2
import pyarrow.parquet as pq
import pytest
from support.fakes import noise
from support.photo_runs import ends_after, files_in, run, write_photos

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos.analyse import PhotoSettings
from moodstream.realtime.runs.photos.run import BATCH

# ---- going on


def test_a_run_that_was_ended_goes_on(tmp_path):
    folder = write_photos(tmp_path / "set", BATCH + 5)
    (folder / "bad.png").write_bytes(b"")
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", quality="dataset", tick=ends_after(1))
    summary = run(folder, tmp_path / "out", quality="dataset")
    assert summary["speed"]["photos_read"] == 6
    whole = run(folder, tmp_path / "whole", quality="dataset")
    assert whole["speed"]["photos_read"] == BATCH + 6
    for name in ("faces.parquet", "photos.parquet"):
        assert pq.read_table(tmp_path / "out" / name).equals(
            pq.read_table(tmp_path / "whole" / name)
        )
    assert files_in(tmp_path / "out") == files_in(tmp_path / "whole")


def test_photos_that_changed_or_went_in_the_meantime(tmp_path):
    folder = write_photos(tmp_path / "set", BATCH + 2)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", pictures=False, tick=ends_after(1))
    cv2.imwrite(str(folder / "0000.png"), noise(200, 300))
    (folder / "0001.png").unlink()
    summary = run(folder, tmp_path / "out", pictures=False)
    assert summary["speed"]["photos_read"] == 3
    rows = pq.read_table(tmp_path / "out" / "photos.parquet").to_pylist()
    assert len(rows) == BATCH + 1
    assert rows[0]["width"] == 300
    assert len(pq.read_table(tmp_path / "out" / "faces.parquet")) == 3 * (BATCH + 1)


def test_other_settings_do_not_go_on(tmp_path):
    folder = write_photos(tmp_path / "set", BATCH + 2)
    with pytest.raises(KeyboardInterrupt):
        run(folder, tmp_path / "out", pictures=False, tick=ends_after(1))
    other = PhotoSettings(min_face=5)
    with pytest.raises(MoodstreamError, match=r"other settings: min_face \(4 → 5\)"):
        run(folder, tmp_path / "out", pictures=False, photo=other)
    summary = run(folder, tmp_path / "out", pictures=False, photo=other, overwrite=True)
    assert summary["speed"]["photos_read"] == BATCH + 2


def test_results_are_replaced_only_when_asked(tmp_path):
    folder = write_photos(tmp_path / "set", 1)
    run(folder, tmp_path / "out", targets=("sad",))
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(MoodstreamError, match="overwrite=True"):
        run(folder, tmp_path / "out")
    run(folder, tmp_path / "out", privacy=Privacy.GROUP, overwrite=True)
    left = files_in(tmp_path / "out")
    assert left == ["failures.csv", "mine.txt", "photos.parquet", "report.html", "summary.json"]


def test_results_of_another_command_are_replaced_when_asked(tmp_path):
    folder = write_photos(tmp_path / "set", 1)
    (tmp_path / "out" / "annotated").mkdir(parents=True)
    (tmp_path / "out" / "annotated" / "mine.jpg").write_bytes(b"mine")
    (tmp_path / "out" / "summary.json").write_text("{}")
    with pytest.raises(MoodstreamError, match="overwrite=True"):
        run(folder, tmp_path / "out")
    run(folder, tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "annotated" / "mine.jpg").exists()
    assert (tmp_path / "out" / "faces.parquet").exists()


def test_photos_that_cannot_be_read_at_all_can_be_tried_again(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.jpg").write_bytes(b"")
    with pytest.raises(MoodstreamError, match=r"none of 1 photos .*a.jpg: not a picture"):
        run(tmp_path / "set", tmp_path / "out")
    cv2.imwrite(str(tmp_path / "set" / "a.jpg"), noise())
    assert run(tmp_path / "set", tmp_path / "out")["counts"]["photos"] == 1


def test_memory_does_not_grow_with_the_photos(tmp_path):
    folder = write_photos(tmp_path / "set", 9 * BATCH)
    run(write_photos(tmp_path / "few", 2), tmp_path / "first", pictures=False)  # what is imported
    sizes = []

    def tick(stage, done, total):
        if stage == "photos":
            sizes.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    run(folder, tmp_path / "out", tick=tick, pictures=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sizes) == 10
    assert sizes[-1] - sizes[3] < 300_000  # six batches later
    assert peak < sizes[3] + 50_000_000  # the report, and no more than a few pictures
