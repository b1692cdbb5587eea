"""Keeps memory from growing with the visits, and hands back what ended runs have left."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h
_ALONE = 256 * 1024  # bytes from which on a picture lies in pages of its own
_ARENAS = 2


def keep_small() -> None:
    """Have glibc give large blocks pages of their own, and threads few heaps; before any starts.

    Each run brings threads, each thread may get a heap, and pictures that come and go leave holes
    in it that only the next picture of just that size fills.
    """
    tune = _glibc("mallopt")
    if tune is not None:
        tune(_M_MMAP_THRESHOLD, _ALONE)
        tune(_M_ARENA_MAX, _ARENAS)


def settle() -> None:
    """All that is there now stays: ``give_back`` need not look through it."""
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Free what only refers to itself, and return free pages to the system.

    A run's threads and callbacks refer to each other, so that its pictures would stay until
    Python next looks for such circles; and glibc keeps what threads have freed for their like.
    """
    gc.collect()
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> Callable[..., int] | None:
    """A function of glibc, None where the C library is another one."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
