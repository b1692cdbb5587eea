"""Charts of stability and entropy as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moodstream.realtime.analysis.group.diversity import DiversityRow, GroupDiversity
from moodstream.realtime.analysis.group.reference import ENTROPY, STABILITY
from moodstream.realtime.analysis.group.stability import StabilityStep
from moodstream.realtime.emotions import EMOTIONS, LN_K
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


def stability_chart(steps: Sequence[StabilityStep], path: Path) -> None:
    """The divergence of k faces to their whole group, beside the reference."""
    figure = new_figure(7.6, 4.8)
    axes = figure.add_subplot()
    faces = [step.faces for step in steps]
    kinds = (("weighted", BLUE, "o", "-"), ("unweighted", ORANGE, "s", "--"))
    for name, colour, marker, line in kinds:
        divergences = [getattr(step, name) for step in steps]
        errors = np.nan_to_num([getattr(step, f"{name}_error") for step in steps])
        axes.errorbar(
            faces,
            divergences,
            errors,
            color=colour,
            marker=marker,
            ls=line,
            ms=5,
            capsize=2,
            label=name,
        )
    known = [(k, divergences) for k, (divergences, _) in STABILITY.items()]
    axes.plot(*zip(*known, strict=True), color=GREY, marker="^", ls=":", label="reference")
    axes.set(xlabel="faces drawn of the group", ylabel="JSD to the whole group (nats)")
    axes.set_xticks(range(2, 21, 2))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.set_title("How far some of a group's faces are from all of them", loc="left")
    plain_axes(axes)
    save(figure, path)


def entropy_chart(groups: GroupDiversity, path: Path) -> None:
    """The entropies: how often each occurs, against the peak, and by dominant emotion."""
    figure = new_figure(12.6, 4.2)
    left, middle, right = figure.subplots(1, 3, width_ratios=(3, 3, 4))
    left.hist(groups.entropy, np.linspace(0, LN_K, 25), color=BLUE)
    left.axvline(groups.entropy.mean(), color=INK, ls="--", lw=1)
    left.set(xlabel="entropy (nats)", ylabel="groups", xlim=(0, LN_K))
    left.set_title(f"Mean {groups.entropy.mean():.3f} (dashed)", loc="left", fontsize=10)
    alpha = float(np.clip(200 / len(groups), 0.05, 0.8))
    middle.scatter(groups.entropy, groups.peak, 12, BLUE, alpha=alpha, lw=0)
    middle.set(xlabel="entropy (nats)", ylabel="peak (largest share)", xlim=(0, LN_K), ylim=(0, 1))
    middle.set_title("Each point is a group", loc="left", fontsize=10)
    present = [k for k in range(len(EMOTIONS)) if (groups.dominant == k).any()]
    right.boxplot(
        [groups.entropy[groups.dominant == k] for k in present],
        tick_labels=[f"{EMOTIONS[k]}\n{(groups.dominant == k).sum()}" for k in present],
        flierprops={"ms": 3, "alpha": 0.4, "markeredgecolor": GREY},
        medianprops={"color": BLUE, "lw": 2},
    )
    right.set(ylabel="entropy (nats)", ylim=(0, LN_K))
    right.set_title("By dominant emotion (groups)", loc="left", fontsize=10)
    for axes in (left, middle, right):
        plain_axes(axes)
    save(figure, path)


def group_size_chart(rows: Mapping[tuple[int, int], DiversityRow], path: Path) -> None:
    """Entropy and peak by the number of faces, beside the reference."""
    figure = new_figure(9.6, 4.2)
    left, right = figure.subplots(1, 2)
    size_bins = list(rows)
    reference = [ENTROPY[size_bin] for size_bin in size_bins]
    ours = [(rows[size_bin].entropy, rows[size_bin].entropy_sd) for size_bin in size_bins]
    _bars(left, [o[0] for o in ours], [o[1] for o in ours], BLUE, -1, "these groups")
    _bars(left, [r[0] for r in reference], [r[1] for r in reference], GREY, 1, "reference")
    _bars(right, [rows[size_bin].peak for size_bin in size_bins], None, BLUE, -1, "these groups")
    _bars(right, [r[2] for r in reference], None, GREY, 1, "reference")
    if all(np.isfinite(rows[size_bin].true_entropy) for size_bin in size_bins):
        true = [rows[size_bin].true_entropy for size_bin in size_bins]
        left.scatter(
            range(len(size_bins)), true, 30, INK, marker="D", label="of the labels", zorder=3
        )
    left.set(ylabel="entropy (nats), ± standard deviation")
    right.set(ylabel="peak (largest share)", ylim=(0, 1))
    for axes in (left, right):
        labels = [f"{low}–{high}\n{rows[low, high].groups}" for low, high in size_bins]
        axes.set_xticks(range(len(size_bins)), labels)
        axes.set_xlabel("faces in the group (and groups)")
        plain_axes(axes)
    left.set_ylim(0, LN_K)
    figure.legend(
        *left.get_legend_handles_labels(), frameon=False, ncols=3, loc="outside upper right"
    )
    left.set_title("Entropy by group size", loc="left", fontsize=10)
    right.set_title("Peak by group size", loc="left", fontsize=10)
    save(figure, path)


def _bars(axes: Axes, values: Any, errors: Any, colour: str, side: int, label: str) -> None:
    wide = 0.38
    places = np.arange(len(values)) + side * wide / 2
    shown = None if errors is None else np.nan_to_num(errors)
    axes.bar(places, values, wide, yerr=shown, color=colour, label=label, ecolor=INK, capsize=2)
