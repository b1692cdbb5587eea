"""`moodstream evaluate emotions` as a command."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.commands import loaded_by
from support.fakes import direct
from support.media import read_frames
from support.paths import DATA as SHARED

from moodstream.realtime.cli import entry
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.faces import load
from moodstream.realtime.evaluation.emotions import report
from moodstream.realtime.evaluation.emotions.calibrate import cross_entropy
from moodstream.realtime.outputs.folders import finished, writing


@pytest.fixture(scope="module")
def crops(langer, networks, tmp_path_factory) -> Path:
    """The woman of the sample clip, called sad while she cries and happy while she laughs."""
    root = tmp_path_factory.mktemp("crops")
    for t, image in read_frames(langer)[::12]:
        mood = "Sadness" if t < 6 else "happy" if t > 12 else None
        found = networks.detector.detect([image], 0.5)[0].boxes
        if mood and len(found):
            x1, y1, x2, y2 = np.rint(found[0]).astype(int)
            (root / mood).mkdir(exist_ok=True)
            cv2.imwrite(str(root / mood / f"{t:.2f}.png"), image[max(0, y1) : y2, max(0, x1) : x2])
    return root


def run(*arguments: object) -> int:
    asked = ["evaluate", "emotions", *map(str, arguments), "--models", "embedded"]
    return entry.main([*asked, "--device", "cpu"])


def one_line(text: str) -> str:
    assert len(text.strip().splitlines()) == 1, text
    assert "Traceback" not in text
    return text


def test_the_command_from_folder_to_report(crops, networks, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("--data", crops, "-o", out, "--sizes", "48,16") == 0
    assert sorted(p.name for p in out.iterdir()) == sorted(report.OUTPUTS)
    printed = capsys.readouterr().out
    kept = json.loads((out / "metrics.json").read_text())
    assert f"accuracy           {kept['accuracy']:.3f}" in printed
    assert f"n = {kept['n']} faces" in printed
    faces = load(crops)
    probs = direct(networks.classifier, faces)
    assert kept["accuracy"] == pytest.approx((probs.argmax(1) == faces.labels).mean(), abs=1e-6)
    assert kept["cross_entropy"] == pytest.approx(cross_entropy(probs, faces.labels), abs=1e-4)
    assert kept["per_class"]["sad"]["support"] == (faces.labels == EMOTIONS.index("sad")).sum()
    assert kept["per_class"]["fear"]["recall"] is None
    assert list(kept["by_size"]) == ["48", "16"]


def test_json_and_quiet(crops, capsys):
    assert run("--data", crops, "--limit", 5, "--sizes", "none", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 5
    assert found["by_size"] == {}
    assert run("--data", crops, "--limit", 5, "--sizes", "none", "--quiet") == 0
    assert capsys.readouterr().out == ""


@pytest.fixture(scope="module")
def many(crops, tmp_path_factory) -> Path:
    """120 of them, some labelled wrongly: enough to fit a temperature on."""
    faces = load(crops)
    rng = np.random.default_rng(0)
    rows = np.arange(120) % len(faces)
    images = np.stack([cv2.resize(faces.images[i], (64, 64))[..., ::-1] for i in rows])
    labels = np.where(rng.random(120) < 0.6, faces.labels[rows], rng.integers(0, 7, 120))
    path = tmp_path_factory.mktemp("many") / "many.npz"
    np.savez(path, images=images, labels=labels, classes=np.array(EMOTIONS))
    return path


def test_a_saved_calibration_is_read_back(many, tmp_path, capsys):
    path = tmp_path / "fitted.json"
    some = ("--data", many, "--sizes", "none")
    assert run(*some, "--save-calibration", path, "--json") == 0
    before = json.loads(capsys.readouterr().out)
    assert run(*some, "--calibration", path, "--json") == 0
    after = json.loads(capsys.readouterr().out)
    assert after["uncalibrated"] == before["uncalibrated"]
    assert after["temperature"] == json.loads(path.read_text())["temperature"]
    assert after["cross_entropy"] <= before["cross_entropy"] + 1e-6
    assert after["cross_entropy"] <= after["uncalibrated"]["cross_entropy"] + 1e-6


def test_a_calibration_is_not_overwritten(many, tmp_path, capsys):
    path = tmp_path / "fitted.json"
    path.write_text("keep")
    some = ("--data", many, "--sizes", "none", "--save-calibration", path)
    assert run(*some) == 2
    printed = capsys.readouterr()
    assert "--overwrite" in one_line(printed.err)
    assert printed.out == ""
    assert path.read_text() == "keep"
    assert run(*some, "--overwrite") == 0
    assert json.loads(path.read_text())["n"] == 120


def test_a_calibration_needs_enough_faces(many, tmp_path, capsys):
    path = tmp_path / "fitted.json"
    assert run("--data", many, "--limit", 99, "--save-calibration", path) == 2
    assert "100 or more" in one_line(capsys.readouterr().err)
    assert not path.exists()


def test_a_temperature_at_the_end_of_the_search_is_refused(many, networks, tmp_path, capsys):
    faces = load(many)
    answers = direct(networks.classifier, faces).argmax(1)
    images = np.stack(faces.images)[..., ::-1]
    data, path = tmp_path / "always right.npz", tmp_path / "fitted.json"
    for labels in (answers, (answers + 1) % 7):
        np.savez(data, images=images, labels=labels, classes=np.array(EMOTIONS))
        assert run("--data", data, "--sizes", "none", "--save-calibration", path) == 2
        printed = capsys.readouterr()
        assert "no temperature from 0.05 to 20" in one_line(printed.err)
        assert "balanced accuracy" in printed.out
        assert [p.name for p in tmp_path.iterdir()] == [data.name]


def test_the_networks_are_chosen_before_a_picture_is_read(crops, capsys, monkeypatch):
    from moodstream.realtime.evaluation.datasets import from_folder

    def read(*_):
        raise AssertionError("a picture was read")

    monkeypatch.setattr(from_folder, "read_picture", read)
    for wrong in (["--emotion", "clever"], ["--calibration", "none.json"]):
        for what in (["emotions"], ["emotions", "--detect"], ["groups"]):
            monkeypatch.setattr("moodstream.realtime.evaluation.groups.drawing.MIN_CLASS_FACES", 1)
            asked = ["evaluate", *what, "--data", str(crops), "--models", "embedded", *wrong]
            assert entry.main(asked) == 2
            assert wrong[1] in one_line(capsys.readouterr().err)


def test_an_error_of_reading_is_not_blamed_on_the_output(crops, tmp_path, monkeypatch):
    from moodstream.realtime.evaluation.datasets import faces as data

    def fails(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(data, "list_folder", fails)
    with pytest.raises(OSError, match="Input/output"):
        run("--data", crops, "-o", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_file_is_removed(tmp_path):
    def fill(part):
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="full"), finished(tmp_path / "a.json") as part:
        fill(part)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MoodstreamError, match="cannot be written"), writing(tmp_path):
        raise OSError("disk full")


def test_the_command_without_pictures(crops, tmp_path):
    out = tmp_path / "out"
    assert run("--data", crops, "--limit", 5, "--sizes", "none", "-o", out, "--no-pictures") == 0
    assert "mistakes.png" not in {p.name for p in out.iterdir()}
    assert (out / "metrics.json").exists()


def test_whole_photos(footage, tmp_path, capsys):
    (tmp_path / "happy").mkdir()
    photo = cv2.imread(str(footage["single_face.jpg"]))
    cv2.imwrite(str(tmp_path / "happy" / "face.jpg"), photo)
    cv2.imwrite(str(tmp_path / "happy" / "nobody.jpg"), np.full((300, 300, 3), 90, np.uint8))
    assert run("--data", tmp_path, "--detect", "--sizes", "none", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 1
    assert found["skipped"] == [{"what": str(Path("happy/nobody.jpg")), "why": "no face found"}]
    assert found["detector"]["name"] == "centerface"
    assert found["data"]["side_px"]["most"] < max(photo.shape)


def test_what_is_there_is_not_overwritten(crops, tmp_path, capsys):
    some = ("--data", crops, "--limit", 3, "--sizes", "none", "--quiet", "-o", tmp_path)
    mine = tmp_path / "mine.part"
    mine.write_text("keep")
    assert run(*some) == 2
    assert "not empty" in one_line(capsys.readouterr().err)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.part"]
    assert run(*some, "--overwrite") == 0
    assert run(*some) == 2
    assert "results already" in one_line(capsys.readouterr().err)
    assert mine.read_text() == "keep"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--data", "none"],
        ["--data", "crops", "--split", "test"],
        ["--data", "crops", "--sizes", "large"],
        ["--data", "crops", "--sizes", "48,2"],
        ["--data", "crops", "--limit", "0"],
        ["--data", "crops", "--calibration", "none.json"],
        ["--data", "crops", "--emotion", "clever"],
        ["--data", "crops", "--save-calibration", "none/fitted.json"],
        ["--data", "crops", "-o", "file"],
        ["--data", "crops", "-o", "crops/out"],
        ["--data", "crops", "-o", "n" * 300],
        ["--data", "n" * 300],
        ["--data", "crops", "--save-calibration", "n" * 300],
        ["--data", "crops", "--detector", "haar"],
        ["--data", "crops", "--detector-size", "640"],
        [],
    ],
    ids=lambda a: " ".join(a[-2:])[:40] or "nothing",
)
def test_bad_input_is_one_line_and_loses_nothing(arguments, crops, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crops").symlink_to(crops)
    (tmp_path / "file").write_text("keep")
    with_output = arguments if "-o" in arguments or not arguments else [*arguments, "-o", "out"]
    try:
        code = run(*with_output)
    except SystemExit as end:  # argparse
        code = int(end.code or 0)
    assert code == 2
    one_line(capsys.readouterr().err)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["crops", "file"]


def test_help_loads_nothing_heavy():
    heavy = {"torch", "cv2", "openvino", "matplotlib", "numpy", "PIL", "rich"}
    assert not heavy & loaded_by("evaluate", "emotions", "--help")


@pytest.mark.skipif(not (SHARED / "fer2013.npz").is_file(), reason="no shared data")
def test_fer2013_is_read_better_than_chance(capsys):
    data = SHARED / "fer2013.npz"
    assert run("--data", data, "--split", "test", "--limit", 200, "--sizes", "16", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["accuracy_interval"][0] > max(part["true"] for part in found["mix"].values())
    assert found["by_size"]["16"]["accuracy"] < found["accuracy"] + 0.1
