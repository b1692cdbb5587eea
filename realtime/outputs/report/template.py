"""The page templates, and what every page shows of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from moodstream.realtime.outputs.report.formatting import clock


def template(page: Path) -> Any:
    """The template of a report's page, which takes in what all reports share."""
    import jinja2

    rules = jinja2.Environment(
        loader=jinja2.FileSystemLoader([page.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rules.filters |= {"clock": clock, "percent": lambda share: f"{share:.0%}"}
    return rules.get_template(page.name)


def details(summary: Mapping[str, object], about: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The parts of a summary that say how it came about, as titles and (name, value) lines.

    ``about``: the part that this kind of summary alone has.
    """
    parts = ("models", "settings", about, "counts", "speed", "versions")
    return [(part.capitalize(), list(_flat(summary.get(part) or {}))) for part in parts]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as (dotted name, value) lines."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, "–" if value is None else str(value)
