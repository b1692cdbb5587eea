"""Where networks run, and how many calls at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.engines.base import InferenceStreams, RunsOn, usable_cores

Device = Literal["auto", "cpu", "cuda", "mps"]


def streams_for(detect_full_size: bool) -> InferenceStreams:
    """How many network calls go on at a time while a file is processed; see ``Worker.follow``.

    detect_full_size: all looks are, so that none waits for another; where only some are, the next look
    but one waits for them, so each has all cores. Each stream more takes memory.
    """
    calls = min(usable_cores(), 4 if detect_full_size else 2)
    return InferenceStreams(calls, calls if detect_full_size else 1)


def cuda_is_likely() -> bool:
    """Whether asking torch about CUDA is worth its slow import: an NVIDIA driver is there."""
    return any(Path(p).exists() for p in ("/dev/nvidiactl", "/dev/dxg", "/proc/driver/nvidia"))


def choose_device(asked: Device) -> RunsOn:
    """cpu, cuda or mps; raises MoodstreamError where the one asked for is not there."""
    if asked == "cpu":
        return "cpu"
    import platform

    mac = platform.system() == "Darwin" and platform.machine() == "arm64"
    if asked == "auto" and not (mac or cuda_is_likely() or platform.system() == "Windows"):
        return "cpu"
    import torch

    there: dict[RunsOn, bool] = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if asked == "auto":
        return next((name for name, ok in there.items() if ok), "cpu")
    if not there[asked]:
        raise MoodstreamError(f"--device {asked}: torch finds no such device here; use cpu or auto")
    return asked


def onnx_device(device: RunsOn) -> RunsOn:
    """Where networks run that come as ONNX: a GPU needs an optional package for them."""
    if device == "cpu":
        return device
    from moodstream.realtime.networks.engines.torch import reads_onnx

    return device if reads_onnx() else "cpu"
