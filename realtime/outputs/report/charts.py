"""The charts of the report, as the plain data that plotly.js draws."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.overlays.palette import hex_of, line_colour
from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.outputs.report.data import Lanes, Timeline
from moodstream.realtime.outputs.schemas import ShiftEvent

Chart = dict[str, Any]
_ALPHA = (0.35, 0.55, 0.78, 1.0)  # of the quarters of quality
_NAMED_SHIFTS = 4
_MARKED_SHIFTS = 200
_DAY_MS = 86_400_000
_GROUP_HEIGHT_PX = 360
_BAND_ALPHA = 0.25
_MARGIN = {"l": 46, "r": 26, "t": 8, "b": 30}


def group_chart(line: Timeline, shifts: Sequence[ShiftEvent], span: tuple[float, float]) -> Chart:
    """Stacked area of the group distribution, with the mood shifts marked above it."""
    t, probs, rows = _with_gaps(line.t, line.probs)
    x = _ms(t)
    data: list[Chart] = []
    for k, name in enumerate(EMOTIONS):
        data.append(
            {
                "type": "scatter",
                "x": x,
                "y": _rounded(probs[:, k]),
                "customdata": _ends(line, k, rows),
                "name": name,
                "mode": "lines",
                "stackgroup": "mood",
                "line": {"width": 0, "color": hex_of(name)},
                "fillcolor": hex_of(name),
                "hovertemplate": "%{y:.0%}%{customdata}",
            }
        )
    if shifts:
        data.append(_shift_marks(shifts))
    layout = _layout(span, _GROUP_HEIGHT_PX, shifts)
    layout["yaxis"] |= {
        "range": [0, 1.14],
        "tickvals": [0, 0.25, 0.5, 0.75, 1],
        "tickformat": ".0%",
    }
    return {"data": data, "layout": layout}


def interval_chart(
    line: Timeline, shifts: Sequence[ShiftEvent], span: tuple[float, float]
) -> Chart:
    """The share of each mood with a band from end to end of its 90 % interval.

    Those that lead are shown, the others once they are chosen in the legend.
    """
    x, leading = _ms(line.t), line.leading()
    bands, lines = [], []
    for k, name in enumerate(EMOTIONS):
        colour = hex_of(name)
        both = {
            "type": "scatter",
            "mode": "lines",
            "legendgroup": name,
            "visible": True if name in leading else "legendonly",
        }
        outline = _outline(line.t, line.lower[:, k], line.upper[:, k])
        bands.append(
            both
            | outline
            | {
                "fill": "toself",
                "fillcolor": _rgba(colour, _BAND_ALPHA),
                "line": {"width": 0},
                "showlegend": False,
                "hoverinfo": "skip",
            }
        )
        lines.append(
            both
            | {
                "x": x,
                "y": _rounded(line.probs[:, k]),
                "customdata": _ends(line, k, np.arange(len(line))),
                "name": name,
                "connectgaps": False,
                "line": {"width": 2.5, "color": line_colour(name)},
                "hovertemplate": "%{y:.0%}%{customdata}",
            }
        )
    layout = _layout(span, 320, shifts)
    layout |= {
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "margin": _MARGIN | {"t": 36},
    }
    layout["yaxis"] |= {
        "range": [0, 1.02],
        "tickvals": [0, 0.25, 0.5, 0.75, 1],
        "tickformat": ".0%",
    }
    return {"data": [*bands, *lines], "layout": layout}


def _outline(t: F64, lower: F64, upper: F64) -> Chart:
    """Round each stretch of known intervals: there along the upper ends, back along the lower."""
    x: list[int | None] = []
    y: list[float | None] = []
    for a, b in _stretches(~np.isnan(lower)):
        x += [*_ms(np.r_[t[a:b], t[a:b][::-1]]), None]
        y += [*_rounded(np.r_[upper[a:b], lower[a:b][::-1]]), None]
    return {"x": x[:-1], "y": y[:-1]}


def _ends(line: Timeline, k: int, rows: I64) -> list[str]:
    """The interval of mood ``k`` in words for each of these rows, empty where it is not known."""
    ends = np.stack([line.lower[rows, k], line.upper[rows, k]], 1)
    return ["" if low != low else f" ({100 * low:.0f} to {100 * high:.0f})" for low, high in ends]


def _shift_marks(shifts: Sequence[ShiftEvent]) -> Chart:
    named = sorted(range(len(shifts)), key=lambda i: -shifts[i]["size"])[:_NAMED_SHIFTS]
    # plotly reads a little HTML in labels
    labels = [escape(f"{s['from']} → {s['to']}", quote=False) for s in shifts]
    return {
        "type": "scatter",
        "x": _ms([s["t"] for s in shifts]),
        "y": [1.03] * len(shifts),
        "mode": "markers+text",
        "text": [text if i in named else "" for i, text in enumerate(labels)],
        "customdata": labels,
        "textposition": "top center",
        "cliponaxis": False,
        "marker": {"symbol": "triangle-down", "size": 9, "color": "#808890"},
        "name": "mood shift",
        "hovertemplate": "%{customdata}",
    }


def context_chart(line: Timeline, shifts: Sequence[ShiftEvent], span: tuple[float, float]) -> Chart:
    """Diversity, where it is known at all, above people and effective people, on one time axis."""
    x = _ms(line.t)
    curve = {"type": "scatter", "x": x, "mode": "lines", "connectgaps": False}
    data: list[Chart] = [
        curve
        | {
            "y": _rounded(line.people),
            "name": "people",
            "yaxis": "y2",
            "line": {"width": 2, "color": "#8A93A0", "shape": "hv"},
            "hovertemplate": "%{y:.3~g}",
        },
        curve
        | {
            "y": _rounded(line.effective_people),
            "name": "effective people",
            "yaxis": "y2",
            "line": {"width": 2, "color": "#D2762B"},
            "hovertemplate": "%{y:.1f}",
        },
    ]
    diversity = curve | {
        "y": _rounded(line.entropy_share),
        "customdata": _rounded(line.entropy),
        "name": "diversity",
        "line": {"width": 2, "color": "#0F9E8E"},
        "hovertemplate": "%{y:.0%} of the largest possible (%{customdata:.2f} nats)",
    }
    layout = _layout(span, 280 if line.diverse else 170, shifts)
    layout["xaxis"] |= {"anchor": "y2"}
    layout["yaxis"] |= {
        "domain": [0.56, 1],
        "range": [0, 1.02],
        "tickvals": [0, 0.5, 1],
        "tickformat": ".0%",
    }
    layout["yaxis2"] = _people_axis(line, 0.44 if line.diverse else 1.0)
    if not line.diverse:
        del layout["yaxis"]
    return {"data": [diversity, *data] if line.diverse else data, "layout": layout}


def _people_axis(line: Timeline, height: float) -> Chart:
    """The axis of people, on the lowest ``height`` of the chart."""
    top = np.nanmax(line.people) if len(line) and not np.isnan(line.people).all() else 0
    return {
        "domain": [0, height],
        "range": [0, 1.1 * max(1.0, float(top))],
        "nticks": 4,
        "tickformat": "~s" if top >= 4 else ".0f",
        "dtick": None if top >= 4 else 1,
        "fixedrange": True,
        "anchor": "x",
    }


def affect_chart(line: Timeline, shifts: Sequence[ShiftEvent], span: tuple[float, float]) -> Chart:
    """Valence and arousal of the group, from -1 to 1."""
    curves = (
        ("valence", line.valence, "#4C7DE0", "solid"),
        ("arousal", line.arousal, "#D2762B", "dash"),
    )
    data: list[Chart] = [
        {
            "type": "scatter",
            "x": _ms(line.t),
            "y": _rounded(values),
            "name": name,
            "mode": "lines",
            "connectgaps": False,
            "line": {"width": 2, "color": colour, "dash": dash},
            "hovertemplate": "%{y:+.2f}",
        }
        for name, values, colour, dash in curves
    ]
    layout = _layout(span, 240, shifts)
    layout["yaxis"] |= {
        "range": [-1.04, 1.04],
        "tickvals": [-1, -0.5, 0, 0.5, 1],
        "ticktext": ["−1", "−0.5", "0", "+0.5", "+1"],
        "zeroline": True,
    }
    return {"data": data, "layout": layout}


def lanes_chart(people: Lanes, span: tuple[float, float]) -> Chart:
    """One lane per person, coloured by the mood shown and paler where quality is low."""
    quarters = len(_ALPHA)
    codes: list[list[int | None]] = []
    texts: list[list[str]] = []
    for lane in people.lanes:
        known = ~np.isnan(lane.probs[:, 0])
        mood = np.where(known[:, None], lane.probs, 0).argmax(1)
        level = np.clip(np.nan_to_num(lane.quality) * quarters, 0, quarters - 1).astype(int)
        cells = list(zip(known.tolist(), mood.tolist(), level.tolist(), strict=True))
        codes.append([m * quarters + q if k else None for k, m, q in cells])
        texts.append(
            [
                f"{EMOTIONS[m]} · quality {v:.1f}" if k else ""
                for (k, m, _), v in zip(cells, lane.quality.tolist(), strict=True)
            ]
        )
    colours = [_rgba(hex_of(name), alpha) for name in EMOTIONS for alpha in _ALPHA]
    n, names = len(colours), [lane.name for lane in people.lanes]
    heat = {
        "type": "heatmap",
        "x": _ms(people.edges),
        "y": list(range(len(names))),
        "z": codes,
        "text": texts,
        "zmin": -0.5,
        "zmax": n - 0.5,
        "colorscale": [
            pair for i, c in enumerate(colours) for pair in ([i / n, c], [(i + 1) / n, c])
        ],
        "showscale": False,
        "hoverongaps": False,
        "ygap": 3,
        "hovertemplate": "%{x}<br>%{text}<extra></extra>",
    }
    layout = _layout(span, 46 + 22 * len(names), ())
    layout["margin"] = _MARGIN | {"l": 20 + 6 * max(map(len, names))}
    layout["hovermode"] = "closest"
    layout["yaxis"] |= {
        "tickvals": list(range(len(names))),
        "ticktext": names,
        "ticks": "",
        "range": [len(names) - 0.5, -0.5],
        "showgrid": False,
        "zeroline": False,
    }
    return {"data": [heat], "layout": layout}


def _layout(span: tuple[float, float], height: int, shifts: Sequence[ShiftEvent]) -> Chart:
    long = span[1] >= 3600
    clock = "%-H:%M:%S" if long else "%-M:%S"
    return {
        "height": height,
        "margin": _MARGIN,
        "showlegend": False,
        "hovermode": "x unified",
        "dragmode": "zoom",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "inherit", "size": 12},
        "xaxis": {
            "type": "date",
            "range": _ms(span),
            "tickformatstops": [
                {"dtickrange": [None, 999], "value": clock + ".%1f"},
                {"dtickrange": [1000, None], "value": clock},
            ],
            "hoverformat": clock + ".%1f",
            "nticks": 8,
            "showgrid": False,
            "ticks": "outside",
            "ticklen": 6,
            "tickcolor": "rgba(0,0,0,0)",
        },
        "yaxis": {"fixedrange": True, "zeroline": False},
        "shapes": [
            {
                "type": "line",
                "xref": "x",
                "yref": "paper",
                "x0": x,
                "x1": x,
                "y0": 0,
                "y1": 0.9 if height == _GROUP_HEIGHT_PX else 1,
                "line": {"width": 1, "dash": "dot", "color": "#808890"},
            }
            for x in _ms([s["t"] for s in shifts][:_MARKED_SHIFTS])
        ],
    }


def _with_gaps(t: F64, probs: F64) -> tuple[F64, F64, I64]:
    """Stretches of known rows, widened by half a step and closed with zeros at both ends.

    plotly stacks a missing value as if it were 0 and slopes towards it.

    Returns:
        Times, probabilities, and the row of ``probs`` that each belongs to.
    """
    half = float(np.median(np.diff(t))) / 2 if len(t) > 1 else ROW_INTERVAL_S / 2
    times: list[F64] = [np.zeros(0)]
    rows: list[I64] = [np.zeros(0, np.int64)]
    closing: list[int] = []
    for a, b in _stretches(np.asarray(~np.isnan(probs).any(1))):
        start, end = max(0.0, t[a] - half), t[b - 1] + half
        times.append(np.r_[start, start, t[a:b], end, end])
        rows.append(np.r_[a, a, a:b, b - 1, b - 1])
        last = sum(map(len, rows))
        closing += [last - (b - a) - 4, last - 1]
    index = np.concatenate(rows)
    values = probs[index]
    values[closing] = 0
    return np.concatenate(times), values, index


def _stretches(known: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First row of each stretch of known ones, and the one after its last."""
    edges = np.flatnonzero(np.diff(np.r_[False, known, False])).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _ms(seconds: npt.ArrayLike) -> list[int]:
    """Times for a date axis, so that its ticks show a clock at every zoom.

    They start on a later day than the epoch's: plotly takes a number of four digits for a year.
    """
    ms = np.rint(np.asarray(seconds, np.float64) * 1000).astype(np.int64)
    shifted: list[int] = (ms + _DAY_MS).tolist()
    return shifted


def _rounded(values: F64) -> list[float | None]:
    return [None if v != v else v for v in np.round(values, 4).tolist()]


def _rgba(colour: str, alpha: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
