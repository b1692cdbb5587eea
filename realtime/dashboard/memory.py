"""Keeps memory from growing with the visits, and hands back what ended runs have left."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h
_OWN_PAGES_FROM_BYTES = 4 << 20  # photos, not the pictures of a stream: new pages cost time
_MAX_FREE_BYTES = 64 << 20  # at the end of a heap until ``release_free_memory``
_MAX_ARENAS = 2


def limit_arenas() -> None:
    """Have glibc give threads few heaps, and large blocks pages of their own.

    It must be called before any thread starts.

    Each run brings threads, up to eight heaps a core are made for them, and each of those keeps
    the holes that pictures have left in it.
    """
    tune = _glibc("mallopt")
    if tune is not None:
        tune(_M_MMAP_THRESHOLD, _OWN_PAGES_FROM_BYTES)
        tune(_M_TRIM_THRESHOLD, _MAX_FREE_BYTES)
        tune(_M_ARENA_MAX, _MAX_ARENAS)


def freeze_gc() -> None:
    """Exempt all that is there now from the collections of ``release_free_memory``."""
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
