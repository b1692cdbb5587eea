"""What an engine is: the interface of a compiled network, and what it computes in."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

Precision = Literal["f32", "f16", "bf16", "int8"]
"""What a network computes in; int8 is for networks that were quantised."""
RunsOn = Literal["cpu", "cuda", "mps"]

T = TypeVar("T")
R = TypeVar("R")


class TimeableNetwork(Protocol):
    """A network whose calls can be timed."""

    def infer_only(self, batch: npt.NDArray[Any]) -> None:
        """Run on a batch (N, …) and leave the outputs where they are."""
        ...


def usable_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_info() -> dict[str, str]:
    """What Linux reports of the CPU, such as ``model name`` and ``flags``; empty elsewhere."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(errors="replace").splitlines() if info.is_file() else []
    return {key.strip(): value.strip() for key, _, value in (x.partition(":") for x in lines)}


@dataclass(frozen=True)
class InferenceStreams:
    """How many calls of a network run side by side, the CPU's cores divided among them.

    Attributes:
        calls: For networks as a rule.
        large: For a network whose input is so large that the others would wait for it on one
            core while the rest are idle.
    """

    calls: int = 1
    large: int = 1


SINGLE_STREAM = InferenceStreams()


@dataclass(frozen=True)
class Pixels:
    """How a network that takes pictures (N, H, W, 3) uint8 normalises them to (p - mean) / scale.

    Attributes:
        mean: Subtracted, by channel in the network's order.
        scale: Divided by, by channel in the network's order.
        swap: Whether the network's channels are those of the pictures in reverse.
        channels_last: Whether the network itself takes (N, H, W, 3) and not (N, 3, H, W).
    """

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    swap: bool = False
    channels_last: bool = False


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


class TensorNetwork(Network, Protocol):
    """A network whose batches and outputs can stay on a device."""

    def run(self, batch: Tensor) -> list[Tensor]:
        """The outputs, float32, for a batch (N, C, H, W) on the device."""
        ...


N = TypeVar("N", bound=Network)


class NetworkWrapper(Protocol):
    """Puts something around a network that takes its place, to count or time its calls."""

    def __call__(self, network: N, /) -> N:
        """What runs in place of ``network``; it must do all that the network does."""
        ...


@runtime_checkable
class RunsNetworks(Protocol):
    """A detector or classifier whose compiled networks can be wrapped."""

    def with_networks(self, wrap: NetworkWrapper) -> Any:
        """The same with ``wrap`` around each of its networks; the original stays as it is."""
        ...


def with_networks(part: R, wrap: NetworkWrapper) -> R:
    """``part`` with its networks wrapped, or as it is where it does not run networks of ours."""
    return cast("R", part.with_networks(wrap)) if isinstance(part, RunsNetworks) else part
