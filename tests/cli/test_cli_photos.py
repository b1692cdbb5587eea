"""`moodstream photos` as a command: real photos, kills, and bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from support.paths import ultralytics_pictures
from support.waiting import wait_for

from moodstream.realtime.cli.entry import build_parser, main
from moodstream.realtime.runs.photos.run import BATCH

# ---- the command


def copies(picture, folder, count):
    """So many small copies of a photo, no two alike."""
    folder.mkdir()
    small = cv2.resize(cv2.imread(str(picture)), (320, 213), interpolation=cv2.INTER_AREA)
    for i in range(count):
        cv2.imwrite(str(folder / f"{i:04d}.jpg"), np.roll(small, i, axis=1))
    return folder


def test_a_killed_run_loses_at_most_one_batch(tmp_path, footage):
    total = 5 * BATCH
    folder = copies(footage["multi_face.jpg"], tmp_path / "set", total)
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "moodstream.realtime.cli",
        "photos",
        str(folder),
        "-o",
        str(out),
    ]
    command += ["--models", "embedded", "--device", "cpu", "--json", "--quality", "dataset"]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((out / "unfinished" / "photos-000001.parquet").exists, 120)
    assert first.poll() is None
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    kept = BATCH * len(list(out.glob("unfinished/photos-*.parquet")))
    started = len(list((out / "annotated").glob("*.jpg")))
    assert started - kept <= BATCH  # what the kill cost
    second = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    summary = json.loads(second.stdout)
    assert summary["speed"]["photos_read"] == total - kept
    assert summary["counts"]["photos"] == total
    photos = pq.read_table(out / "photos.parquet")["photo"].to_pylist()
    assert photos == sorted(p.name for p in folder.iterdir())
    assert not list(out.rglob("*.part"))
    assert not (out / "unfinished").exists()


def test_real_photos_by_the_command(tmp_path, footage, capsys):
    assets = ultralytics_pictures()
    photos = [footage["multi_face.jpg"], footage["Image_with_alpha.png"], assets / "zidane.jpg"]
    asked = [str(p) for p in (*photos, assets / "bus.jpg")]
    command = ["photos", *asked, "-o", str(tmp_path / "out"), "--models", "embedded"]
    assert main([*command, "--device", "cpu", "--target", "happy"]) == 0
    assert "Faces " in capsys.readouterr().out
    rows = pq.read_table(tmp_path / "out" / "photos.parquet").to_pylist()
    by_name = {Path(row["photo"]).name: row for row in rows}
    group = by_name["multi_face.jpg"]
    assert (group["faces"], group["dominant"]) == (5, "happy")
    assert group["effective_people"] > 4.5
    assert by_name["zidane.jpg"]["faces"] == 2
    assert by_name["bus.jpg"]["faces"] >= 2
    assert by_name["Image_with_alpha.png"]["dominant"] == "happy"
    faces = pq.read_table(tmp_path / "out" / "faces.parquet").to_pylist()
    for face in faces:  # landmarks lie in their boxes, eyes above mouth
        assert face["x1"] < face["nose_x"] < face["x2"]
        assert face["left_eye_y"] < face["left_mouth_y"]
    assert main(command) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["gone", "-o", "out"], "gone: no such file"),
        ([".", "-o", "out", "--target", "joy"], "--target joy: expected one of angry"),
        ([".", "-o", "out"], "holds no photos"),
        ([".", "-o", "out", "--privacy", "group", "--quality", "dataset"], "use --quality fixed"),
    ],
)
def test_bad_input_is_one_line(tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    assert main(["photos", *options]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("asked", "kept"), [("dataset", "dataset"), ("seed", "dataset")])
def test_the_former_name_of_quality_by_the_dataset_goes_on_working(asked, kept):
    args = build_parser().parse_args(["photos", "set", "-o", "out", "--quality", asked])
    assert args.quality == kept


def test_the_former_name_is_not_listed(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["photos", "set", "-o", "out", "--quality", "sharp"])
    error = capsys.readouterr().err
    assert "dataset" in error
    assert "seed" not in error
