"""The folder of results of `moodstream evaluate detectors`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime import environment
from moodstream.realtime.analysis.people.quality import USABLE_BLUR_SCORE, USABLE_SIDE_PX
from moodstream.realtime.evaluation.detectors import comparison, sizes_report
from moodstream.realtime.evaluation.detectors.candidates import Missing
from moodstream.realtime.evaluation.detectors.comparison import (
    IOUS,
    Comparison,
    DetectionErrors,
    DetectorRun,
)
from moodstream.realtime.evaluation.detectors.thumbnails import thumbnail
from moodstream.realtime.evaluation.emotions.report import plain
from moodstream.realtime.evaluation.markdown import left_out, number, table
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, write_json

OUTPUTS = (layout.METRICS, layout.METRICS_REPORT, "detectors.png", "false_positives.png")
MAX_FALSE_POSITIVES = 36
"""Faces on the contact sheet of false positives."""

MAX_PER_DETECTOR = 12
"""Of those, of one detector."""


def metrics(
    done: Comparison,
    missing: Sequence[Missing],
    source: str,
    face_sizes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All figures for metrics.json; what is undefined is None.

    Args:
        done: The comparison.
        missing: The detectors that could not run.
        source: Name of the data.
        face_sizes: The figures by face size, if there are any.
    """
    labelled = [truth for truth in done.labels if truth is not None]
    summary: dict[str, Any] = plain(
        {
            "detectors": {run.name: _run(done, run) for run in done.runs},
            "missing": {one.name: one.how for one in missing},
            "agreement": {f"{iou:g}": _agreement(done, iou) for iou in IOUS},
            "face_sizes": face_sizes,
            "min_confidence": done.min_confidence,
            "data": {
                "source": source,
                "pictures": len(done.files),
                "labelled_pictures": len(labelled),
                "labelled_faces": sum(int((~truth.ignored).sum()) for truth in labelled),
            },
            "skipped": [{"what": what, "why": why} for what, why in done.skipped],
            "versions": environment.versions(),
        }
    )
    return summary


def _run(done: Comparison, run: DetectorRun) -> dict[str, Any]:
    milliseconds = 1000 * np.array(run.seconds)
    labelled = any(truth is not None for truth in done.labels)
    return {
        "about": run.about,
        "faces": sum(map(len, comparison.above_confidence(run, done.min_confidence))),
        "usable": comparison.usable(run, done.min_confidence),
        "ms": {"median": float(np.median(milliseconds)), "most": float(milliseconds.max())},
        "labels": {f"{iou:g}": _errors(comparison.errors(done, run, iou)) for iou in IOUS}
        if labelled
        else None,
    }


def _errors(errors: DetectionErrors) -> dict[str, Any]:
    return {
        "found": errors.true_positives,
        "missed": errors.labelled - errors.true_positives,
        "false": len(errors.false_positives),
        "precision": errors.precision,
        "recall": errors.recall,
        "average_precision": errors.average_precision,
        "mean_iou": errors.mean_iou,
    }


def _agreement(done: Comparison, iou: float) -> dict[str, dict[str, int]]:
    return {
        a.name: {b.name: comparison.agreement(a, b, done.min_confidence, iou) for b in done.runs}
        for a in done.runs
    }


def lines(summary: Mapping[str, Any]) -> list[str]:
    """A screen of text: every detector, and those that are missing."""
    data = summary["data"]
    printed = [
        f"Data        {data['source']}: {data['pictures']} pictures, {data['labelled_faces']} "
        f"labelled faces in {data['labelled_pictures']} of them",
    ]
    if summary["skipped"]:
        printed.append(f"Left out    {len(summary['skipped'])} ({left_out(summary['skipped'], 3)})")
    printed += ["", f"{'detector':16}{'faces':>7}{'usable':>8}{'ms/picture':>12}"]
    printed += [
        f"{name:16}{one['faces']:>7}{one['usable']:>8}{one['ms']['median']:>12.0f}"
        for name, one in summary["detectors"].items()
    ]
    if data["labelled_faces"]:
        for iou in summary["agreement"]:
            printed += ["", *_against(summary, iou)]
    if summary["face_sizes"]:
        printed += ["", *sizes_report.lines(summary["face_sizes"])]
    printed += ["", "missing"]
    printed += [f"{name:16}{how}" for name, how in summary["missing"].items()]
    return printed if summary["missing"] else printed[:-2]


def _against(summary: Mapping[str, Any], iou: str) -> list[str]:
    head = ("recall", "precision", "AP", "mean IoU", "missed", "false")
    printed = [f"{f'IoU ≥ {iou}':16}" + "".join(f"{name:>10}" for name in head)]
    for name, one in summary["detectors"].items():
        e = one["labels"][iou]
        shares = [number(e[k]) for k in ("recall", "precision", "average_precision", "mean_iou")]
        cells = [*shares, e["missed"], e["false"]]
        printed.append(f"{name:16}" + "".join(f"{cell!s:>10}" for cell in cells))
    return printed


def write(
    folder: Path, summary: Mapping[str, Any], done: Comparison, pictures: bool = True
) -> None:
    """Write every file of OUTPUTS into a folder that is there, metrics.json last.

    ``pictures`` False leaves out the contact sheet of false positives, also that of an earlier run.
    """
    from moodstream.realtime.evaluation.detectors import charts
    from moodstream.realtime.evaluation.emotions.charts import contact_sheet

    with finished(folder / "detectors.png") as part:
        charts.detectors_chart(summary, part)
    shown = pictures and bool(summary["data"]["labelled_faces"])
    if shown:
        captioned = _false_positives(done)
        title = (
            f"Detected where no face is labelled (IoU < {min(IOUS):g}), the most confident first"
            if captioned
            else "No false positives"
        )
        with finished(folder / "false_positives.png") as part:
            contact_sheet(captioned, title, part)
    else:
        (folder / "false_positives.png").unlink(missing_ok=True)
    with finished(folder / layout.METRICS_REPORT) as part:
        part.write_text("\n\n".join(_report(summary, shown)) + "\n", encoding="utf-8")
    write_json(folder / layout.METRICS, summary)


def _false_positives(done: Comparison) -> list[tuple[Any, str]]:
    """The pictures of the contact sheet: of every detector at most MAX_PER_DETECTOR."""
    captioned = []
    for run in done.runs:
        for file, box, score in comparison.false_faces(done, run, min(IOUS))[:MAX_PER_DETECTOR]:
            captioned.append((thumbnail(file, box), f"{run.name}, {score:.2f}\n{file.name[:22]}"))
    return captioned[:MAX_FALSE_POSITIVES]


def _report(summary: Mapping[str, Any], pictures: bool) -> Iterator[str]:
    data = summary["data"]
    yield f"# Face detectors on `{data['source']}`"
    yield (
        f"{data['pictures']} pictures, {data['labelled_faces']} labelled faces in "
        f"{data['labelled_pictures']} of them. A face counts from confidence "
        f"{summary['min_confidence']:g} on; *usable* is one of at least "
        f"{USABLE_SIDE_PX:g} px and a Laplacian variance of {USABLE_BLUR_SCORE:g}. Times "
        "are wall clock, one picture at a time, without the first."
    )
    yield "![Detectors](detectors.png)"
    yield table(
        ("detector", "faces", "usable", "ms a picture (median)", "most", "what ran"),
        (
            (
                name,
                one["faces"],
                one["usable"],
                f"{one['ms']['median']:.0f}",
                f"{one['ms']['most']:.0f}",
                one["about"],
            )
            for name, one in summary["detectors"].items()
        ),
    )
    for iou, between in summary["agreement"].items():
        if data["labelled_faces"]:
            yield f"## Against the labels, IoU ≥ {iou}"
            yield _labels_table(summary, iou)
        yield f"## Faces that two detectors both detected, IoU ≥ {iou}"
        yield table(("", *between), ([a, *row.values()] for a, row in between.items()))
    if summary["face_sizes"]:
        yield from sizes_report.sections(summary["face_sizes"])
    if pictures:
        yield "## False positives"
        yield "A face that nobody labelled counts as false, too: check them by eye."
        yield "![False positives](false_positives.png)"
    if summary["missing"]:
        yield "## Missing"
        yield table(("detector", "how to get it"), summary["missing"].items())
    yield "## Software"
    printed = ["- " + ", ".join(f"{name} {v}" for name, v in summary["versions"].items())]
    if summary["skipped"]:
        printed.append(f"- Left out: {len(summary['skipped'])} ({left_out(summary['skipped'])})")
    yield "\n".join(printed)


def _labels_table(summary: Mapping[str, Any], iou: str) -> str:
    rows = []
    for name, one in summary["detectors"].items():
        e = one["labels"][iou]
        shares = [number(e[k]) for k in ("recall", "precision", "average_precision", "mean_iou")]
        rows.append([name, e["found"], e["missed"], e["false"], *shares])
    head = ("detector", "found", "missed", "false", "recall", "precision", "AP", "mean IoU")
    return table(head, rows) + (
        f"\n\nAP is over all faces from confidence {comparison.AP_MIN_CONFIDENCE:g} on; the mean "
        "IoU is that of the labelled faces that were detected."
    )
