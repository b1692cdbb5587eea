"""`moodstream doctor`: what it checks, prints and returns."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from moodstream.realtime.diagnostics import doctor
from moodstream.realtime.diagnostics.doctor import Check
from moodstream.realtime.networks.weights import catalogue, packaged


def test_every_finding_that_is_not_fine_says_what_to_do() -> None:
    found = doctor.checks()
    names = [check.name for check in found]
    assert len(set(names)) == len(names)
    assert {
        "Python",
        "openvino",
        "torch",
        "norfair-enough",
        "processor",
        "CenterFace",
        "codec h264",
    } <= set(names)
    assert set(catalogue.KNOWN) <= set(names)
    assert all(check.found for check in found)
    assert all(bool(check.advice) == (check.ok is not True) for check in found)
    fine = {check.name for check in found if check.ok}
    assert {
        "Python",
        "numpy",
        "opencv-python",
        "OpenVINO devices",
        "CenterFace",
        "codec h264",
    } <= fine


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (None, 0), (False, 1)])
def test_only_a_broken_required_thing_fails(
    ok: bool | None, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [Check("a", True, "1"), Check("b", ok, "2 [x]", "do it")]
    monkeypatch.setattr(doctor, "checks", lambda: made)
    assert doctor.run(as_json=True) == code
    printed = json.loads(capsys.readouterr().out)
    assert printed["ok"] is (code == 0)
    assert printed["checks"][1] == {"name": "b", "ok": ok, "found": "2 [x]", "advice": "do it"}
    assert doctor.run(as_json=False) == code
    plain = capsys.readouterr().out.splitlines()
    assert plain[0] == "[ok] a: 1"
    assert plain[1].endswith("b: 2 [x] -> do it")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert doctor.run(as_json=False) == code
    assert "2 [x]" in capsys.readouterr().out


def test_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "opencv-python-headless":
            return "4.11"
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = {check.name: check for check in doctor.check_packages()}
    assert found["opencv-python"] == Check("opencv-python", True, "4.11")
    assert found["gradio"] == Check("gradio", False, "not installed", "pip install gradio")
    assert found["onnx2torch"].ok is None
    assert "pip install 'moodstream[gpu]'" in found["onnx2torch"].advice


def test_torch_that_cannot_be_imported_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    monkeypatch.setattr(importlib, "import_module", broken)
    (check,) = doctor.check_torch()
    assert check.ok is False
    assert check.found == "operator torchvision::nms does not exist"
    assert "torch torchvision (both from the same index)" in check.advice
    (check,) = doctor.check_codecs()
    assert check.ok is False


def test_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = SimpleNamespace(
        is_available=lambda: True,
        get_device_name=lambda i: "A100",
        get_device_properties=lambda i: SimpleNamespace(total_memory=40 << 30),
    )
    monkeypatch.setattr(importlib, "import_module", lambda name: SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    assert list(doctor.check_torch()) == [Check("CUDA", True, "A100, 40 GiB")]


def test_codec_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def codec(name: str, mode: str) -> None:
        if name != "aac":
            raise ValueError(name)

    monkeypatch.setattr(importlib, "import_module", lambda name: SimpleNamespace(Codec=codec))
    assert [check.ok for check in doctor.check_codecs()] == [False, None, True]


def test_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    (check,) = doctor.check_camera(tmp_path)
    assert check.ok is None
    assert "plug" in check.advice
    (tmp_path / "video0").write_text("")
    (check,) = doctor.check_camera(tmp_path)
    assert check == Check("camera", True, str(tmp_path / "video0"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    (check,) = doctor.check_camera(tmp_path)
    assert check.ok is None
    assert "group" in check.advice or "usermod" in check.advice
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    (check,) = doctor.check_camera(tmp_path)
    assert "allow" in check.advice


def test_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":7")
    assert list(doctor.check_display()) == [Check("display", True, ":7")]
    monkeypatch.delenv("DISPLAY")
    assert next(iter(doctor.check_display())).ok is None


def test_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODSTREAM_CACHE", str(tmp_path / "a" / "b"))
    assert next(iter(doctor.check_cache())).ok is True
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MOODSTREAM_CACHE", str(tmp_path / "file" / "b"))
    (check,) = doctor.check_cache()
    assert check.ok is None
    assert "MOODSTREAM_CACHE" in check.advice


def test_weights_that_are_missing_or_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODSTREAM_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "enet_b2_8.onnx").write_bytes(b"not it")
    monkeypatch.setattr(packaged, "CENTERFACE_SHA256", "0" * 64)
    found = {check.name: check for check in doctor.check_weights()}
    assert found["CenterFace"].ok is False
    assert found["enet_b2_8.onnx"].found == "wrong checksum"
    missing = found["yolov8n-face-lindevs.pt"]
    assert (missing.ok, missing.found) == (None, "missing")
    assert missing.advice.endswith("moodstream models fetch yolov8n-face-lindevs.pt")


def test_the_command_line_stays_light() -> None:
    code = (
        "import argparse, sys; from moodstream.realtime.cli import models as cli_models;"
        "cli_models.add_parsers(argparse.ArgumentParser().add_subparsers());"
        "heavy = {'torch', 'numpy', 'cv2', 'openvino', 'rich', 'gradio'} & set(sys.modules);"
        "print(*heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
