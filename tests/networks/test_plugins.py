"""Detectors and classifiers that other packages bring."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from moodstream import MoodstreamError, Pipeline, read_image
from moodstream.realtime.cli import entry
from moodstream.realtime.networks.load import load
from moodstream.realtime.networks.models import ModelSettings
from moodstream.realtime.networks.names import builtin_names
from moodstream.realtime.networks.plugins import discover, find, names
from moodstream.testing import Person, ScriptedSource

CODE = """
    import numpy as np
    from moodstream.testing import PaintedFaceClassifier, PaintedFaceDetector

    asked = {}

    def detector(device, precision):
        asked.update(device=device, precision=precision)
        return PaintedFaceDetector()

    def classifier(**everything):
        asked.update(everything)
        return PaintedFaceClassifier()

    def boxes():
        return lambda image: [[20, 20, 90, 100]]

    def broken():
        raise OSError("no weights here")

    def wrong():
        return 7

    number = 7
"""
ENTRIES = """
    [moodstream.detectors]
    painted = plugs:detector
    boxes = plugs:boxes
    broken = plugs:broken
    absent = plugs_that_are_not_there:detector
    wrong = plugs:wrong
    centerface = plugs:detector
    number = plugs:number

    [moodstream.classifiers]
    painted = plugs:classifier
    wrong = plugs:wrong
    ensemble = plugs:classifier
"""
IMAGE = ScriptedSource([Person((20, 20, 90, 100), "fear")]).image(0)


def distribution(folder, name, entries, code=None):
    """A folder as pip would fill it: importable code, and the names of its factories."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(entries))
    if code is not None:
        (folder / "plugs.py").write_text(textwrap.dedent(code))
    return folder


@pytest.fixture
def plugs(tmp_path, monkeypatch):
    folder = distribution(tmp_path / "site", "moody-plugs", ENTRIES, CODE)
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("plugs", None)


def test_without_packages_there_are_no_plugins():
    assert names("detector", builtin_names("detector")) == []
    assert find("emotion", "painted", builtin_names("emotion")) is None


def test_plugins_are_found_by_their_names(plugs):
    builtin = builtin_names("detector")
    assert names("detector", builtin) == ["absent", "boxes", "broken", "number", "painted", "wrong"]
    assert find("detector", "painted", builtin).package == "moody-plugs 1.0"


@pytest.mark.usefixtures("plugs")
def test_a_plugin_runs_by_its_name():
    loaded = load(ModelSettings("embedded", detector="painted", emotion="painted", device="cpu"))
    assert loaded.info["detector"].name == "painted"
    assert loaded.info["detector"].file == "moody-plugs 1.0"
    assert loaded.info["emotion"].engine == "plug-in"
    assert sys.modules["plugs"].asked == {"device": "cpu", "precision": "auto"}
    faces = read_image(IMAGE, pipeline=Pipeline(detector="boxes", classifiers="painted"))
    assert faces.boxes.tolist() == [[20, 20, 90, 100]]
    assert faces.labels == ["fear"]


@pytest.mark.usefixtures("plugs")
def test_a_plugin_votes_with_ours():
    settings = ModelSettings("embedded", emotion="embedded,painted", device="cpu")
    read = load(settings).classifier.classify([IMAGE], [np.array([[20, 20, 90, 100]], np.float32)])
    assert read.disagreement is not None


@pytest.mark.usefixtures("plugs")
def test_the_sums_of_those_that_vote_are_of_those_that_have_one():
    alone = load(ModelSettings("embedded", emotion="embedded", device="cpu")).info["emotion"]
    both = load(ModelSettings("embedded", emotion="embedded,painted", device="cpu")).info["emotion"]
    assert both.sha256 == alone.sha256
    assert both.file == f"{alone.file} moody-plugs 1.0"


def test_what_a_plugin_raises_is_told_with_its_place(plugs):
    with pytest.raises(MoodstreamError, match="OSError: no weights here") as caught:
        load(ModelSettings("embedded", detector="broken", device="cpu"))
    lines = (plugs / "plugs.py").read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "raise OSError" in text)
    assert str(caught.value).endswith(f"({plugs / 'plugs.py'}:{line})")
    with pytest.raises(MoodstreamError, match=r"that_are_not_there'$"):  # no code of theirs ran
        load(ModelSettings("embedded", detector="absent", device="cpu"))


@pytest.mark.parametrize(
    ("part", "name", "message"),
    [
        ("detector", "broken", "OSError: no weights here"),
        ("detector", "absent", "ModuleNotFoundError: No module named 'plugs_that_are_not_there'"),
        ("detector", "wrong", "expected a detector"),
        ("detector", "number", "plugs:number cannot be called; expected a factory"),
        ("emotion", "wrong", "expected a classifier"),
    ],
)
@pytest.mark.usefixtures("plugs")
def test_what_is_wrong_with_a_plugin_is_one_line_that_names_it(part, name, message):
    with pytest.raises(MoodstreamError) as caught:
        load(ModelSettings("embedded", device="cpu", **{part: name}))
    said = str(caught.value)
    assert said.startswith(f"--{part} {name} (plug-in of moody-plugs 1.0): ")
    assert message in said
    assert "\n" not in said


@pytest.mark.usefixtures("plugs")
def test_a_plugin_cannot_take_a_name_of_ours():
    loaded = load(ModelSettings("embedded", detector="centerface", device="cpu"))
    assert loaded.info["detector"].engine.startswith("openvino")
    refused = {p.name: p.refused for p in discover("emotion", builtin_names("emotion"))}
    assert refused["painted"] is None
    assert "name of one that moodstream brings" in refused["ensemble"]


def test_two_packages_with_one_name_are_told_apart_by_nobody(plugs, tmp_path, monkeypatch):
    entries = "[moodstream.detectors]\npainted = plugs:boxes\n"
    monkeypatch.syspath_prepend(str(distribution(tmp_path / "other", "other-plugs", entries)))
    with pytest.raises(MoodstreamError, match="more than one plug-in has this name") as caught:
        load(ModelSettings("embedded", detector="painted", device="cpu"))
    assert "moody-plugs 1.0" in str(caught.value)
    assert "other-plugs 1.0" in str(caught.value)


def test_a_folder_that_is_on_the_path_twice_offers_its_plugins_once(plugs, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(plugs)
    monkeypatch.syspath_prepend(str(tmp_path / "link"))
    assert find("detector", "painted", ()).refused is None


@pytest.mark.usefixtures("plugs")
def test_an_unknown_name_is_told_with_the_plugins_that_there_are():
    with pytest.raises(MoodstreamError, match=r"--detector eagle: .*yolov8l-face, absent, boxes"):
        load(ModelSettings("embedded", detector="eagle", device="cpu"))


@pytest.mark.usefixtures("plugs")
def test_models_list_and_doctor_show_plugins(capsys):
    assert entry.main(["models", "list"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert ["painted", "detector", "plug-in", "moody-plugs 1.0"] in lines
    (refused,) = [line for line in lines if line[0] == "centerface"]
    assert refused[2].startswith("refused: ")
    assert entry.main(["doctor", "--json"]) == 0  # a plug-in that is broken breaks nothing else
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["detector plug-in painted"]["ok"] is True
    assert checks["emotion plug-in painted"]["ok"] is True
    assert "plugs_that_are_not_there" in checks["detector plug-in absent"]["found"]
    assert checks["detector plug-in number"]["ok"] is None
    assert "plugs:number cannot be called" in checks["detector plug-in number"]["found"]
    assert "moodstream brings itself" in checks["emotion plug-in ensemble"]["found"]


def test_the_command_line_takes_a_plugin(plugs, tmp_path, monkeypatch):
    clip = ScriptedSource([Person((20, 20, 90, 100), "fear")], seconds=2).write(tmp_path / "a.mp4")
    monkeypatch.setenv("PYTHONPATH", str(plugs), prepend=":")
    command = [sys.executable, "-m", "moodstream", "process", str(clip)]
    command += ["--detector", "painted", "--emotion", "painted", "-o", str(tmp_path / "out")]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {part["dominant"] for part in json.loads(done.stdout)["mood"]["parts"]} <= {"fear", None}
    wrong = [*command[:-3], "broken", "-o", str(tmp_path / "no")]
    done = subprocess.run(wrong, capture_output=True, text=True)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
