"""The chart of the detectors as a PNG file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def detectors_chart(summary: Mapping[str, Any], path: Path) -> None:
    """Faces, time and, with labels, what each detector detected, missed and made up."""
    runs = summary["detectors"]
    names = list(runs)[::-1]
    labelled = bool(summary["data"]["labelled_faces"])
    figure = new_figure(12.4 if labelled else 8.6, 1.4 + 0.5 * len(names))
    panels = figure.subplots(1, 3 if labelled else 2, sharey=True)
    faces = [runs[n]["faces"] for n in names]
    usable = [runs[n]["usable"] for n in names]
    panels[0].barh(names, faces, color=GREY, label="faces")
    panels[0].barh(names, usable, color=BLUE, height=0.4, label="usable")
    for place, (all_faces, good) in enumerate(zip(faces, usable, strict=True)):
        panels[0].text(all_faces, place, f" {good} of {all_faces}", va="center", fontsize=9)
    panels[0].set_title("Faces, and usable ones", loc="left", fontsize=10)
    times = [runs[n]["ms"]["median"] for n in names]
    panels[1].barh(names, times, color=BLUE)
    for place, ms in enumerate(times):
        panels[1].text(ms, place, f" {ms:.0f}", va="center", fontsize=9)
    panels[1].set_xscale("log")
    panels[1].set_title("ms a picture (median, log scale)", loc="left", fontsize=10)
    if labelled:
        iou = next(iter(summary["agreement"]))
        _against(panels[2], [runs[n]["labels"][iou] for n in names], names)
        panels[2].set_title(f"Against the labels, IoU ≥ {iou}", loc="left", fontsize=10)
        panels[2].legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    for axes in panels:
        plain_axes(axes)
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.2)
    save(figure, path)


def _against(axes: Axes, errors: list[Mapping[str, Any]], names: list[str]) -> None:
    left = [0.0] * len(names)
    for key, colour in (("found", BLUE), ("missed", GREY), ("false", ORANGE)):
        values = [one[key] for one in errors]
        axes.barh(names, values, left=left, color=colour, label=key)
        for place, (start, value) in enumerate(zip(left, values, strict=True)):
            if value:
                colour_of = "white" if key == "found" else "black"
                axes.text(
                    start + value / 2, place, str(value),
                    ha="center", va="center", fontsize=9, color=colour_of,
                )  # fmt: skip
        left = [a + b for a, b in zip(left, values, strict=True)]
