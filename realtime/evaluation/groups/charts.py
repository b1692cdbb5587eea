"""Charts of the group study as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moodstream.realtime.evaluation.groups.study import BASELINE, DEFAULT, STRATEGIES, Result
from moodstream.realtime.outputs.report.figures import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    new_figure,
    plain_axes,
    save,
)

_SHOWN_STRATEGIES = (BASELINE, "quality-weighted, calibrated", DEFAULT, "majority vote")
_STYLES = ((GREY, "o", ":"), (ORANGE, "s", "--"), (BLUE, "o", "-"), (INK, "^", "-."))
_SIZE_BINS = ((2, 3), (4, 6), (7, 10), (11, 15), (16, 22), (23, 30), (31, 40))


def strategy_chart(results: Sequence[Result], path: Path) -> None:
    """Mean JSD of every strategy, one panel for each kind of group, with its standard error.

    A row for each condition and a column for each distribution.
    """
    rows, columns = _grid(results)
    figure = new_figure(4.0 * columns + 2.4, 2.9 * rows + 0.8)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    names = list(STRATEGIES)[::-1]
    for axes, result in zip(panels, results, strict=False):
        means = [result.jsd[name].mean() for name in names]
        errors = [result.jsd[n].std(ddof=1) / np.sqrt(len(result.sizes)) for n in names]
        colours = [BLUE if n == DEFAULT else ORANGE if n == BASELINE else GREY for n in names]
        axes.barh(
            names,
            means,
            xerr=errors,
            color=colours,
            height=0.7,
            ecolor=INK,
        )
        for place, name in enumerate(names):
            axes.text(
                means[place] + errors[place],
                place,
                f" {result.change(name):+.0%}" if name != BASELINE else "",
                va="center",
                fontsize=9,
            )
        axes.set_title(_title(result), fontsize=10)
        plain_axes(axes)
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.16)
    for axes in panels[-columns:]:
        axes.set_xlabel("JSD to the true distribution (nats)")
    figure.suptitle("How far group distributions are from the truth (less is better)")
    save(figure, path)


def group_size_chart(results: Sequence[Result], path: Path) -> None:
    """Mean JSD by the number of people, for the degraded groups of every distribution."""
    shown = [r for r in results if r.condition.degraded] or list(results)
    rows, columns = _grid(shown)
    figure = new_figure(4.2 * columns, 3.6 * rows + 0.8)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, result in zip(panels, shown, strict=True):
        for name, (colour, marker, line) in zip(_SHOWN_STRATEGIES, _STYLES, strict=True):
            points = [
                (result.sizes[inside].mean(), result.jsd[name][inside].mean())
                for low, high in _SIZE_BINS
                if (inside := (result.sizes >= low) & (result.sizes <= high)).sum() >= 5
            ]
            if points:
                x, y = zip(*points, strict=True)
                axes.plot(x, y, color=colour, marker=marker, ls=line, ms=5, label=name)
        axes.set_title(_title(result), fontsize=10)
        plain_axes(axes)
    panels[0].set_ylim(bottom=0)  # once all are drawn: the panels share it
    for axes in panels[::columns]:
        axes.set_ylabel("JSD to the true distribution (nats)")
    for axes in panels[-columns:]:
        axes.set_xlabel("people in the group")
    if panels[columns - 1].get_legend_handles_labels()[0]:  # with few groups there is no line
        panels[columns - 1].legend(frameon=False, fontsize=9)
    save(figure, path)


def _grid(results: Sequence[Result]) -> tuple[int, int]:
    """Rows and columns: the conditions and the distributions."""
    return len({r.condition for r in results}), len({r.distribution for r in results})


def _title(result: Result) -> str:
    return f"{result.distribution}\n{result.condition.label}"
