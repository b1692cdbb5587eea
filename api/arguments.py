"""The arguments of the public functions: whether they are of the right kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral, Real

from moodstream.realtime.errors import MoodstreamError

_SECONDS = frozenset(
    ("start", "end", "window", "smoothing", "open_timeout", "read_timeout", "give_up", "duration")
)
_MAY_BE_NONE = frozenset(("end", "give_up", "duration"))
_WHOLE = frozenset(("max_faces", "detector_size"))
_PX = frozenset(("min_face",))


def expect_numbers(**given: object) -> None:
    """Raise MoodstreamError unless each of these arguments is a number, or None where it may be.

    Args:
        given: Arguments by their names in the public functions. Whether they are in their range
            is checked by the settings that are made of them.
    """
    for name, value in given.items():
        if value is None and name in _MAY_BE_NONE:
            continue
        kind = Integral if name in _WHOLE else Real
        if not isinstance(value, kind) or isinstance(value, bool) or value != value:
            raise MoodstreamError(f"{name}: expected {_wanted(name)}, got {value!r}")


def _wanted(name: str) -> str:
    if name in _SECONDS:
        return "seconds or None" if name in _MAY_BE_NONE else "seconds"
    if name in _WHOLE:
        return "a whole number"
    return "px" if name in _PX else "a number"


@contextmanager
def settings_errors() -> Iterator[None]:
    """Converts the errors of settings that are out of range to MoodstreamError."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise MoodstreamError(str(error)) from None
