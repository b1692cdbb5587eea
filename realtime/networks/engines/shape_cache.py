"""Networks compiled for one input shape each, as many as a memory bound allows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import prod

from moodstream.realtime.networks.engines.base import Network

Shape = tuple[int, ...]


class ShapeCache:
    """Compiles a network for each input shape and keeps those used last.

    A compiled network holds memory in proportion to its input, so a number of networks would be
    no bound.

    Args:
        make: Compiles for a shape (N, C, H, W).
        max_pixels: N × H × W px of all networks that are kept; one is kept whatever its size.
    """

    def __init__(self, make: Callable[[Shape], Network], max_pixels: int) -> None:
        self.make, self.max_pixels = make, max_pixels
        self._kept: dict[Shape, Network] = {}  # the one used last comes last
        self._lock = threading.Lock()

    def __call__(self, shape: Shape) -> Network:
        """The network for a shape; may be called from several threads."""
        with self._lock:
            network = self._kept.pop(shape, None)
            if network is None:
                self._make_room(pixels(shape))
                network = self.make(shape)
            self._kept[shape] = network
            return network

    @property
    def shapes(self) -> list[Shape]:
        """The shapes of the networks that are kept, the one used last at the end."""
        with self._lock:
            return list(self._kept)

    def _make_room(self, wanted: int) -> None:
        # before the new one is compiled, so that the peak is bounded, too
        while self._kept and wanted + sum(map(pixels, self._kept)) > self.max_pixels:
            del self._kept[next(iter(self._kept))]


def pixels(shape: Shape) -> int:
    """N × H × W of an input (N, C, H, W)."""
    return prod(shape) // shape[1]
