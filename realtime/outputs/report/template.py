"""Templates of report pages, and the details that every page shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from moodstream.realtime.outputs.report.formatting import clock, percent, rise


def template(page: Path) -> Any:
    """The template of a report's page, which may extend report_base.html."""
    import jinja2

    rules = jinja2.Environment(
        loader=jinja2.FileSystemLoader([page.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rules.filters |= {"clock": clock, "percent": percent, "rise": rise}
    return rules.get_template(page.name)


def details(summary: Mapping[str, object], about: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The sections of a summary that say how it came about.

    Args:
        summary: The summary.
        about: The section that only this kind of summary has.

    Returns:
        Titles, each with its (name, value) lines.
    """
    sections = ("models", "settings", about, "counts", "speed", "versions")
    return [(section.capitalize(), list(_flat(summary.get(section) or {}))) for section in sections]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as (dotted name, value) lines."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, "–" if value is None else str(value)
