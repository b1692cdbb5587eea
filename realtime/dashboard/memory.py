"""Hands memory back that ended runs have left."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """Free what only refers to itself, and return free pages to the system.

    A run's threads and callbacks refer to each other, so that its pictures would stay until
    Python next looks for such circles; and glibc keeps what threads have freed for their like.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)
