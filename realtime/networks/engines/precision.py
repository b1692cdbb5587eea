"""Which precision a network runs in: what was asked for, and what the device has."""

from __future__ import annotations

from typing import Literal

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.engines.base import Precision, RunsOn

Asked = Literal["auto", "f32", "bf16", "int8"]


def choose(asked: Asked, device: RunsOn, proven: bool = False) -> Precision:
    """The precision for one network on ``device``.

    auto is half precision on CUDA; on the CPU what it is quickest with, bf16 or else int8, if the
    network was measured to answer as well in it (``proven``); else f32. Raises MoodstreamError for
    what the device does not have.
    """
    if asked == "auto":
        return "f16" if device == "cuda" else _quickest(device, proven)
    if asked == "int8" and device != "cpu":
        raise MoodstreamError(f"--precision int8 runs on the CPU only, not on {device}; use auto")
    if asked == "int8" and not _has_vnni():
        raise MoodstreamError("--precision int8: this CPU has no VNNI; use auto")
    if asked == "bf16" and not _has_bf16(device):
        where = "this CPU" if device == "cpu" else device
        raise MoodstreamError(f"--precision bf16: {where} does not compute in bfloat16; use auto")
    return asked


def _quickest(device: RunsOn, proven: bool) -> Precision:
    if not proven or device != "cpu":
        return "f32"
    return "bf16" if _has_bf16(device) else "int8" if _has_vnni() else "f32"


def _has_vnni() -> bool:
    from moodstream.realtime.networks.engines.openvino import has_vnni

    return has_vnni()


def _has_bf16(device: RunsOn) -> bool:
    if device == "cpu":
        from moodstream.realtime.networks.engines.openvino import has_bf16

        return has_bf16()
    if device == "cuda":
        import torch

        return bool(torch.cuda.is_bf16_supported())
    return False
