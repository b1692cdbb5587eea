"""The charts of the photo report, as the plain data that plotly.js draws."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from moodstream.overlays.palette import hex_of
from moodstream.realtime.analysis.group.reference import STABILITY
from moodstream.realtime.analysis.group.stability import StabilityStep
from moodstream.realtime.arrays import F64
from moodstream.realtime.emotions import EMOTIONS, LN_K
from moodstream.realtime.runs.photos.contributors import Contributors
from moodstream.realtime.runs.photos.size_bins import SizeBin

Chart = dict[str, Any]
_LINE, _SECOND, _GREY = "#0F9E8E", "#D2762B", "#8A93A0"
KINDS = (("group", _LINE), ("weighted", _SECOND), ("unweighted", _GREY))
"""The distributions of a photo, in the order of columns.DISTRIBUTIONS, and the colour of each."""

BIN_COLOURS = (_LINE, _SECOND, _GREY)
SYMBOLS = {
    "x": "✖",
    "diamond": "◆",
    "triangle-up": "▲",
    "circle": "●",
    "triangle-down": "▼",
    "star": "★",
    "square": "■",
}
"""The shape of each mood's points, as plotly and as text name it."""

_HISTOGRAM_BINS = 24
_RIM = {"width": 0.7, "color": "#70787f"}  # so that pale colours show on white


def distribution_chart(distributions: Sequence[F64]) -> Chart:
    """Bars of each emotion's share in the set: the mean distributions (7,) in order of KINDS."""
    data = [
        {
            "type": "bar",
            "x": list(EMOTIONS),
            "y": _rounded(shares),
            "name": kind,
            "marker": {"color": colour},
            "hovertemplate": f"%{{x}}, {kind}: %{{y:.1%}}<extra></extra>",
        }
        for (kind, colour), shares in zip(KINDS, distributions, strict=True)
    ]
    layout = _layout(300, None, "share")
    layout["yaxis"] |= {"tickformat": ".0%", "rangemode": "tozero"}
    layout["xaxis"] |= {"automargin": True}  # on a phone the names are slanted
    return {"data": data, "layout": layout | {"barmode": "group", "bargap": 0.3}}


def entropy_histogram(entropy: F64) -> Chart:
    """How many photos have which entropy."""
    counts, edges = np.histogram(entropy, _HISTOGRAM_BINS, (0, LN_K))
    layout = _layout(320, "entropy (nats)", "photos")
    layout["xaxis"] |= {"range": [0, LN_K]}
    layout["yaxis"] |= _whole(counts.max())
    bars = {
        "type": "bar",
        "x": _rounded((edges[:-1] + edges[1:]) / 2),
        "y": counts.tolist(),
        "marker": {"color": _LINE},
        "hovertemplate": "%{y} photos around %{x:.2f} nats<extra></extra>",
    }
    return {"data": [bars], "layout": layout | {"bargap": 0.06}}


def entropy_and_peak(
    entropy: F64, peak: F64, dominant: Sequence[str], names: Sequence[str]
) -> Chart:
    """One point a photo: entropy against the largest share, in the colour of the dominant mood."""
    data = []
    for place, emotion in enumerate(EMOTIONS):
        rows = [i for i, each in enumerate(dominant) if each == emotion]
        if rows:
            data.append(
                _points(entropy[rows], peak[rows], [names[i] for i in rows], emotion, place)
                | {"hovertemplate": "%{text}<br>%{x:.2f} nats, peak %{y:.0%}"}
            )
    layout = _layout(320, "entropy (nats)", "peak")
    layout["xaxis"] |= {"range": [-0.03, LN_K + 0.03]}
    layout["yaxis"] |= {"range": [0, 1.05], "tickformat": ".0%"}
    return {"data": data, "layout": layout}


def entropy_by_dominant(entropy: F64, dominant: Sequence[str], names: Sequence[str]) -> Chart:
    """The entropies of the photos with each dominant mood: a box, and every photo."""
    data = []
    for emotion in EMOTIONS:
        rows = [i for i, each in enumerate(dominant) if each == emotion]
        if not rows:
            continue
        data.append(
            {
                "type": "box",
                "y": _rounded(entropy[rows]),
                "name": f"{emotion} ({len(rows)})",
                "text": [_safe(names[i]) for i in rows],
                "boxpoints": "all",
                "jitter": 0.5,
                "pointpos": 0,
                "fillcolor": "rgba(128,136,144,.16)",
                "line": {"width": 1.2, "color": _GREY},
                "marker": {"size": 7, "opacity": 0.9, "color": hex_of(emotion), "line": _RIM},
                "hoveron": "points",
                "hovertemplate": "%{text}: %{y:.2f} nats<extra></extra>",
            }
        )
    layout = _layout(320, None, "entropy (nats)")
    layout["yaxis"] |= {"range": [-0.03, LN_K + 0.03]}
    return {"data": data, "layout": layout}


def by_group_size(
    faces: F64, values: F64, names: Sequence[str], bins: Sequence[SizeBin], peak: bool
) -> Chart:
    """Entropy, or the peak, against the faces that count: every photo, and the means of bins."""
    what, form = ("peak", ".0%") if peak else ("entropy (nats)", ".2f")
    filled = [each for each in bins if each.photos]
    means = [each.peak if peak else each.entropy for each in filled]
    points = _points(faces, values, names, None, 3)
    points |= {
        "name": "photos",
        "marker": {"size": 6, "color": _GREY, "opacity": 0.6},
        "hovertemplate": f"%{{text}}: %{{x}} faces, %{{y:{form}}}<extra></extra>",
    }
    middles = [_middle(each, faces) for each in filled]
    line = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": middles,
        "y": means,
        "text": [each.label for each in filled],
        "name": "mean of the size bin",
        "line": {"width": 2, "color": _LINE},
        "marker": {"size": 8, "color": _LINE},
        "hovertemplate": f"%{{text}} faces: mean %{{y:{form}}}<extra></extra>",
    }
    layout = _layout(300, "faces that count", what)
    layout["xaxis"] |= {"rangemode": "tozero", **_whole(float(np.max(faces, initial=0)))}
    layout["yaxis"] |= {"range": [0, 1.05] if peak else [-0.03, LN_K + 0.03], "tickformat": form}
    return {"data": [points, line], "layout": layout}


def stability_chart(steps: Sequence[StabilityStep]) -> Chart:
    """JSD of random samples of a photo's faces to all of them, beside the reference."""
    curves = [
        (kind, [getattr(step, kind) for step in steps], [step.groups for step in steps], colour)
        for kind, colour in KINDS[1:]
    ]
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": [step.faces for step in steps],
            "y": values,
            "customdata": groups,
            "line": {"width": 2, "color": colour},
            "hovertemplate": f"{kind}, %{{x}} faces: %{{y:.4f}} nats, %{{customdata}} photos"
            "<extra></extra>",
        }
        for kind, values, groups, colour in curves
    ]
    reference = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(STABILITY),
        "y": [jsd for jsd, _ in STABILITY.values()],
        "line": {"width": 1.5, "dash": "dot", "color": _SECOND},
        "hovertemplate": "reference, %{x} faces: %{y:.4f} nats<extra></extra>",
    }
    layout = _layout(280, "faces drawn", "JSD to all faces (nats)")
    layout["xaxis"] |= {"rangemode": "tozero"}
    layout["yaxis"] |= {"rangemode": "tozero"}
    return {"data": [*data, reference], "layout": layout}


def quality_histogram(quality: F64, bins: Sequence[str], names: Sequence[str]) -> Chart:
    """How many faces have which quality, stacked by quality bin."""
    edges = np.linspace(0, 1, _HISTOGRAM_BINS + 1)
    data = []
    colours = dict(zip(names, BIN_COLOURS, strict=True))
    for name in names:
        mine = quality[[each == name for each in bins]]
        counts, _ = np.histogram(mine, edges)
        data.append(
            {
                "type": "bar",
                "x": _rounded((edges[:-1] + edges[1:]) / 2),
                "y": counts.tolist(),
                "name": name,
                "marker": {"color": colours[name]},
                "hovertemplate": f"%{{y}} faces of bin {name}, quality %{{x:.2f}}<extra></extra>",
            }
        )
    layout = _layout(240, "quality", "faces") | {"barmode": "stack", "bargap": 0.06}
    layout["xaxis"] |= {"range": [0, 1]}
    layout["yaxis"] |= {"rangemode": "tozero"}
    return {"data": data, "layout": layout}


def contribution_histogram(shown: Contributors) -> Chart:
    """How many faces add how much to an emotion, weighted and unweighted."""
    largest = 100 * max(shown.weighted.max(initial=0), shown.unweighted.max(initial=0), 1e-9)
    edges = np.linspace(0, largest, _HISTOGRAM_BINS + 1)
    data = []
    for kind, colour in KINDS[1:]:
        counts, _ = np.histogram(100 * getattr(shown, kind), edges)
        data.append(
            {
                "type": "bar",
                "x": _rounded((edges[:-1] + edges[1:]) / 2, 6),
                "y": counts.tolist(),
                "name": kind,
                "marker": {"color": colour},
                "hovertemplate": f"%{{y}} faces, {kind}: %{{x:.3f}} points<extra></extra>",
            }
        )
    layout = _layout(220, "percentage points that a face adds", "faces")
    layout["xaxis"] |= {"range": [0, largest]}
    return {"data": data, "layout": layout | {"barmode": "group", "bargap": 0.1}}


def _points(x: F64, y: F64, names: Sequence[str], emotion: str | None, place: int) -> Chart:
    colour = hex_of(emotion) if emotion else _GREY
    return {
        "type": "scatter",
        "mode": "markers",
        "x": _rounded(x),
        "y": _rounded(y),
        "text": [_safe(name) for name in names],
        "name": emotion or "",
        "marker": {"size": 8, "color": colour, "symbol": list(SYMBOLS)[place], "line": _RIM},
    }


def _middle(each: SizeBin, faces: F64) -> float:
    """Where the mean of a size bin is drawn: at the mean size of its photos."""
    return float(faces[(faces >= each.low) & (faces <= each.high)].mean())


def _layout(height: int, x: str | None, y: str) -> Chart:
    title = {"standoff": 8, "font": {"size": 12}}
    return {
        "height": height,
        "margin": {"l": 58, "r": 14, "t": 8, "b": 46 if x else 30},
        "showlegend": False,
        "hovermode": "closest",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 12},
        "xaxis": {
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
            "title": {"text": x or "", **title},
        },
        "yaxis": {"fixedrange": True, "zeroline": False, "title": {"text": y, **title}},
    }


def _whole(largest: float) -> Chart:
    """Axis settings for counts: no ticks between whole numbers."""
    return {"rangemode": "tozero", **({"dtick": 1} if largest <= 8 else {})}


def _safe(name: str) -> str:
    return escape(name, quote=False)  # plotly reads a little HTML in labels


def _rounded(values: F64, digits: int = 4) -> list[float]:
    rounded: list[float] = np.round(values, digits).tolist()
    return rounded
