"""Where networks run, and how many calls run side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.engines.base import InferenceStreams, RunsOn, usable_cores

Device = Literal["auto", "cpu", "cuda", "mps"]
"""What ``--device`` takes."""


def streams_for(detect_full_size: bool) -> InferenceStreams:
    """How many network calls run side by side while a file is processed.

    Each stream more takes memory.

    Args:
        detect_full_size: Whether every detection pass is at full size, so that none waits for
            another. Where only some are, the pass after the next waits for each of those, which
            therefore gets all cores.
    """
    calls = min(usable_cores(), 4 if detect_full_size else 2)
    return InferenceStreams(calls, calls if detect_full_size else 1)


def cuda_is_likely() -> bool:
    """Whether an NVIDIA driver is there, so that torch's slow import is worth the time."""
    return any(Path(p).exists() for p in ("/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia"))


def choose_device(asked: Device) -> RunsOn:
    """The device that networks run on.

    Args:
        asked: auto is a GPU where torch finds one, else the CPU.

    Raises:
        MoodstreamError: The device asked for is not there.
    """
    if asked == "cpu":
        return "cpu"
    import platform

    mac = platform.system() == "Darwin" and platform.machine() == "arm64"
    if asked == "auto" and not (mac or cuda_is_likely() or platform.system() == "Windows"):
        return "cpu"
    import torch

    available: dict[RunsOn, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if asked == "auto":
        return next((name for name, ok in available.items() if ok), "cpu")
    if not available[asked]:
        raise MoodstreamError(f"--device {asked}: torch finds no such device here; use cpu or auto")
    return asked


def onnx_device(device: RunsOn) -> RunsOn:
    """Where networks run that come as ONNX: on a GPU only with the package onnx2torch."""
    if device == "cpu":
        return device
    from moodstream.realtime.networks.engines.torch import reads_onnx

    return device if reads_onnx() else "cpu"
