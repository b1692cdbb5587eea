"""Waiting for what a busy machine does later than a quiet one."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

SOON = 30.0
"""Seconds within which something short must have happened on a busy machine."""


def wait_for(
    condition: Callable[[], T],
    timeout: float = SOON,
    *,
    ignoring: tuple[type[BaseException], ...] = (),
    meanwhile: Callable[[], object] = lambda: time.sleep(0.005),
) -> T:
    """Wait until a condition holds.

    Args:
        condition: Asked again and again until it answers something true.
        timeout: Seconds after which the test fails.
        ignoring: Errors of the condition that mean "not yet".
        meanwhile: Done between two questions, for example an owner's turn.

    Returns:
        What the condition answered.
    """
    end = time.monotonic() + timeout
    while True:
        with suppress(*ignoring):
            if found := condition():
                return found
        assert time.monotonic() < end, f"it did not happen within {timeout:g} s"
        meanwhile()
