"""Checks of what users give to several functions."""

from __future__ import annotations

from moodstream.realtime.errors import MoodstreamError


def check_privacy(privacy: str) -> None:
    """Raise MoodstreamError for a mode of privacy that is none."""
    if privacy not in ("off", "blur", "group"):
        raise MoodstreamError(f"expected privacy off, blur or group, got {privacy!r}")
