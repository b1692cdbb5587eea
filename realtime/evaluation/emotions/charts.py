"""Charts of an evaluation as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moodstream.realtime.arrays import I64, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.emotions.calibrate import Reliability
from moodstream.realtime.evaluation.emotions.metrics import ClassShares
from moodstream.realtime.outputs.report.figures import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    new_figure,
    plain_axes,
    save,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_LABEL = "smaller side of the face"
_BLUR_LABEL = "sigma of the blur, as a share of the face's side"


def confusion_chart(
    counts: I64, path: Path, rows: Sequence[str] = EMOTIONS, columns: Sequence[str] = EMOTIONS
) -> None:
    """The confusion matrix: shaded by the share of each row, with the counts.

    Args:
        counts: (R, C) faces.
        path: The PNG file to write.
        rows: The names of the true classes.
        columns: The names of the predicted ones.
    """
    figure = new_figure(7.6, 6.6)
    axes = figure.add_subplot()
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        share, count = shares[row, column], counts[row, column]
        axes.text(
            column,
            row,
            f"{share:.0%}\n{count}" if count else "0",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if share > 0.5 else INK if count else GREY,
        )
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(
        range(len(rows)),
        [f"{name} ({n})" for name, n in zip(rows, totals[:, 0], strict=True)],
    )
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (faces)")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("What each true emotion was predicted as: share of its row, and faces")
    save(figure, path)


def reliability_chart(before: Reliability, after: Reliability, path: Path) -> None:
    """Confidence against accuracy before and after calibration, with the faces in each bin."""
    figure = new_figure(6.6, 7.2)
    main, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    main.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--", label="confidence = accuracy")
    kinds = [(before, "uncalibrated", ORANGE, "s"), (after, "calibrated", BLUE, "o")]
    if np.array_equal(before.confidence, after.confidence, equal_nan=True):
        kinds = [(after, "as it runs, without a temperature", BLUE, "o")]
    middles = (after.edges[:-1] + after.edges[1:]) / 2
    wide = (after.edges[1] - after.edges[0]) * 0.84 / len(kinds)
    for place, (part, name, colour, marker) in enumerate(kinds):
        filled = part.counts > 0
        x, y, n = part.confidence[filled], part.accuracy[filled], part.counts[filled]
        main.plot(x, y, color=colour, lw=1.6, alpha=0.8)
        # the area says how many faces a point stands for; those at 1.0 are not cut off
        area, label = 12 + 150 * n / n.max(), f"{name}: ECE {part.ece:.3f}"
        main.scatter(x, y, area, colour, marker=marker, label=label, clip_on=False, zorder=3)
        below.bar(middles + (place - (len(kinds) - 1) / 2) * wide, part.counts, wide, color=colour)
    main.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    main.set_title("How often a prediction is right, by its confidence", pad=14)
    main.legend(loc="upper left", frameon=False, markerscale=0.7)
    below.set(xlabel="confidence (highest probability)", ylabel="faces")
    for axes in (main, below):
        plain_axes(axes)
    save(figure, path)


def class_shares_chart(shares: ClassShares, path: Path, axis: str = "share of faces") -> None:
    """How often each emotion is true and predicted; ``axis`` names what the shares are of."""
    figure = new_figure(7.6, 4.4)
    axes = figure.add_subplot()
    places, wide = np.arange(len(EMOTIONS)), 0.38
    axes.bar(places - wide / 2, shares.true, wide, color=GREY, label="true")
    axes.bar(places + wide / 2, shares.predicted, wide, color=BLUE, label="predicted")
    for place in places:
        ratio = shares.ratio[place]
        top = max(shares.true[place], shares.predicted[place])
        label = "never true" if np.isnan(ratio) else f"×{ratio:.2f}"
        _label(axes, label, float(place), float(top), True, INK)
    axes.set_xticks(places, EMOTIONS)
    axes.margins(y=0.12)
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:.0%}")
    axes.set_ylabel(axis)
    axes.set_title("How often each emotion is true and predicted (×: predicted / true)")
    figure.legend(frameon=False, ncols=2, loc="outside lower center")
    plain_axes(axes)
    save(figure, path)


def size_chart(
    sizes: Sequence[tuple[str, Mapping[str, float]]],
    blurs: Sequence[tuple[str, Mapping[str, float]]],
    path: Path,
) -> None:
    """Two figures in [0, 1] by face size and by blur, each in the order given.

    Args:
        sizes: A label and the figures by their names, the same two each time.
        blurs: The same.
        path: The PNG file to write.
    """
    figure = new_figure(9.4, 4.4)
    parts = [(t, s) for t, s in ((_SIZE_LABEL, sizes), (_BLUR_LABEL, blurs)) if s]
    widths = [len(steps) for _, steps in parts]
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False, width_ratios=widths)[0]
    for axes, (title, steps) in zip(panels, parts, strict=True):
        places = range(len(steps))
        first, second = steps[0][1]
        plain, other = ([figures[name] for _, figures in steps] for name in (first, second))
        axes.plot(places, plain, color=BLUE, marker="o", label=first)
        axes.plot(places, other, color=ORANGE, marker="s", ls="--", label=second)
        for place, one, two in zip(places, plain, other, strict=True):
            _label(axes, f"{one:.2f}", place, one, one >= two, BLUE)
            _label(axes, f"{two:.2f}", place, two, two > one, ORANGE)
        axes.set_xticks(places, [label for label, _ in steps])
        axes.set(xlabel=title, ylim=(0, 1.1), xlim=(-0.4, len(steps) - 0.6))
        axes.set_yticks(np.linspace(0, 1, 6))
        plain_axes(axes)
    panels[0].set_ylabel("share of faces" if "accuracy" in sizes[0][1] else "")
    panels[0].legend(frameon=False, loc="best")
    figure.suptitle("The same faces made smaller and blurred", fontsize=12)
    save(figure, path)


def mistakes_chart(
    mistakes: Sequence[tuple[Image, str, str, float]], path: Path, voted: bool = False
) -> None:
    """A contact sheet of mistakes.

    Args:
        mistakes: Picture (BGR), true and predicted emotion, its probability.
        path: The PNG file to write.
        voted: Whether the emotions are told with their shares of the raters.
    """
    title = f"The {len(mistakes)} most confident mistakes: true → predicted"
    if voted:
        title += ", with the raters' shares"
    captioned = [
        (image, f"{true} → {predicted}\nconfidence {confidence:.0%}")
        for image, true, predicted, confidence in mistakes
    ]
    contact_sheet(captioned, title if mistakes else "No mistakes", path)


def contact_sheet(
    captioned: Sequence[tuple[Image, str]], title: str, path: Path, columns: int = 6
) -> None:
    """A contact sheet of pictures (BGR), each under a line or two of text."""
    rows = max(1, -(-len(captioned) // columns))
    figure = new_figure(1.75 * columns, 2.2 * rows + 0.6)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, (image, text) in zip(panels, captioned, strict=False):
        axes.imshow(image[..., ::-1], interpolation="nearest")
        axes.set_title(text, fontsize=10)
    figure.suptitle(title, fontsize=12)
    save(figure, path)


def _label(axes: Axes, text: str, x: float, y: float, above: bool, colour: str) -> None:
    """A figure above or below a point, on white so that no line runs through it."""
    axes.annotate(
        text,
        (x, y),
        (0, 7 if above else -7),
        textcoords="offset points",
        ha="center",
        va="bottom" if above else "top",
        fontsize=9,
        color=colour,
        bbox={"boxstyle": "square,pad=0.1", "color": "white"},
    )
