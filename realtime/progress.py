"""How a long task reports its progress."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[str, int, int], None]
"""Called with the name of the stage, how many items are done and how many there are."""
