"""YOLOv8 face detectors against ultralytics, on seeded weights and on other files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.fakes import noise
from support.paths import package
from support.pictures import BUS, CENTERFACE, ZIDANE, resized

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.detectors import yolo
from moodstream.realtime.networks.detectors.geometry import Letterbox, input_size, solid
from moodstream.realtime.networks.detectors.yolo import YoloFaceOnnx
from moodstream.realtime.networks.detectors.yolo_torch import YoloFaceTorch


class StandIn:
    """A YOLOv8n with seeded weights, scaled so that it answers with a few dozen boxes."""

    def __init__(self, folder: Path, pose: bool) -> None:
        import torch
        import yaml
        from ultralytics import YOLO

        kind = "-pose" if pose else ""
        self.size, self.fixed = 320 if pose else 640, pose
        source = package("ultralytics") / "cfg" / "models" / "v8" / f"yolov8{kind}.yaml"
        recipe = {**yaml.safe_load(source.read_text()), "nc": 1, "scale": "n", "kpt_shape": [5, 3]}
        (folder / f"yolov8n-face{kind}.yaml").write_text(yaml.safe_dump(recipe))
        torch.manual_seed(5)
        model = YOLO(str(folder / f"yolov8n-face{kind}.yaml"))
        with torch.no_grad():
            self._wake(model.model)
        self.torch = folder / f"yolov8n-face{kind}.pt"
        model.save(str(self.torch))
        self.model = YOLO(str(self.torch))
        exported = YOLO(str(self.torch)).export(
            format="onnx", imgsz=self.size, dynamic=not pose, simplify=False, verbose=False
        )
        self.onnx = Path(exported)
        self.detector = YoloFaceOnnx(self.onnx)
        self.by_torch = YoloFaceTorch(self.torch, "cpu", self.size)
        self.read_by_torch = self.by_torch.detect

    @staticmethod
    def _wake(net: Any) -> None:
        """Set batch norms by one picture, spread the class scores, and let 60 anchors through."""
        import torch

        picture = cv2.resize(ZIDANE, (640, 640))[..., ::-1].transpose(2, 0, 1)
        batch = torch.from_numpy(picture[None].copy()).float() / 255
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        net.train()(batch)
        logits: list[Any] = []
        ends = [branch[-1] for branch in net.model[-1].cv3]
        hooks = [e.register_forward_hook(lambda m, i, o: logits.append(o.flatten())) for e in ends]
        net.eval()(batch)
        for end, hook, level in zip(ends, hooks, logits, strict=True):
            hook.remove()
            gain = 0.5 / level.std()
            end.weight *= gain
            end.bias.copy_((end.bias - level.mean()) * gain)
        spread = torch.cat([0.5 * (level - level.mean()) / level.std() for level in logits])
        for end in ends:
            end.bias -= spread.sort(descending=True).values[60]

    def expect(self, image: Image) -> tuple[Any, float]:
        """What ultralytics finds, and the confidence asked for.

        The network knows nothing, so that is set where it names some boxes, not hundreds.
        """
        (result,) = self.model.predict(
            image, conf=0.01, iou=0.7, imgsz=self.size, rect=not self.fixed, device="cpu"
        )
        scores = result.boxes.conf.numpy()
        middle = min(len(scores) // 2, 30)
        confidence = float(scores[middle - 1 : middle + 1].mean())
        result = result[scores > confidence]
        return result[solid(result.boxes.xyxy.numpy())], confidence


@pytest.fixture(scope="module", params=[False, True], ids=["dynamic", "static-keypoints"])
def stand_in(
    request: pytest.FixtureRequest, quiet: None, tmp_path_factory: pytest.TempPathFactory
) -> StandIn:
    return StandIn(tmp_path_factory.mktemp("yolo"), request.param)


def test_yolo_onnx_is_ultralytics(stand_in: StandIn) -> None:
    assert stand_in.detector.name == stand_in.onnx.stem
    for image in (
        ZIDANE,
        BUS,
        resized(ZIDANE, (97, 55)),
        ZIDANE[:100, 100:],
        noise(20, 20, seed=3),
    ):
        expected, confidence = stand_in.expect(image)
        (detected,) = stand_in.detector.detect([image], confidence)
        assert len(detected) == len(expected.boxes)
        assert len(detected) > 3
        np.testing.assert_allclose(detected.boxes, expected.boxes.xyxy.numpy(), atol=0.5)
        np.testing.assert_allclose(detected.scores, expected.boxes.conf.numpy(), atol=1e-3)
        if expected.keypoints is None:
            assert detected.landmarks is None
        else:
            assert detected.landmarks is not None
            points = expected.keypoints.data.numpy()[..., :2]
            np.testing.assert_allclose(detected.landmarks, points, atol=0.5)


def test_yolo_finds_nothing_where_nothing_is(stand_in: StandIn) -> None:
    assert [len(faces) for faces in stand_in.detector.detect([ZIDANE, BUS], 1.0)] == [0, 0]
    assert [len(faces) for faces in stand_in.read_by_torch([ZIDANE, BUS], 1.0)] == [0, 0]
    assert stand_in.detector.detect([], 0.5) == []
    assert stand_in.read_by_torch([], 0.5) == []


def test_yolo_torch_reads_a_batch_of_mixed_shapes(stand_in: StandIn) -> None:
    # Seeded weights answer wildly to one grey level, by which devices resize differently from
    # cv2: so pictures that need no resizing, and the canvas of one that does on its own.
    images = [
        np.asarray(cv2.resize(image, None, fx=ratio, fy=ratio), np.uint8)
        for image, ratio in ((i, stand_in.size / max(i.shape)) for i in (ZIDANE, BUS))
    ]
    if stand_in.fixed:  # its canvas is a square, the other's that of the picture
        images = [resized(image, (stand_in.size, stand_in.size)) for image in images]
    confidence = max(stand_in.expect(image)[1] for image in images)
    detected = stand_in.read_by_torch(images, confidence)
    again = stand_in.detector.detect(images, confidence)
    assert max(len(faces) for faces in detected) > 3
    for one, other in zip(detected, again, strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.5)
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-3)
        if stand_in.size == 320:
            np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.5)
        else:
            assert one.landmarks is other.landmarks is None
    size = input_size(BUS.shape, stand_in.size)
    fit = Letterbox.fit(BUS.shape, size)
    canvas = stand_in.by_torch._input(BUS, fit, size).numpy().transpose(1, 2, 0)[..., ::-1] * 255
    assert np.abs(canvas - yolo.letterboxed(BUS, fit)).max() < 1.01


def test_other_networks_are_refused(quiet: None, tmp_path: Path) -> None:
    with pytest.raises(MoodstreamError, match="10, 3, 32, 32"):
        YoloFaceOnnx(CENTERFACE)
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"no weights")
    with pytest.raises(MoodstreamError, match=r"broken\.pt"):
        YoloFaceTorch(broken, "cpu")


class Payload:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (Path("ran-from-the-pickle"),)


def test_pickled_code_is_not_run(
    quiet: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save({"model": Payload()}, "bad.pt")
    with pytest.raises(MoodstreamError, match=r"bad\.pt"):
        YoloFaceTorch(Path("bad.pt"), "cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pt"]


READ = """
import sys
import ultralytics.nn.tasks  # before moodstream, which then cannot set what it reads at import
from pathlib import Path
from moodstream.realtime.networks.detectors.yolo_torch import YoloFaceTorch
try:
    YoloFaceTorch(Path("bad.pt"), "cpu")
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize("allowed", [None, "0"])
def test_pickled_code_is_not_run_whoever_imported_ultralytics(
    tmp_path: Path, allowed: str | None
) -> None:
    import torch

    torch.save({"model": Payload()}, tmp_path / "bad.pt")
    env = {k: v for k, v in os.environ.items() if k != "ULTRALYTICS_SAFE_LOAD"}
    env |= {"YOLO_CONFIG_DIR": str(tmp_path / "config"), "YOLO_OFFLINE": "1"}
    env |= {} if allowed is None else {"ULTRALYTICS_SAFE_LOAD": allowed}
    done = subprocess.run(
        [sys.executable, "-c", READ], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1:] == ["MoodstreamError"], done.stderr
    assert (tmp_path / "ran-from-the-pickle").exists() == (allowed == "0")


QUIET = """
import socket
def refuse(*args, **kwargs): raise AssertionError("ultralytics asked for a name")
socket.getaddrinfo = refuse
from moodstream.realtime.networks.detectors.yolo_torch import quiet_ultralytics
quiet_ultralytics()
from ultralytics import utils
from ultralytics.utils.events import events
assert not utils.ONLINE and not utils.AUTOINSTALL and not events.enabled
assert utils.SETTINGS["sync"] is False
"""


def test_ultralytics_is_quiet(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO_", "XDG_"))}
    env |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    settings_file = tmp_path / ".config" / "Ultralytics" / "settings.json"
    settings_file.parent.mkdir(parents=True)
    settings_file.write_text("{}")
    done = subprocess.run(
        [sys.executable, "-c", QUIET], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert settings_file.read_text() == "{}"
