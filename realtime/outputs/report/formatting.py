"""Times and durations as people write them."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def duration(seconds: float) -> str:
    """Up to a minute in seconds, longer ones as a clock shows them."""
    return f"{seconds:.0f} s" if seconds < 59.5 else clock(seconds)
