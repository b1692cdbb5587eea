"""Contact sheets of faces as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.outputs.report.figures import (
    BLUE,
    GREY,
    ORANGE,
    new_figure,
    plain_axes,
    save,
)
from moodstream.realtime.outputs.report.formatting import counted
from moodstream.realtime.runs.photos.contributors import (
    TOP,
    Contributors,
    QualityBin,
    limits_in_words,
    measures,
)

_COLUMNS = 6
_ROWS = TOP // _COLUMNS
_HISTOGRAM_BINS = 24


def quality_sheet(
    bins: Sequence[QualityBin], faces: Any, pictures: Mapping[int, Image], path: Path
) -> None:
    """Faces of each quality bin, from its best to its worst, with what was measured."""
    figure = new_figure(1.5 * TOP, 1.95 * len(bins) + 0.5)
    for part, kind in zip(figure.subfigures(len(bins), 1, squeeze=False)[:, 0], bins, strict=True):
        part.suptitle(
            f"{kind.name}: {counted(kind.count, 'face')}, {kind.share:.0%}",
            x=0.01,
            ha="left",
            fontsize=12,
            weight="bold",
        )
        titles = []
        for row in kind.rows:
            quality, side, blur = measures(faces, row)
            titles.append(f"quality {quality:.2f}\n{side:.0f} px, blur {blur:.0f}")
        _faces(part.subplots(1, TOP, squeeze=False).ravel(), kind.rows, titles, pictures)
    figure.suptitle(f"Faces by quality: {limits_in_words()}")
    save(figure, path)


def contributor_sheet(
    shown: Contributors, faces: Any, pictures: Mapping[int, Image], path: Path
) -> None:
    """The faces that add most to an emotion, weighted beside unweighted, with histograms."""
    figure = new_figure(1.5 * 2 * _COLUMNS + 0.6, 1.85 * _ROWS + 3.2)
    parts: Any = figure.subfigures(2, 1, height_ratios=(1.85 * _ROWS + 0.4, 2.4))
    above, below = parts
    halves = above.subfigures(1, 2, wspace=0.03)
    kinds = (("weighted", "w·p", BLUE), ("unweighted", "p / N", ORANGE))
    for half, (name, formula, _) in zip(halves, kinds, strict=True):
        half.suptitle(f"{name} ({formula})", fontsize=12, weight="bold")
        top = shown.top[name]
        titles = [
            f"adds {100 * share:.2g} %\np {_p(faces, row, shown.emotion):.2f}, "
            f"quality {measures(faces, row)[0]:.2f}"
            for row, share in top
        ]
        panels = half.subplots(_ROWS, _COLUMNS, squeeze=False).ravel()
        _faces(panels, [row for row, _ in top], titles, pictures)
    _histograms(below.subplots(1, 2, sharex=True, sharey=True), shown, kinds)
    figure.suptitle(
        f"Who contributes to {shown.emotion}: {shown.weighted.sum():.1%} of the set weighted, "
        f"{shown.unweighted.sum():.1%} unweighted, {counted(len(shown.rows), 'face')}"
    )
    save(figure, path)


def _histograms(panels: Any, shown: Contributors, kinds: Sequence[tuple[str, str, str]]) -> None:
    largest = max(shown.weighted.max(initial=0), shown.unweighted.max(initial=0), 1e-9) * 100
    edges = np.linspace(0, largest, _HISTOGRAM_BINS + 1)
    for axes, (name, _, colour) in zip(panels, kinds, strict=True):
        axes.hist(100 * getattr(shown, name), edges, color=colour)
        axes.set(xlabel="percentage points that a face adds", ylabel="faces")
        plain_axes(axes)


def _faces(
    panels: Sequence[Any],
    rows: Sequence[int],
    titles: Sequence[str],
    pictures: Mapping[int, Image],
) -> None:
    for axes in panels:
        axes.set_axis_off()
    for axes, row, title in zip(panels, rows, titles, strict=False):
        axes.set_title(title, fontsize=8.5)
        if row in pictures:
            axes.imshow(pictures[row][..., ::-1])
        else:
            axes.text(0.5, 0.5, "photo gone", ha="center", color=GREY)


def _p(faces: Any, row: int, emotion: str) -> float:
    return float(faces[f"p_{emotion}"][row].as_py())
