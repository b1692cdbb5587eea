"""Charts of predicted shares against those of several raters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.emotions.calibrate import Reliability
from moodstream.realtime.outputs.report.figures import (
    BLUE,
    GREY,
    ORANGE,
    new_figure,
    plain_axes,
    save,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def share_reliability_chart(
    before: Sequence[Reliability], after: Sequence[Reliability], path: Path
) -> None:
    """For each emotion the share of raters against the predicted one, and its calibration error.

    Args:
        before: By emotion, without calibration.
        after: By emotion, with it.
        path: The PNG file to write.
    """
    figure = new_figure(12.6, 6.8)
    panels = figure.subplots(2, 4).ravel()
    kinds = [(before, "uncalibrated", ORANGE, "s"), (after, "calibrated", BLUE, "o")]
    if all(np.array_equal(a.counts, b.counts) for a, b in zip(before, after, strict=True)):
        kinds = [(after, "as it runs", BLUE, "o")]
    for k, (axes, name) in enumerate(zip(panels, EMOTIONS, strict=False)):
        axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--")
        for parts, label, colour, marker in kinds:
            _points(axes, parts[k], f"{label}: ECE {parts[k].ece:.3f}", colour, marker)
        axes.set(xlim=(0, 1), ylim=(0, 1), title=name)
        axes.legend(loc="upper left", frameon=False, fontsize=8, markerscale=0.6)
        plain_axes(axes)
    for axes in panels[3:7]:
        axes.set_xlabel("predicted share")
    for axes in panels[::4]:
        axes.set_ylabel("share of the raters")
    places, wide = np.arange(len(EMOTIONS)), 0.8 / len(kinds)
    for place, (parts, label, colour, _) in enumerate(kinds):
        middle = places + (place - (len(kinds) - 1) / 2) * wide
        panels[7].bar(middle, [part.ece for part in parts], wide, color=colour, label=label)
    panels[7].set_xticks(places, EMOTIONS, rotation=45, ha="right")
    panels[7].set_title("calibration error (ECE)")
    plain_axes(panels[7])
    figure.suptitle(
        "Of a mood predicted with a share, how many of the raters see it (size: faces)", fontsize=12
    )
    save(figure, path)


def _points(axes: Axes, part: Reliability, label: str, colour: str, marker: str) -> None:
    filled = part.counts > 0
    x, y, n = part.confidence[filled], part.accuracy[filled], part.counts[filled]
    axes.plot(x, y, color=colour, lw=1.4, alpha=0.8)
    # by the root: most faces have a share near 0 of most emotions
    area = 8 + 90 * np.sqrt(n / n.max())
    axes.scatter(x, y, area, colour, marker=marker, label=label, clip_on=False, zorder=3)
