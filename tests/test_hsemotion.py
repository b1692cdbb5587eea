from __future__ import annotations

import functools
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from moodstream.realtime.classifiers import hsemotion
from moodstream.realtime.classifiers.checkpoint import state_dict_of
from moodstream.realtime.classifiers.hsemotion import HSEmotionClassifier
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import F32, Image
from moodstream.realtime.weights import WeightsError

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

B0, MTL, B2 = "enet_b0_8_best_vgaf", "enet_b0_8_va_mtl", "enet_b2_7"


def picture(seed: int = 0, size: tuple[int, int] = (360, 480)) -> Image:
    """Coarse and fine texture, so that colour order and resizing both matter."""
    rng = np.random.default_rng(seed)
    shape = size[::-1]
    coarse = cv2.resize(rng.uniform(0, 255, (9, 12, 3)), shape, interpolation=cv2.INTER_CUBIC)
    fine = rng.normal(0, 40, (*size, 3))
    return np.clip(coarse + fine, 0, 255).astype(np.uint8)


BOXES = np.array(
    [
        [10, 20, 110, 140],
        [100, 5, 470, 350],  # shrunk: antialiasing shows
        [-30, -20, 90, 100],  # over the edge
        [400, 300, 600, 500],
        [200, 200, 224, 230],
    ],
    np.float32,
)


def stand_in(name: str, outputs: int) -> Any:
    """A network of the structure of HSEmotion's pickles, with confident and varied answers."""
    torch.manual_seed(1)
    kind = "tf_efficientnet_b0" if "_b0_" in name else "tf_efficientnet_b2"
    model = timm.create_model(kind, pretrained=False, num_classes=0)
    size, features = hsemotion.size_of(name), model.num_features
    seen = torch.from_numpy(hsemotion.crops(picture(7), BOXES, size))
    with torch.no_grad():
        # A fresh network answers the same to everything; statistics of real input wake it up.
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        spread = model.train()(seen)
        head = torch.nn.Linear(features, outputs)
        head.weight.mul_(60 / (spread - spread.mean(0)).norm(dim=1).mean())
        head.bias.copy_(-head.weight @ spread.mean(0))
    model.classifier = torch.nn.Sequential(head)
    return model.eval()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small batches: threads that wait for each other cost more than they bring."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("models")

    @functools.cache
    def path(name: str) -> Path:
        outputs = {B0: 8, MTL: 10, B2: 7}[name]
        torch.save(stand_in(name, outputs), folder / f"{name}.pt")
        return folder / f"{name}.pt"

    return path


@pytest.fixture(scope="module")
def onnx_files(models: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The B0 stand-in as ONNX with a free batch, and with a batch of one."""
    import onnx

    folder = tmp_path_factory.mktemp("onnx")
    free, static = folder / "free.onnx", folder / "static.onnx"
    torch.onnx.export(
        torch.load(models(B0), weights_only=False),
        (torch.zeros(1, 3, 224, 224),),
        str(free),
        dynamo=False,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
    )
    model = onnx.load(str(free))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, str(static))
    return {"free": free, "static": static}


def reference(
    name: str, path: Path, image: Image, boxes: F32, monkeypatch: pytest.MonkeyPatch
) -> tuple[F32, list[str]]:
    """What the hsemotion package says of the same faces: its scores and its labels."""
    facial_emotions = pytest.importorskip("hsemotion.facial_emotions")
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


@pytest.mark.parametrize("name", [B0, MTL, B2])
def test_same_probabilities_as_the_hsemotion_package(
    name: str, models: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = HSEmotionClassifier(name, models(name))
    image = picture(0)
    expected, labels = reference(name, models(name), image, BOXES, monkeypatch)
    got = ours.classify(image, BOXES)
    assert got.shape == (len(BOXES), len(ours.classes))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(got, expected[:, : got.shape[1]], atol=1e-3)
    named = [ours.classes[i] for i in got.argmax(axis=1)]
    assert named == [LABELS[label] for label in labels]
    # Were all answers alike, the comparison would say nothing.
    assert len(set(named)) >= 3
    if name == MTL:
        values = ours.raw(image, BOXES)[:, 8:]
        np.testing.assert_allclose(values, expected[:, 8:], rtol=1e-3, atol=1e-3)


def test_colour_order_matters(models: Callable[[str], Path]) -> None:
    ours, image = HSEmotionClassifier(B0, models(B0)), picture()
    swapped = np.ascontiguousarray(image[..., ::-1])
    assert np.abs(ours.classify(image, BOXES) - ours.classify(swapped, BOXES)).max() > 0.05


@pytest.mark.parametrize("kind", ["free", "static"])
def test_onnx_equals_torch(kind: str, models: Callable[[str], Path], onnx_files: Any) -> None:
    image = picture(3)
    expected = HSEmotionClassifier(B0, models(B0)).classify(image, BOXES)
    got = HSEmotionClassifier(B0, onnx_files[kind]).classify(image, BOXES)
    np.testing.assert_allclose(got, expected, atol=1e-3)
    assert len(set(expected.argmax(axis=1))) > 1


def test_batches_of_at_most_32(onnx_files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, image = HSEmotionClassifier(B0, onnx_files["free"]), picture()
    boxes = np.tile(BOXES, (7, 1))
    sizes, network = [], ours._network

    def counted(batch: F32) -> list[F32]:
        sizes.append(len(batch))
        return network(batch)

    monkeypatch.setattr(ours, "_network", counted)
    got = ours.classify(image, boxes)
    assert sizes == [32, 3]
    np.testing.assert_allclose(got, np.tile(got[:5], (7, 1)), atol=1e-4)


def test_nobody_gives_no_rows(onnx_files: Any) -> None:
    ours, nobody = HSEmotionClassifier(B0, onnx_files["free"]), np.zeros((0, 4), np.float32)
    assert ours.raw(picture(), nobody).shape == (0, 8)
    assert ours.classify(picture(), nobody).shape == (0, 8)


def test_crops_are_clipped_and_never_empty() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 30:, 2] = 255  # the right half is red
    boxes = np.array(
        [[-9, -9, 30, 99], [30, 0, 99, 99], [200, 5, 300, 9], [3, 3, 3, 3]], np.float32
    )
    got = hsemotion.crops(image, boxes, 224)
    assert got.shape == (4, 3, 224, 224)
    black, red = (0 - 0.485) / 0.229, (1 - 0.485) / 0.229
    for row, value in enumerate([black, red, red, black]):
        np.testing.assert_allclose(got[row, 0], value, atol=1e-5)
    with pytest.raises(ValueError, match="finite"):
        hsemotion.crops(image, np.full((1, 4), np.nan, np.float32), 224)


@pytest.mark.parametrize("name", hsemotion.NAMES)
def test_names(name: str) -> None:
    assert hsemotion.size_of(name) == (224 if "b0" in name else 260)
    classes = hsemotion.classes_of(name)
    assert len(classes) == (7 if name == "enet_b2_7" else 8)
    assert ("contempt" in classes) is (name != "enet_b2_7")


def test_wrong_use_is_told(models: Callable[[str], Path], onnx_files: Any, tmp_path: Path) -> None:
    cases: list[tuple[str, Path, str, str]] = [
        ("enet_b9", models(B0), "cpu", "no HSEmotion model 'enet_b9'"),
        (B0, tmp_path / "a.bin", "cpu", "end in .onnx or .pt"),
        (B0, onnx_files["free"], "cuda", f"use {B0}.pt"),
        (MTL, onnx_files["free"], "cpu", "expected 10 outputs"),
        (MTL, models(B0), "cpu", "expected 10 outputs"),
        (B2, models(B0), "cpu", "does not hold the tensors of tf_efficientnet_b2"),
        (B0, tmp_path / "none.pt", "cpu", "cannot read"),
    ]
    if not torch.backends.mps.is_available():
        cases.append((B0, models(B0), "mps", "no mps device"))
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    cases.append((B0, tmp_path / "bad.onnx", "cpu", "not an ONNX file"))
    for name, path, device, message in cases:
        with pytest.raises(MoodstreamError, match=message) as info:
            HSEmotionClassifier(name, path, device)  # type: ignore[arg-type]
        assert "\n" not in str(info.value)


@pytest.mark.parametrize("zipped", [True, False])
def test_state_dict_of_a_pickled_module(
    zipped: bool, models: Callable[[str], Path], tmp_path: Path
) -> None:
    model = torch.load(models(B0), weights_only=False)
    path = tmp_path / "model.pt"
    torch.save(model, path, _use_new_zipfile_serialization=zipped)
    state = state_dict_of(path)
    renamed = {k.replace("classifier.0.", "classifier."): v for k, v in model.state_dict().items()}
    assert set(state) == set(renamed)
    assert all(torch.equal(state[k], v) for k, v in renamed.items())
    again = timm.create_model("tf_efficientnet_b0", pretrained=False, num_classes=8).eval()
    again.load_state_dict(state, strict=True)
    batch = torch.from_numpy(hsemotion.crops(picture(), BOXES, 224))
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
    from moodstream.realtime.classifiers import checkpoint

    refused: list[str] = []
    loader = checkpoint._restricted_pickle(checkpoint._allowed(), refused)
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
