"""Which networks are loaded: by name, by what can be had, and what is said of the choice."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from moodstream.realtime.errors import MoodstreamError, WeightsError
from moodstream.realtime.networks import load, names, plugins
from moodstream.realtime.networks.engines import openvino
from moodstream.realtime.networks.engines import torch as torch_engine
from moodstream.realtime.networks.models import ModelInfo, ModelSettings
from moodstream.realtime.networks.weights.catalogue import KNOWN
from moodstream.realtime.networks.weights.store import WeightStore

pytestmark = pytest.mark.usefixtures("one_thread")


class EmptyStore(WeightStore):
    """Has no file and can fetch none; notes what it was asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, KNOWN, lambda name: ())
        self.asked: list[str] = []

    def get(self, name: str, **options: object) -> Path:
        self.asked.append(name)
        raise WeightsError(f"cannot fetch {name}: no way out")


@pytest.fixture
def empty(tmp_path: Path) -> EmptyStore:
    return EmptyStore(tmp_path)


def settings(models="auto", **more) -> ModelSettings:
    return ModelSettings(models, device="cpu", **more)


def test_auto_falls_back_to_the_embedded_pair_and_says_why(empty, caplog):
    with caplog.at_level(logging.INFO, load.__name__):
        models = load.load(settings(), empty)
    reason = "cannot fetch yolov8n-face-lindevs.onnx: no way out"
    assert empty.asked == ["yolov8n-face-lindevs.onnx"]
    assert {part: info.name for part, info in models.info.items()} == {
        "detector": "centerface",
        "emotion": "embedded_b",
    }
    assert models.fallback_reason == f"using the embedded networks: {reason}"
    assert f"falling back to the embedded networks: {reason}" in caplog.text
    with pytest.raises(WeightsError, match=reason):
        load.load(settings("hsemotion"), empty)


def test_a_classifier_alone_falls_back_only_where_none_was_asked_for(empty):
    classifier, info, reason = load.load_classifier(settings(), empty)
    assert (classifier.name, info.name) == ("embedded_b", "embedded_b")
    assert reason is not None
    assert reason.startswith("using the embedded network: cannot fetch enet_b0_8_best_vgaf.onnx")
    with pytest.raises(WeightsError):
        load.load_classifier(settings(emotion="enet_b2_7"), empty)


def test_int8_asks_for_no_weights_as_only_the_embedded_pair_has_it(empty, monkeypatch):
    monkeypatch.setattr(openvino, "has_vnni", lambda: True)
    models = load.load(settings(precision="int8"), empty)
    assert empty.asked == []
    assert {info.engine for info in models.info.values()} == {"openvino int8"}
    assert models.fallback_reason is None


def test_what_was_chosen_is_logged(empty, caplog):
    with caplog.at_level(logging.DEBUG, "moodstream.realtime.networks"):
        models = load.load(settings("embedded", precision="f32"), empty)
    lines = {(record.levelname, record.getMessage()) for record in caplog.records}
    assert ("INFO", "detector: centerface by openvino f32 on cpu") in lines
    assert ("INFO", "emotion: embedded_b by openvino f32 on cpu") in lines
    info: ModelInfo = models.info["emotion"]
    assert ("DEBUG", f"emotion: file embedded_b.onnx, SHA-256 {info.sha256}") in lines


@pytest.mark.parametrize(
    ("native", "chosen"), [("bf16 vnni", "bf16"), ("vnni", "int8"), ("", "f32")]
)
def test_the_choice_of_a_precision_is_logged(native, chosen, monkeypatch, caplog):
    from moodstream.realtime.networks.engines import precision

    monkeypatch.setattr(openvino, "has_bf16", lambda: "bf16" in native)
    monkeypatch.setattr(openvino, "has_vnni", lambda: "vnni" in native)
    with caplog.at_level(logging.DEBUG, precision.__name__):
        assert precision.choose("auto", "cpu", ("bf16", "int8")) == chosen
    assert caplog.messages == [f"precision auto on cpu: {chosen} (proven: ('bf16', 'int8'))"]


def test_a_gpu_that_cannot_run_onnx_is_a_reason(empty, monkeypatch):
    monkeypatch.setattr(load, "choose_device", lambda asked: "cuda")
    monkeypatch.setattr(torch_engine, "reads_onnx", lambda: False)
    asked = ModelSettings("embedded", device="cuda", precision="f32")
    models = load.load(asked, empty)
    assert {info.device for info in models.info.values()} == {"cpu"}
    assert models.fallback_reason == (
        "these networks run on the CPU only, not on cuda without onnx2torch: "
        "pip install 'moodstream[gpu]'"
    )


@pytest.mark.parametrize("kind", sorted(plugins.GROUPS))
def test_names_differ_and_none_looks_like_a_file(kind):
    builtin = names.builtin_names(kind)
    assert len(set(builtin)) == len(builtin) > 1
    assert not any(map(names.is_file, builtin))
    option = "detector" if kind == "detector" else "emotion"
    assert all(getattr(pair, option) in builtin for pair in names.PAIRS.values())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"detector": "eyes"}, "--detector eyes: expected one of centerface, haar, .*, or a file"),
        ({"emotion": "eyes"}, "--emotion eyes: expected one of embedded, .*ensemble, .*or a file"),
        ({"detector": "eyes.onnx"}, r"--detector eyes\.onnx: no such file"),
        ({"emotion": "embedded,"}, "expected names that differ, divided by commas"),
        ({"emotion": "embedded, embedded"}, "expected names that differ, divided by commas"),
        ({"emotion": "ensemble,enet_b2_7"}, "in a list, write embedded,embedded_b in place of"),
    ],
)
def test_what_does_not_exist_is_reported_in_one_line(asked, message, empty):
    with pytest.raises(MoodstreamError, match=message) as caught:
        load.load(settings("embedded", **asked), empty)
    assert "\n" not in str(caught.value)
