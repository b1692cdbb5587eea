"""The command line, one file a command."""

from moodstream.realtime.cli.entry import build_parser, main

__all__ = ["build_parser", "main"]
