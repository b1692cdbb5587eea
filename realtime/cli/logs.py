"""Where log records of the command line go: to stderr, without passwords."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from moodstream.realtime.sources.redact import redact

if TYPE_CHECKING:
    from moodstream.realtime.errors import MoodstreamError

_LOGGER = "moodstream"
_LEVELS = (logging.ERROR, logging.INFO, logging.DEBUG)  # by the number of -v
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_CLEAR_LINE = "\r\x1b[K"  # a status line may stand there


class _RedactingFormatter(logging.Formatter):
    """Takes passwords out of whole records, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class StderrHandler(logging.Handler):
    """Writes records to what is stderr at the time, on lines of their own.

    Args:
        level: The lowest that is written.
    """

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.setFormatter(_RedactingFormatter(_FORMAT))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            write_line(self.format(record))
        except Exception:  # logging must not break what is logged
            self.handleError(record)


def write_line(text: str) -> None:
    """Write a line to stderr; on a terminal in place of a status line, which is drawn again."""
    clear = _CLEAR_LINE if sys.stderr.isatty() else ""
    sys.stderr.write(f"{clear}{text}\n")
    sys.stderr.flush()


def configure(verbosity: int = 0) -> None:
    """Send the program's log to stderr; a second call replaces the first.

    Args:
        verbosity: 0 for errors only, 1 for what happens, 2 for every detail.
    """
    level = _LEVELS[min(verbosity, len(_LEVELS) - 1)]
    logger = logging.getLogger(_LOGGER)
    for handler in [h for h in logger.handlers if isinstance(h, StderrHandler)]:
        logger.removeHandler(handler)
    logger.addHandler(StderrHandler(level))
    logger.setLevel(level if verbosity else logging.NOTSET)


def told(error: MoodstreamError) -> str:
    """The message of an error as it is for those who type commands."""
    return str(getattr(error, "on_command_line", error))
