"""Charts of results by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moodstream.overlays.palette import hex_of, line_colour
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.outputs.report.data import Timeline
from moodstream.realtime.outputs.report.figures import BLUE, GREY, INK, new_figure, plain_axes
from moodstream.realtime.outputs.schemas import ShiftEvent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def timeline_figure(line: Timeline, shifts: Sequence[ShiftEvent]) -> Figure:
    """The group's distribution, its leading moods with intervals, its diversity and its people.

    There is no row of intervals where none are known.

    Args:
        line: The timeline; thinned where it has too many rows to be drawn.
        shifts: Entries of events.json.

    Returns:
        A figure of matplotlib.
    """
    line = line.thinned()
    heights = (3, 2, 1, 1) if line.has_intervals else (3, 1, 1)
    figure = new_figure(10.0, 1.6 + sum(heights))
    rows = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    group, diversity, people = rows[0], rows[-2], rows[-1]
    if line.has_intervals:
        _intervals(rows[1], line)
    colours = [hex_of(name) for name in EMOTIONS]
    group.stackplot(line.t, line.probs.T, labels=EMOTIONS, colors=colours, lw=0)
    group.set(ylim=(0, 1), ylabel="share of the group")
    group.legend(ncols=len(EMOTIONS), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    diversity.plot(line.t, line.entropy_share, color=INK, lw=1.4)
    diversity.set(ylim=(0, 1), ylabel="diversity")
    people.step(line.t, line.people, where="post", color=GREY, lw=1.4, label="present")
    people.step(
        line.t, line.effective_people, where="post", color=BLUE, lw=1.4, ls=":", label="effective"
    )
    people.set(ylabel="people", xlabel="seconds")
    people.set_ylim(0, 1.4 * max(1.0, float(np.nanmax(line.people, initial=1.0))))
    people.yaxis.get_major_locator().set_params(integer=True)
    people.legend(ncols=2, loc="upper right", frameon=False)
    for axes in rows:
        plain_axes(axes)
        _mark(axes, shifts)
    if len(line):
        group.set_xlim(float(np.min(line.t)), max(float(np.max(line.t)), float(line.t[0]) + 0.2))
    return figure


def _intervals(axes: Axes, line: Timeline) -> None:
    """The shares of the leading moods, each with a band for its 90 % interval."""
    for name in line.leading():
        k = EMOTIONS.index(name)
        axes.fill_between(
            line.t, line.lower[:, k], line.upper[:, k], color=hex_of(name), alpha=0.3, lw=0
        )
        axes.plot(line.t, line.probs[:, k], color=line_colour(name), lw=1.6, label=name)
    axes.set(ylim=(0, 1), ylabel="90 % intervals")


def _mark(axes: Axes, shifts: Sequence[ShiftEvent]) -> None:
    for shift in shifts:
        axes.axvline(shift["t"], color=INK, lw=1.0, ls="--")
