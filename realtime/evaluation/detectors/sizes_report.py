"""The table of detectors by face size, for the terminal and for report.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moodstream.realtime.evaluation.detectors.face_sizes import IOU, SizeResult
from moodstream.realtime.evaluation.markdown import number, table

_HEAD = ("detector", "px", "faces", "recall", "AP", "false", "ms a picture")


def figures(
    results: Mapping[str, Mapping[str, SizeResult]], size: tuple[int, int]
) -> dict[str, Any]:
    """The figures for metrics.json.

    Args:
        results: By name of the detector and by face size.
        size: Height and width in px of the pictures that were shown.
    """
    return {
        "picture": {"width": size[1], "height": size[0]},
        "detectors": {
            name: {px: _figures(one) for px, one in of_sizes.items()}
            for name, of_sizes in results.items()
        },
    }


def _figures(one: SizeResult) -> dict[str, Any]:
    return {
        "labelled": one.labelled,
        "found": one.found,
        "recall": one.found / one.labelled if one.labelled else float("nan"),
        "false": one.false,
        "average_precision": one.average_precision,
        "ms": one.ms,
        "pictures": one.boards,
    }


def lines(summary: Mapping[str, Any]) -> list[str]:
    """The table for a terminal."""
    rows = [f"{_HEAD[0]:24}" + "".join(f"{name:>14}" for name in _HEAD[1:])]
    rows += [
        f"{row[0]!s:24}" + "".join(f"{cell!s:>14}" for cell in row[1:]) for row in _rows(summary)
    ]
    return [_title(summary), *rows]


def sections(summary: Mapping[str, Any]) -> Iterator[str]:
    """The section of report.md."""
    yield "## By face size"
    yield (
        f"{_title(summary)}. The labelled pictures are shrunk until the smaller side of their "
        f"labelled faces has so many px and laid out on grey; from IoU {IOU:g} on a box is the "
        "face. A face that nobody labelled counts as false."
    )
    yield table(_HEAD, _rows(summary))


def _title(summary: Mapping[str, Any]) -> str:
    picture = summary["picture"]
    return f"By face size, in pictures of {picture['width']}x{picture['height']}"


def _rows(summary: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for name, of_sizes in summary["detectors"].items():
        for px, one in of_sizes.items():
            shares = number(one["recall"]), number(one["average_precision"])
            yield name, px, one["labelled"], *shares, one["false"], f"{one['ms']:.0f}"
