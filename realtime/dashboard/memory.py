"""Keeps memory from growing with the visits, and hands back what ended runs have left."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_ALONE = 4 << 20  # bytes: photos, not the pictures of a stream, for new pages cost time
_SPARE = 64 << 20  # bytes that may stay free at the end of a heap until ``release_free_memory``
_ARENAS = 2


def limit_arenas() -> None:
    """Have glibc give threads few heaps, and large blocks pages of their own; before any starts.

    Each run brings threads, up to eight heaps a core are made for them, and each of those keeps
    the holes that pictures have left in it.
    """
    tune = _glibc("mallopt")
    if tune is not None:
        tune(_M_MMAP_THRESHOLD, _ALONE)
        tune(_M_TRIM_THRESHOLD, _SPARE)
        tune(_M_ARENA_MAX, _ARENAS)


def freeze_gc() -> None:
    """All that is there now stays: ``release_free_memory`` need not look through it."""
    gc.collect()
    gc.freeze()


def release_free_memory() -> None:
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
