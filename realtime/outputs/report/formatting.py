"""Times, durations and counts as people write them."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def duration(seconds: float) -> str:
    """Up to a minute in seconds, longer ones as a clock shows them."""
    return f"{seconds:.0f} s" if seconds < 59.5 else clock(seconds)


def percent(share: float, interval: tuple[float, float] | None = None) -> str:
    """A share in per cent, with its interval where that is known.

    Example:
        >>> percent(0.62), percent(0.62, (0.541, 0.698))
        ('62%', '62% (54 to 70)')
    """
    if interval is None:
        return f"{share:.0%}"
    low, high = interval
    return f"{share:.0%} ({100 * low:.0f} to {100 * high:.0f})"


def rise(before: float | None, after: float | None) -> str:
    """Two shares, one after the other; a dash where they are not known.

    Example:
        >>> rise(0.08, 0.52)
        '8% → 52%'
    """
    return "–" if before is None or after is None else f"{before:.0%} → {after:.0%}"


def counted(number: int, one: str, more: str | None = None) -> str:
    """A number with its noun.

    Args:
        number: How many.
        one: The noun for one.
        more: For any other number; None for ``one`` with an s.

    Example:
        >>> counted(1, "frame"), counted(0, "frame"), counted(2, "person", "people")
        ('1 frame', '0 frames', '2 people')
    """
    return f"{number} {one if number == 1 else more or one + 's'}"
