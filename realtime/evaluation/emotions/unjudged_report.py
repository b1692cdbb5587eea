"""The folder of results of faces of which the truth is not known: by attributes alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
from moodstream.realtime.evaluation.emotions import attributes_page
from moodstream.realtime.evaluation.emotions.attributes import ByAttribute
from moodstream.realtime.evaluation.emotions.page import sources
from moodstream.realtime.evaluation.emotions.report import (
    ATTRIBUTES_CHART,
    attribute_figures,
    origin,
    plain,
)
from moodstream.realtime.evaluation.emotions.terminal import source_lines
from moodstream.realtime.networks.models import ModelInfo
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, write_json

OUTPUTS = (layout.METRICS, layout.METRICS_REPORT, ATTRIBUTES_CHART)


def metrics(
    faces: LabelledFaces, info: Mapping[str, ModelInfo], attributes: Sequence[ByAttribute]
) -> dict[str, Any]:
    """The content of metrics.json; what is undefined is None.

    Args:
        faces: That were classified.
        info: The classifier as ``emotion`` and, if one ran, the ``detector``.
        attributes: The figures by attributes of the people.
    """
    summary = {"n": len(faces), "by": attribute_figures(attributes), **origin(faces, info)}
    return {key: plain(value) for key, value in summary.items()}


def lines(summary: Mapping[str, Any]) -> list[str]:
    """A screen of text."""
    printed = source_lines(summary)
    for attribute in summary["by"]:
        printed += ["", *attributes_page.lines(attribute)]
    return printed


def write(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write every file of OUTPUTS into a folder that is there, metrics.json last."""
    from moodstream.realtime.evaluation.emotions import attribute_charts

    with finished(folder / ATTRIBUTES_CHART) as part:
        attribute_charts.attributes_chart(summary["by"], part)
    parts = [
        f"# Whom `{summary['model']['name']}` reads in `{summary['data']['source']}`",
        *attributes_page.sections(summary["by"]),
        "## Data, network and versions",
        sources(summary),
    ]
    with finished(folder / layout.METRICS_REPORT) as part:
        part.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    write_json(folder / layout.METRICS, summary)
