"""What an engine is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Precision = Literal["f32", "f16", "bf16", "int8"]
"""What a network computes in: int8 are networks that were quantised, all else is a choice."""
RunsOn = Literal["cpu", "cuda", "mps"]

Listener = Callable[[Callable[[npt.NDArray[Any]], Any], tuple[int, ...]], None]
_listener: Listener | None = None


def called(network: Callable[[npt.NDArray[Any]], Any], shape: tuple[int, ...]) -> None:
    """A network is about to run on a batch of ``shape``; engines say so for ``listening``."""
    if _listener is not None:
        _listener(network, shape)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell ``listener`` of every network call of the process while the block runs."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


class Network(Protocol):
    """A compiled network: a batch in, its outputs by position."""

    def __call__(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
        """Run the network on one input array (N, …); may be called from several threads."""
        ...
