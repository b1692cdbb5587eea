"""What an engine is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Precision = Literal["f32", "f16", "bf16", "int8"]
"""What a network computes in: int8 are networks that were quantised, all else is a choice."""
RunsOn = Literal["cpu", "cuda", "mps"]

T = TypeVar("T")


class TimeableNetwork(Protocol):
    """A network whose calls can be timed."""

    def infer_only(self, batch: npt.NDArray[Any]) -> None:
        """Run on a batch (N, …) and leave the outputs where they are."""
        ...


Listener = Callable[[TimeableNetwork, tuple[int, ...], np.dtype[Any]], None]
_listener: Listener | None = None


def called(
    network: TimeableNetwork, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32
) -> None:
    """A network is about to run on such a batch; engines say so for ``listening``."""
    if _listener is not None:
        _listener(network, shape, np.dtype(dtype))


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell ``listener`` of every network call of the process while the block runs."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def usable_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_info() -> dict[str, str]:
    """What Linux tells of the CPU, such as its ``model name`` and ``flags``; nothing elsewhere."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.is_file() else []
    return {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}


@dataclass(frozen=True)
class InferenceStreams:
    """Network calls that go on side by side, the CPU's cores divided among them.

    calls: of a network as a rule; large: of one whose input is so large that the others would
    wait for it on one core while the rest are idle.
    """

    calls: int = 1
    large: int = 1


SINGLE_STREAM = InferenceStreams()


@dataclass(frozen=True)
class Pixels:
    """What a network makes of pictures (N, H, W, 3) uint8 itself, by channel of its own order.

    Its input is (p - mean) / scale; swap: its channels are those of the pictures in reverse.
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    swap: bool = False


class Network(TimeableNetwork, Protocol):
    """A compiled network: a batch in, its outputs by position."""

    def __call__(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
        """Run the network on one input array (N, …); may be called from several threads."""
        ...

    def infer_in_place(
        self, batch: npt.NDArray[Any], take: Callable[[list[npt.NDArray[Any]]], T]
    ) -> T:
        """What ``take`` makes of the outputs; they may be overwritten once it has returned."""
        ...
