"""What an engine is."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Network(Protocol):
    """A compiled network: a batch in, its outputs by position."""

    def __call__(self, batch: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
        """Run the network on one input array (N, …); may be called from several threads."""
        ...
