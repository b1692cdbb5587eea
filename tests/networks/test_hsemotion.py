from __future__ import annotations

import functools
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from hsemotion import facial_emotions
from support.stand_ins import BOXES, picture

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks import load as loading
from moodstream.realtime.networks import models, names
from moodstream.realtime.networks.classifiers import hsemotion
from moodstream.realtime.networks.classifiers.checkpoint import state_dict_of
from moodstream.realtime.networks.classifiers.hsemotion import HSEmotionClassifier
from moodstream.realtime.networks.weights.catalogue import WeightFile
from moodstream.realtime.networks.weights.checksums import sha256_of
from moodstream.realtime.networks.weights.store import WeightsError, WeightStore

pytestmark = pytest.mark.usefixtures("one_thread")

B0, MTL, B2 = "enet_b0_8_best_vgaf", "enet_b0_8_va_mtl", "enet_b2_7"


def faces_of(image: Image, boxes: F32, size: int) -> F32:
    return hsemotion.normalised(np.stack([hsemotion.crop(image, box, size) for box in boxes]))


@pytest.fixture(scope="module")
def one_at_a_time(onnx_of: Callable[[str], Path], tmp_path_factory: Any) -> Path:
    """The B0 stand-in as ONNX that was exported with a batch of one."""
    import onnx

    model = onnx.load(str(onnx_of(B0)))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    path = tmp_path_factory.mktemp("onnx") / "static.onnx"
    onnx.save(model, str(path))
    return path


def reference(
    name: str, path: Path, image: Image, boxes: F32, monkeypatch: pytest.MonkeyPatch
) -> tuple[F32, list[str]]:
    """What the hsemotion package says of the same faces: its scores and its labels."""
    load = functools.partial(torch.load, weights_only=False)
    with monkeypatch.context() as patch:
        patch.setattr(facial_emotions, "get_model_path", lambda name: str(path))
        patch.setattr(torch, "load", load)
        theirs = facial_emotions.HSEmotionRecognizer(name)
    height, width = image.shape[:2]
    limits = np.array([width, height, width, height])
    rgb = image[..., ::-1]
    faces = [rgb[t:b, l:r].copy() for l, t, r, b in np.clip(boxes, 0, limits).astype(int)]  # noqa: E741
    labels, scores = theirs.predict_multi_emotions(faces, logits=False)
    return scores, labels


LABELS = {
    "Anger": "angry",
    "Contempt": "contempt",
    "Disgust": "disgust",
    "Fear": "fear",
    "Happiness": "happy",
    "Neutral": "neutral",
    "Sadness": "sad",
    "Surprise": "surprise",
}


@pytest.mark.parametrize("name", hsemotion.NAMES)
def test_same_probabilities_as_the_hsemotion_package(
    name: str, pickle_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = HSEmotionClassifier(name, pickle_of(name))
    image = picture(0)
    expected, labels = reference(name, pickle_of(name), image, BOXES, monkeypatch)
    predictions = ours.classify([image], [BOXES])
    got, k = predictions.probs, len(ours.classes)
    assert got.shape == (len(BOXES), k)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(got, expected[:, :k], atol=1e-3)
    named = [ours.classes[i] for i in got.argmax(axis=1)]
    assert named == [LABELS[label] for label in labels]
    # Were all answers alike, the comparison would say nothing.
    assert len(set(named)) >= 3
    if name == MTL:
        assert predictions.affect is not None
        np.testing.assert_allclose(predictions.affect, expected[:, k:], atol=1e-3)
        assert (np.abs(predictions.affect) < 1).all()  # so that clipping hides nothing
        assert np.ptp(predictions.affect, axis=0).min() > 0.1
    else:
        assert predictions.affect is None
    assert predictions.disagreement is None


def test_valence_and_arousal_stay_within_their_range(
    pickle_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = HSEmotionClassifier(MTL, pickle_of(MTL))
    raw = np.concatenate([np.zeros((2, 8)), [[-3.0, 0.25], [0.5, 9.0]]], axis=1)
    monkeypatch.setattr(ours, "_network", lambda batch: [raw.astype(np.float32)])
    predictions = ours.classify([picture()], [BOXES[:2]])
    np.testing.assert_array_equal(predictions.affect, [[-1, 0.25], [0.5, 1]])
    np.testing.assert_allclose(
        predictions.probs, 1 / 8, atol=1e-6
    )  # the classes alone share the softmax


def test_colour_order_matters(pickle_of: Callable[[str], Path]) -> None:
    ours, image = HSEmotionClassifier(B0, pickle_of(B0)), picture()
    swapped = np.ascontiguousarray(image[..., ::-1])
    there, back = (ours.classify([i], [BOXES]).probs for i in (image, swapped))
    assert np.abs(there - back).max() > 0.05


@pytest.mark.parametrize("name", hsemotion.NAMES)
def test_onnx_equals_torch(
    name: str, pickle_of: Callable[[str], Path], onnx_of: Callable[[str], Path]
) -> None:
    image = picture(3)
    by_torch = HSEmotionClassifier(name, pickle_of(name)).raw([image], [BOXES])
    by_onnx = HSEmotionClassifier(name, onnx_of(name)).raw([image], [BOXES])
    np.testing.assert_allclose(by_onnx, by_torch, atol=1e-3)
    assert len(set(by_torch[:, :7].argmax(axis=1))) > 1


def test_onnx_that_was_exported_for_one_face_reads_several(
    one_at_a_time: Path, onnx_of: Callable[[str], Path]
) -> None:
    image = picture(3)
    got, want = (
        HSEmotionClassifier(B0, p).raw([image], [BOXES]) for p in (one_at_a_time, onnx_of(B0))
    )
    np.testing.assert_allclose(got, want, atol=1e-4)


@pytest.mark.parametrize("suffix", ["onnx", "pt"])
def test_faces_of_all_pictures_share_batches_of_at_most_32(
    suffix: str,
    pickle_of: Callable[[str], Path],
    onnx_of: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = HSEmotionClassifier(B0, {"onnx": onnx_of, "pt": pickle_of}[suffix](B0))
    images = [picture(0), picture(1, (200, 300)), picture(2)]
    boxes = [np.tile(BOXES, (3, 1)), np.zeros((0, 4), np.float32), np.tile(BOXES, (4, 1))]
    sizes, network = [], ours._network

    def counted(batch: F32) -> list[F32]:
        sizes.append(len(batch))
        return network(batch)

    monkeypatch.setattr(ours, "_network", counted)
    got = ours.classify(images, boxes).probs
    assert sizes == [32, 3]
    alone = [ours.classify([images[i]], [BOXES]).probs for i in (0, 2)]
    expected = np.concatenate([np.tile(alone[0], (3, 1)), np.tile(alone[1], (4, 1))])
    np.testing.assert_allclose(got, expected, atol=1e-4)
    assert np.abs(alone[0] - alone[1]).max() > 0.05


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_the_cpu(pickle_of: Callable[[str], Path]) -> None:
    cpu, gpu = (HSEmotionClassifier(MTL, pickle_of(MTL), d) for d in ("cpu", "cuda"))
    faces = [picture()], [BOXES]
    np.testing.assert_allclose(gpu.classify(*faces).probs, cpu.classify(*faces).probs, atol=5e-3)


def test_nobody_gives_no_rows(onnx_of: Callable[[str], Path]) -> None:
    ours, nobody = HSEmotionClassifier(MTL, onnx_of(MTL)), np.zeros((0, 4), np.float32)
    for images, boxes in (([], []), ([picture()], [nobody]), ([picture()] * 2, [nobody] * 2)):
        assert ours.raw(images, boxes).shape == (0, 10)
        predictions = ours.classify(images, boxes)
        assert predictions.probs.shape == (0, 8)
        assert predictions.affect is not None
        assert predictions.affect.shape == (0, 2)


def test_crops_are_clipped_and_never_empty() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 30:, 2] = 255  # the right half is red
    boxes = np.array(
        [[-9, -9, 30, 99], [30, 0, 99, 99], [200, 5, 300, 9], [3, 3, 3, 3]], np.float32
    )
    got = faces_of(image, boxes, 224)
    assert got.shape == (4, 3, 224, 224)
    black, red = (0 - 0.485) / 0.229, (1 - 0.485) / 0.229
    for row, value in enumerate([black, red, red, black]):
        np.testing.assert_allclose(got[row, 0], value, atol=1e-5)
    with pytest.raises(ValueError, match="finite"):
        hsemotion.crop(image, np.full(4, np.nan, np.float32), 224)


@pytest.mark.parametrize("name", hsemotion.NAMES)
def test_names(name: str) -> None:
    assert hsemotion.size_of(name) == (224 if "b0" in name else 260)
    classes = hsemotion.classes_of(name)
    assert len(classes) == (7 if name == "enet_b2_7" else 8)
    assert ("contempt" in classes) is (name != "enet_b2_7")


@pytest.mark.parametrize("name", hsemotion.NAMES)
def test_every_name_runs_from_a_store_of_verified_files(
    name: str, onnx_of: Callable[[str], Path]
) -> None:
    path = onnx_of(name)
    file = WeightFile(path.name, "https://x/y", sha256_of(path), None, "emotion", "", "")
    settings = models.ModelSettings("hsemotion", emotion=name, device="cpu")
    ours, info, reason = loading.load_classifier(
        settings, WeightStore(path.parent, {path.name: file})
    )
    want = models.ModelInfo(name, path.name, sha256_of(path), "openvino", "cpu", 1.0)
    assert (info, reason) == (want, None)
    assert (ours.name, ours.classes) == (name, hsemotion.classes_of(name))
    predictions = ours.classify([picture()], [BOXES])
    assert predictions.probs.shape == (len(BOXES), len(ours.classes))
    assert (predictions.affect is not None) is (name == MTL)
    assert name in names.emotion_names()


def test_pictures_and_boxes_must_match(onnx_of: Callable[[str], Path]) -> None:
    ours = HSEmotionClassifier(B0, onnx_of(B0))
    for images, boxes in (([picture()] * 2, [BOXES]), ([picture()], [BOXES] * 2)):
        with pytest.raises(ValueError, match="zip"):
            ours.classify(images, boxes)


def test_wrong_use_is_reported(
    pickle_of: Callable[[str], Path], onnx_of: Callable[[str], Path], tmp_path: Path
) -> None:
    cases: list[tuple[str, Path, str, str]] = [
        ("enet_b9", pickle_of(B0), "cpu", "no HSEmotion model 'enet_b9'"),
        (B0, tmp_path / "a.bin", "cpu", "end in .onnx or .pt"),
        (B0, onnx_of(B0), "cuda", f"use {B0}.pt"),
        (MTL, onnx_of(B0), "cpu", "expected 10 outputs"),
        (MTL, pickle_of(B0), "cpu", "expected 10 outputs"),
        (B2, pickle_of(B0), "cpu", "does not hold the tensors of tf_efficientnet_b2"),
        (B0, tmp_path / "none.pt", "cpu", "cannot read"),
    ]
    if not torch.backends.mps.is_available():
        cases.append((B0, pickle_of(B0), "mps", "no mps device"))
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    cases.append((B0, tmp_path / "bad.onnx", "cpu", "not an ONNX file"))
    for name, path, device, message in cases:
        with pytest.raises(MoodstreamError, match=message) as info:
            HSEmotionClassifier(name, path, device)  # type: ignore[arg-type]
        assert "\n" not in str(info.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_state_dict_of_a_pickled_module(
    zipped: bool, pickle_of: Callable[[str], Path], tmp_path: Path
) -> None:
    model = torch.load(pickle_of(B0), weights_only=False)
    path = tmp_path / "model.pt"
    torch.save(model, path, _use_new_zipfile_serialization=zipped)
    state = state_dict_of(path)
    renamed = {k.replace("classifier.0.", "classifier."): v for k, v in model.state_dict().items()}
    assert set(state) == set(renamed)
    assert all(torch.equal(state[k], v) for k, v in renamed.items())
    again = timm.create_model("tf_efficientnet_b0", pretrained=False, num_classes=8).eval()
    again.load_state_dict(state, strict=True)
    batch = torch.from_numpy(faces_of(picture(), BOXES, 224))
    with torch.inference_mode():
        assert (again(batch) - model(batch)).abs().max() < 1e-5


def test_shared_and_silent_buffers(tmp_path: Path) -> None:
    model = torch.nn.Module()
    model.register_buffer("kept", torch.arange(3))
    model.register_buffer("passing", torch.zeros(2), persistent=False)
    model.register_parameter("none", None)
    model.inner = torch.nn.Linear(2, 3, bias=False)
    torch.save(model, tmp_path / "m.pt")
    assert list(state_dict_of(tmp_path / "m.pt")) == ["kept", "inner.weight"]


class Hostile:
    """Unpickled by the letter, it runs a command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"echo ran > {self.marker}",)


class Evaluating(Hostile):
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"open({str(self.marker)!r}, 'w').close()",)


class Importing(Hostile):
    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (threading, "Thread")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", [Hostile, Evaluating])
def test_pickle_that_would_run_something_is_refused(
    kind: type[Hostile], zipped: bool, tmp_path: Path
) -> None:
    marker, path = tmp_path / "ran", tmp_path / "model.pt"
    model = torch.nn.Linear(1, 1)
    model.trap = kind(marker)
    torch.save(model, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"asks to load \S+\.(system|eval), .*refused"):
        state_dict_of(path)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()  # the trap was a real one


@pytest.mark.parametrize(
    "text",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"ctorch.nn.modules.linear\nos.system\n.",
        b"ctorch.hub\nload\n.",
        b"cbuiltins\ngetattr\n.",
        b"ctorch._utils\n_import_dotted_name\n.",
        b"cfunctools\npartial\n.",
        b"ctimm\nlist_models\n.",
    ],
)
def test_only_modules_and_tensors_may_be_named(text: bytes, tmp_path: Path) -> None:
    from moodstream.realtime.networks.classifiers import checkpoint

    refused: list[str] = []
    loader = checkpoint.restricted_pickle(checkpoint.allowed_globals(), refused)
    (tmp_path / "p").write_bytes(text)
    with (tmp_path / "p").open("rb") as file, pytest.raises(pickle.UnpicklingError):
        loader.load(file)
    assert len(refused) == 1


def test_files_that_are_no_models(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), str(path))
    with pytest.raises(WeightsError, match=r"not a model written by torch\.save"):
        state_dict_of(path)
    for content in (b"", b"\x80\x02", b"PK\x03\x04", b"<html>Not found</html>"):
        path.write_bytes(content)
        with pytest.raises(WeightsError) as info:
            state_dict_of(path)
        assert "\n" not in str(info.value)
    for value in ({"a": 1}, torch.nn.ReLU(), [torch.zeros(1)]):
        torch.save(value, path)
        with pytest.raises(WeightsError):
            state_dict_of(path)
