"""What reports in Markdown have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moodstream.realtime.networks.models import described


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table: the first column to the left, figures to the right."""
    lines = [_row(head), _row([":--"] + ["--:"] * (len(head) - 1))]
    return "\n".join(lines + [_row(row) for row in rows])


def number(value: float | None, digits: int = 3) -> str:
    """A figure, or a dash where it is undefined."""
    return "–" if value is None else f"{value:.{digits}f}"


def spread(side: Mapping[str, float]) -> str:
    """Face sizes in words: ``48 px``, or ``20–80 px, median 42``."""
    if side["least"] == side["most"]:
        return f"{side['most']:.0f} px"
    return f"{side['least']:.0f}–{side['most']:.0f} px, median {side['median']:.0f}"


def network(model: Mapping[str, Any]) -> str:
    """What a network is, where it ran, and its checksum."""
    return (
        f"Network: {described(model)} ({model['file']}, {model['engine']} on {model['device']}, "
        f"SHA-256 {model['sha256']})"
    )


def left_out(skipped: Sequence[Mapping[str, str]], reasons: int = 8) -> str:
    """Why pictures were left out, the most common reasons first: ``2 × no face found``."""
    counts = Counter(one["why"] for one in skipped).most_common(reasons)
    return "; ".join(f"{n} × {why}" for why, n in counts)


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
