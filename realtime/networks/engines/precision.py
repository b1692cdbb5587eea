"""Which precision a network runs in: by what was asked for and what the device supports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Literal

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.engines.base import Precision, RunsOn

logger = logging.getLogger(__name__)

Asked = Literal["auto", "f32", "bf16", "int8"]
"""What ``--precision`` takes."""


def choose(asked: Asked, device: RunsOn, proven: Sequence[Precision] = ()) -> Precision:
    """The precision for one network.

    Args:
        asked: auto is f16 on CUDA; on the CPU the first of ``proven`` that it computes in; else
            f32.
        device: Where the network runs.
        proven: In what the network was measured to be as accurate as in f32, quickest first.

    Raises:
        MoodstreamError: The device does not support what was asked for.
    """
    if asked == "auto":
        chosen: Precision = "f16" if device == "cuda" else _quickest(device, proven)
        logger.debug("precision auto on %s: %s (proven: %s)", device, chosen, proven or "none")
        return chosen
    if asked == "int8" and device != "cpu":
        raise MoodstreamError(f"--precision int8 runs on the CPU only, not on {device}; use auto")
    if asked == "int8" and not _has_vnni():
        raise MoodstreamError("--precision int8: this CPU has no VNNI; use auto")
    if asked == "bf16" and not _has_bf16(device):
        where = "this CPU" if device == "cpu" else device
        raise MoodstreamError(f"--precision bf16: {where} does not compute in bfloat16; use auto")
    return asked


def _quickest(device: RunsOn, proven: Sequence[Precision]) -> Precision:
    if device != "cpu":
        return "f32"
    has: dict[Precision, Callable[[], bool]] = {
        "bf16": lambda: _has_bf16(device),
        "int8": _has_vnni,
    }
    return next((kind for kind in proven if kind in has and has[kind]()), "f32")


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
