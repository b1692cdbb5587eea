"""`moodstream process` with the real networks on real footage."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from support.commands import loaded_by, read_csv
from support.media import moving_blob, read_frames, retimed, write_video
from support.waiting import wait_for

from moodstream.realtime.cli import entry
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.maths import jsd
from moodstream.realtime.networks.weights.packaged import CENTERFACE_INT8, CENTERFACE_SHA256
from moodstream.realtime.outputs.recording.writer import PEOPLE_COLUMNS, TIMELINE_COLUMNS
from moodstream.realtime.runs.offline.process import OUTPUTS

NEGATIVE, OTHER = ("p_sad", "p_fear", "p_angry"), ("p_happy", "p_neutral", "p_surprise")


def process(*arguments: object) -> int:
    return entry.main(["process", *map(str, arguments), "--models", "embedded", "--device", "cpu"])


def timeline(folder: Path) -> list[dict]:
    return pq.read_table(folder / "timeline.parquet").to_pylist()


def one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]


@pytest.fixture(scope="module")
def result(langer, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("langer") / "out"
    assert process(langer, "-o", out) == 0
    return out


def test_every_file_is_there_and_none_is_half_written(result):
    assert sorted(p.name for p in result.iterdir()) == sorted(OUTPUTS)


def test_one_person_with_one_id(result):
    rows = pq.read_table(result / "people.parquet").to_pylist()
    ids = [row["track_id"] for row in rows]
    assert ids.count(1) >= 0.95 * len(timeline(result))
    assert set(ids) == {1}


def test_sad_at_first_happy_at_the_end(result):
    rows = timeline(result)
    first = [r for r in rows if r["t"] <= 6 and r["p_sad"] is not None]
    sad = [
        r["dominant"] == "sad" or sum(r[k] for k in NEGATIVE) > sum(r[k] for k in OTHER)
        for r in first
    ]
    last = [r["dominant"] == "happy" for r in rows if 13 <= r["t"] <= 19]
    assert np.mean(sad) > 0.5
    assert np.mean(last) >= 0.9


def test_exactly_one_shift_towards_happy(result):
    events = json.loads((result / "events.json").read_text())
    happy = [e for e in events if e["to"] == "happy"]
    assert len(happy) == 1
    assert 8 <= happy[0]["t"] <= 14
    assert set(happy[0]) >= {"t", "from", "to", "size"}


def test_the_tables_have_their_columns_and_steps(result):
    rows, text = timeline(result), read_csv(result / "timeline.csv")
    assert tuple(rows[0]) == tuple(text[0]) == TIMELINE_COLUMNS
    assert tuple(pq.read_schema(result / "people.parquet").names) == PEOPLE_COLUMNS
    np.testing.assert_allclose([r["t"] for r in rows], np.arange(len(rows)) * 0.2, atol=1e-6)
    assert len(rows) == len(text) == 99
    for row in rows[5:]:
        assert sum(row[f"p_{n}"] for n in EMOTIONS) == pytest.approx(1, abs=1e-4)
        assert sum(row[f"u_{n}"] for n in EMOTIONS) == pytest.approx(1, abs=1e-4)
        assert row["dominant"] == max(EMOTIONS, key=lambda n: row[f"p_{n}"])
    assert not {value.lower() for row in text for value in row.values()} & {"nan", "none", "inf"}


def test_overlay_plays_in_a_browser_and_keeps_the_timing(result, langer):
    import av

    with av.open(str(result / "overlay.mp4")) as out, av.open(str(langer)) as source:
        stream = out.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.width % 2 == stream.height % 2 == 0
        got = [float(p.pts * p.time_base) for p in out.demux(stream) if p.pts is not None]
        inner = source.streams.video[0]
        want = [float(p.pts * p.time_base) for p in source.demux(inner) if p.pts is not None]
    np.testing.assert_allclose(sorted(got), sorted(want), atol=2e-3)
    head = (result / "overlay.mp4").read_bytes()[:4096]
    assert b"moov" in head  # the index comes first, so that it plays while it loads


def test_the_summary_says_what_ran(result):
    summary = json.loads((result / "summary.json").read_text())
    assert summary["counts"]["frames"] == 472
    assert summary["counts"]["people"] == 1
    detectors = CENTERFACE_SHA256, " ".join(CENTERFACE_INT8)  # by what the CPU is quickest with
    assert summary["models"]["detector"]["sha256"] in detectors
    assert {len(part) for part in summary["models"]["emotion"]["sha256"].split()} == {64}
    assert summary["settings"]["group"]["window"] == 5.0
    assert summary["speed"]["frames_per_second"] > 0
    assert summary["versions"]["norfair-enough"].startswith("2.")
    assert summary["interrupted"] is False


def test_the_report_is_one_file_with_pictures(result):
    page = (result / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") >= 3
    assert "happy" in page


def mean_jsd(a: list[dict], b: list[dict]) -> float:
    both = [
        jsd([x[f"p_{n}"] for n in EMOTIONS], [y[f"p_{n}"] for n in EMOTIONS])
        for x, y in zip(a, b, strict=False)
        if x["p_sad"] is not None and y["p_sad"] is not None
    ]
    assert len(both) > 80
    return float(np.mean(both))


def test_the_frame_rate_hardly_changes_the_timeline(langer, tmp_path):
    original = read_frames(langer)
    end = original[-1][0]
    rng = np.random.default_rng(7)
    uneven = [t for t, _ in original if rng.random() < 0.6]
    tables = []
    for name, times in {
        "12": np.arange(0, end, 1 / 12),
        "24": np.arange(0, end, 1 / 24),
        "48": np.arange(0, end, 1 / 48),
        "vfr": np.array([0.0, *uneven[1:]]),
    }.items():
        clip = write_video(tmp_path / f"{name}.mp4", retimed(original, times.tolist()), fps=24)
        assert process(clip, "-o", tmp_path / name, "--no-video", "--quiet") == 0
        tables.append(timeline(tmp_path / name))
    distances = [mean_jsd(a, b) for i, a in enumerate(tables) for b in tables[:i]]
    assert max(distances) < 0.02, distances


def test_no_face_is_empty_and_says_so(footage, tmp_path, capsys):
    out = tmp_path / "out"
    assert process(footage["no_face.mp4"], "-o", out) == 0
    assert "no faces were found" in capsys.readouterr().out
    rows = read_csv(out / "timeline.csv")
    assert all(r["people"] == "0" and r["effective_people"] in ("0", "0.0") for r in rows)
    assert all(r[k] == "" for r in rows for k in ("entropy", "dominant", "p_sad", "shift"))
    assert "no faces were found" in json.loads((out / "summary.json").read_text())["notes"]


def test_a_truncated_file_is_processed_as_far_as_it_goes(langer, tmp_path, capsys):
    whole = write_video(
        tmp_path / "whole.mp4", read_frames(langer)[:240], fps=24, movflags="+faststart"
    )
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    assert process(cut, "-o", tmp_path / "out", "--no-video") == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert 2 < summary["stopped_at"] < 9
    assert any("cut off" in note for note in summary["notes"])
    assert "cut off" in capsys.readouterr().out


@pytest.mark.parametrize("case", ["text", "missing", "empty", "folder"])
def test_bad_input_is_one_line_and_leaves_nothing(case, tmp_path, capsys):
    source = tmp_path / "in.mp4"
    if case == "text":
        source.write_text("not a video\n" * 100)
    elif case == "empty":
        source.touch()
    elif case == "folder":
        source.mkdir()
    assert process(source, "-o", tmp_path / "out") == 2
    caught = capsys.readouterr()
    assert str(source) in one_line(caught.err)
    assert caught.out == ""
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written(langer, tmp_path, capsys):
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    assert process(langer, "-o", blocker / "out") == 2
    assert "cannot be written" in one_line(capsys.readouterr().err)
    assert blocker.read_text() == "in the way"


@pytest.mark.parametrize(
    "options",
    [
        ["--window", "0"],
        ["--smoothing", "-1"],
        ["--start", "x"],
        ["--start", "9", "--end", "3"],
        ["--max-faces", "1.5"],
        ["--min-confidence", "2"],
        ["--device", "tpu"],
    ],
)
def test_bad_options_are_one_line(options, langer, tmp_path, capsys):
    try:
        code = process(langer, "-o", tmp_path / "out", *options)
    except SystemExit as stop:
        code = int(stop.code or 0)
    assert code == 2
    one_line(capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_results_are_not_overwritten_unless_asked(footage, tmp_path, capsys):
    clip = footage["single_face.mp4"]
    out = tmp_path / "out"
    assert process(clip, "-o", out, "--quiet") == 0
    before = (out / "summary.json").read_bytes()
    capsys.readouterr()
    assert process(clip, "-o", out) == 2
    line = one_line(capsys.readouterr().err)
    assert line.endswith("with --overwrite")  # what is typed here, not what Python calls it
    assert (out / "summary.json").read_bytes() == before
    assert process(clip, "-o", out, "--quiet", "--no-video", "--overwrite") == 0
    assert not (out / "overlay.mp4").exists()
    assert capsys.readouterr().out == ""


def test_several_sources_get_sub_folders_and_a_bad_one_loses_nothing(footage, tmp_path, capsys):
    folder = tmp_path / "videos"
    folder.mkdir()
    write_video(folder / "a.mp4", moving_blob(25))
    (folder / "b.mp4").write_text("broken")
    out = tmp_path / "out"
    clip = footage["single_face.mp4"]
    assert process(folder, clip, "-o", out, "--no-video", "--json") == 2
    caught = capsys.readouterr()
    assert "b.mp4" in one_line(caught.err)
    assert len(json.loads(caught.out)) == 2
    assert sorted(p.name for p in out.iterdir()) == ["a", "single_face"]
    assert (out / "single_face" / "report.html").exists()


def test_start_and_end(langer, tmp_path):
    out = tmp_path / "out"
    assert process(langer, "-o", out, "--start", "0:13", "--end", "15", "--quiet") == 0
    rows = timeline(out)
    assert rows[0]["t"] >= 13
    assert rows[-1]["t"] < 15
    import av

    with av.open(str(out / "overlay.mp4")) as video:
        assert video.duration / 1e6 == pytest.approx(2.0, abs=0.1)


def test_group_privacy_writes_nothing_about_single_people(langer, tmp_path):
    out = tmp_path / "out"
    assert process(langer, "-o", out, "--end", "3", "--privacy", "group", "--quiet") == 0
    assert not (out / "people.parquet").exists()
    assert all(r["dominant"] is None and r["p_sad"] is None for r in timeline(out))
    assert json.loads((out / "events.json").read_text()) == []
    assert "data:image/jpeg" not in (out / "report.html").read_text(encoding="utf-8")


def test_blur_privacy_hides_the_face_in_video_and_stills(langer, tmp_path):
    def sharpness(image):
        return float(cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_32F).var())

    out = tmp_path / "out"
    assert process(langer, "-o", out, "--end", "2", "--privacy", "blur", "--quiet") == 0
    x1, y1, x2, y2 = 410, 140, 500, 270  # well inside her face throughout
    for (_, hidden), (_, plain) in zip(
        read_frames(out / "overlay.mp4")[::6], read_frames(langer)[::6], strict=False
    ):
        assert sharpness(hidden[y1:y2, x1:x2]) < 0.5 * sharpness(plain[y1:y2, x1:x2])
    page = (out / "report.html").read_text(encoding="utf-8")
    stills = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    assert stills
    for still in stills:
        image = cv2.imdecode(np.frombuffer(base64.b64decode(still), np.uint8), cv2.IMREAD_COLOR)
        scale = image.shape[1] / 640
        a, b, c, d = (round(v * scale) for v in (y1, y2, x1, x2))
        assert sharpness(image[a:b, c:d]) < 60


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_cleanly_and_keeps_what_is_done(langer, tmp_path):
    clip = write_video(tmp_path / "long.mp4", _looped(langer, 2), fps=24)
    command = [sys.executable, "-m", "moodstream.realtime.cli", "process", str(clip)]
    command += ["-o", str(tmp_path / "out"), "--models", "embedded"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    part = tmp_path / "out" / "overlay.mp4.part"
    wait_for(lambda: part.stat().st_size > 100_000, 60, ignoring=(FileNotFoundError,))
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, err
    assert "Stopped at" in out
    assert "Traceback" not in err
    folder = tmp_path / "out"
    assert sorted(p.name for p in folder.iterdir()) == sorted(OUTPUTS)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["interrupted"]
    assert 0 < summary["counts"]["seconds"] < 39
    assert len(read_frames(folder / "overlay.mp4")) == summary["counts"]["frames"]


def _looped(path: Path, times: int):
    frames = read_frames(path)
    span = frames[-1][0] + 1 / 24
    for k in range(times):
        for t, image in frames:
            yield k * span + t, image


def test_help_is_quick_and_loads_nothing_heavy():
    heavy = {"torch", "cv2", "openvino", "ultralytics", "gradio", "norfair", "numpy"}
    assert not heavy & loaded_by("process", "--help")
