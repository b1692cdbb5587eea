"""What went wrong in code that is not ours, in one line that says whose it is and where."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from moodstream.realtime.errors import MoodstreamError

logger = logging.getLogger(__name__)

_NOT_THEIRS = ("moodstream", "importlib")  # what calls and imports their code


@contextmanager
def blamed(who: str) -> Iterator[None]:
    """Turn what a user's code raises into a MoodstreamError of one line that names it."""
    try:
        yield
    except MoodstreamError:
        raise
    except Exception as error:  # anything can go wrong in code that is not ours
        raise blame(who, error) from error


def blame(who: str, error: Exception) -> MoodstreamError:
    """An error of one line for what a user's code raised; the traceback is logged for -vv."""
    logger.debug("%s failed", who, exc_info=error)
    reason, place = " ".join(str(error).split()), _place(error)
    where = f" ({place})" if place else ""
    return MoodstreamError(f"{who}: {type(error).__name__}: {reason}{where}")


def _place(error: Exception) -> str | None:
    """file:line of the innermost frame in the user's code; None where that is not in it.

    Their code is the package of the first frame that is not ours: what that calls may be numpy's.
    """
    frames = [
        (str(frame.f_globals.get("__name__", "")).partition(".")[0], frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    package = next((name for name, _, _ in frames if name not in _NOT_THEIRS), None)
    inside = [f"{file}:{line}" for name, file, line in frames if name == package]
    return inside[-1] if inside else None
