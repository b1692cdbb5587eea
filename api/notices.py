"""What Python users are told once: that other networks run than those they may expect."""

from __future__ import annotations

import sys
import threading
import warnings

_told: set[str] = set()
_lock = threading.Lock()


def warn_once(reason: str | None) -> None:
    """Issue a ``UserWarning`` for the caller's line, once per process for each reason.

    Args:
        reason: ``Models.fallback_reason``; None where there is nothing to say.
    """
    if reason is None:
        return
    with _lock:
        if reason in _told:
            return
        _told.add(reason)
    advice = ""
    if reason.startswith("using the embedded"):
        advice = (
            '; to ask for them, and not be told: models="embedded" of a Pipeline, '
            'pipeline="embedded", or --models embedded'
        )
    warnings.warn(f"moodstream: {reason}{advice}", UserWarning, stacklevel=_stacklevel())


def _stacklevel() -> int:
    """How many frames above ``warn_once`` the first one is that is not ours."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_ours(str(frame.f_globals.get("__name__", ""))):
        frame, level = frame.f_back, level + 1
    return level


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "moodstream"
