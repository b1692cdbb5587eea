"""The command line, one file a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moodstream.realtime.cli.entry import build_parser, main

__all__ = ["build_parser", "main"]


def __getattr__(name: str) -> object:
    """Import on first use: ``python -m moodstream.realtime.cli.entry`` must not load it twice."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from moodstream.realtime.cli import entry

    return getattr(entry, name)
