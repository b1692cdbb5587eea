"""Detectors of other packages, whose answers are made up here."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
from support.ssd import make_ssd, painted

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.detectors import mtcnn, retinaface, yunet
from moodstream.realtime.networks.detectors.ssd import Ssd


@pytest.fixture
def ssd(tmp_path):
    return make_ssd(tmp_path)


def test_ssd_reads_scores_and_shares_of_the_picture(ssd):
    rows: list[tuple[int, ...]] = [
        (0, 1, 7, 1, 2, 5, 6),
        (0, 1, 9, -1, 0, 3, 12),
        (0, 1, 4, 0, 0, 5, 5),
    ]
    (detected,) = Ssd(ssd).detect([painted(rows)], 0.5)
    np.testing.assert_allclose(detected.scores, [0.9, 0.7], atol=0.01)
    want = [[0, 0, 90, 300], [30, 60, 150, 180]]  # clipped, in px, the best first
    np.testing.assert_allclose(detected.boxes, want, atol=2)


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
    (detected, nobody) = yunet.YuNet(tmp_path / "yunet.onnx").detect(
        [np.zeros((100, 120, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)], 0.4
    )  # fmt: skip
    assert calls[-3:] == [0.4, (120, 100), (64, 64)]
    np.testing.assert_array_equal(detected.boxes, [[0, 0, 20, 100], [10, 20, 40, 60]])
    np.testing.assert_array_equal(detected.landmarks[1], np.arange(15, 25).reshape(5, 2))
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
    detected, nobody, tiny = mtcnn.MtcnnTorch().detect(
        [bgr, np.zeros((50, 50, 3), np.uint8), bgr[:9]], 0.5
    )
    assert len(tiny) == 0
    np.testing.assert_allclose(detected.scores, [0.99, 0.7])
    np.testing.assert_array_equal(detected.boxes, [[5, 5, 30, 100], [60, 60, 90, 90]])
    assert detected.landmarks.shape == (2, 5, 2)
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
    detected, nobody = mtcnn.MtcnnKeras().detect(
        [np.ones((100, 100, 3), np.uint8), np.zeros((50, 50, 3), np.uint8)], 0.5
    )
    np.testing.assert_array_equal(detected.boxes, [[5, 6, 25, 36]])
    np.testing.assert_array_equal(detected.landmarks[0], MARKS)
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
    detected, nobody = retinaface.RetinaFace().detect(
        [np.ones((100, 100, 3), np.uint8), np.zeros((50, 50, 3), np.uint8)], 0.5
    )
    np.testing.assert_array_equal(detected.boxes, [[5, 6, 25, 36]])
    np.testing.assert_array_equal(detected.landmarks[0], MARKS)  # left to right, as ours are
    assert len(nobody) == 0
