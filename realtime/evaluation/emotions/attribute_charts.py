"""The chart of the figures of groups of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moodstream.realtime.evaluation.emotions import attributes_page
from moodstream.realtime.outputs.report.figures import (
    BLUE,
    GREY,
    INK,
    new_figure,
    plain_axes,
    save,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def attributes_chart(attributes: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The figures of each group with their intervals: a row an attribute, a column a figure.

    Args:
        attributes: As in metrics.json.
        path: The PNG file to write.
    """
    keys = attributes_page.measured({"groups": [g for a in attributes for g in a["groups"]]})
    heights = [1.1 + 0.32 * len(attribute["groups"]) for attribute in attributes]
    figure = new_figure(2.6 + 2.7 * len(keys), 0.5 + sum(heights))
    panels = figure.subplots(
        len(attributes), len(keys), squeeze=False, sharex="col", height_ratios=heights
    )
    for row, attribute in zip(panels, attributes, strict=True):
        for axes, key in zip(row, keys, strict=True):
            _panel(axes, attribute["groups"], key, names=axes is row[0])
        row[0].set_ylabel(attribute["name"])
    for axes, key in zip(panels[0], keys, strict=True):
        axes.set_title(attributes_page.NAMES[key])
    figure.suptitle("By attribute, with 90 % intervals (grey: fewer than 30 faces)", fontsize=12)
    save(figure, path)


def _panel(axes: Axes, groups: Sequence[Mapping[str, Any]], key: str, names: bool) -> None:
    for place, group in enumerate(groups):
        one = group["figures"].get(key)
        if one is None:
            continue
        colour = GREY if group["few"] else BLUE
        if one["low"] is not None:
            axes.plot([one["low"], one["high"]], [place, place], color=colour, lw=2)
        axes.plot(one["mean"], place, "o", color=colour)
        axes.annotate(
            f"{one['mean']:.3f}",
            (one["mean"], place),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            color=INK,
        )
    labels = [f"{attributes_page.value_name(g)}, n = {g['n']}" for g in groups] if names else []
    axes.set_yticks(np.arange(len(groups)) if names else [], labels)
    axes.set_ylim(len(groups) - 0.4, -0.7)  # in the order of the table, from above
    plain_axes(axes)
    axes.grid(axis="x", color="#DDDDDD", lw=0.7)
