"""Threads that the tests' own process has, and must not keep."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from support.waiting import wait_for


@pytest.fixture
def no_thread_is_left_over() -> Iterator[None]:
    """Every thread that a test starts has ended soon after it."""
    before = set(threading.enumerate())
    yield
    wait_for(lambda: set(threading.enumerate()) <= before)
