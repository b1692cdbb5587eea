"""The folder of results of `moodstream evaluate detectors`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime import environment
from moodstream.realtime.evaluation.detectors import comparison
from moodstream.realtime.evaluation.detectors.candidates import Missing
from moodstream.realtime.evaluation.detectors.comparison import IOUS, Comparison, Errors, Run
from moodstream.realtime.evaluation.detectors.thumbnails import thumbnail
from moodstream.realtime.evaluation.emotions.report import plain
from moodstream.realtime.evaluation.markdown import left_out, number, table
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, write_json

OUTPUTS = (layout.METRICS, layout.METRICS_REPORT, "detectors.png", "false_positives.png")
SHOWN = 36
PER_DETECTOR = 12


def metrics(done: Comparison, missing: Sequence[Missing], source: str) -> dict[str, Any]:
    """All figures for metrics.json; what is undefined is None."""
    labelled = [truth for truth in done.labels if truth is not None]
    found: dict[str, Any] = plain(
        {
            "detectors": {run.name: _run(done, run) for run in done.runs},
            "missing": {one.name: one.how for one in missing},
            "agreement": {f"{iou:g}": _agreement(done, iou) for iou in IOUS},
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
    return found


def _run(done: Comparison, run: Run) -> dict[str, Any]:
    milliseconds = 1000 * np.array(run.seconds)
    labelled = any(truth is not None for truth in done.labels)
    return {
        "about": run.about,
        "faces": sum(map(len, comparison.counted(run, done.min_confidence))),
        "usable": comparison.usable(run, done.min_confidence),
        "ms": {"median": float(np.median(milliseconds)), "most": float(milliseconds.max())},
        "labels": {f"{iou:g}": _errors(comparison.errors(done, run, iou)) for iou in IOUS}
        if labelled
        else None,
    }


def _errors(errors: Errors) -> dict[str, Any]:
    return {
        "found": errors.right,
        "missed": errors.labelled - errors.right,
        "false": len(errors.false),
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


def lines(found: Mapping[str, Any]) -> list[str]:
    """A screen of text: every detector, and those that are missing."""
    data = found["data"]
    told = [
        f"Data        {data['source']}: {data['pictures']} pictures, {data['labelled_faces']} "
        f"labelled faces in {data['labelled_pictures']} of them",
    ]
    if found["skipped"]:
        told.append(f"Left out    {len(found['skipped'])} ({left_out(found['skipped'], 3)})")
    told += ["", f"{'detector':16}{'faces':>7}{'usable':>8}{'ms/picture':>12}"]
    told += [
        f"{name:16}{one['faces']:>7}{one['usable']:>8}{one['ms']['median']:>12.0f}"
        for name, one in found["detectors"].items()
    ]
    if data["labelled_faces"]:
        for iou in found["agreement"]:
            told += ["", *_against(found, iou)]
    told += ["", "missing"]
    told += [f"{name:16}{how}" for name, how in found["missing"].items()]
    return told if found["missing"] else told[:-2]


def _against(found: Mapping[str, Any], iou: str) -> list[str]:
    head = ("recall", "precision", "AP", "mean IoU", "missed", "false")
    told = [f"{f'IoU ≥ {iou}':16}" + "".join(f"{name:>10}" for name in head)]
    for name, one in found["detectors"].items():
        e = one["labels"][iou]
        shares = [number(e[k]) for k in ("recall", "precision", "average_precision", "mean_iou")]
        cells = [*shares, e["missed"], e["false"]]
        told.append(f"{name:16}" + "".join(f"{cell!s:>10}" for cell in cells))
    return told


def write(folder: Path, found: Mapping[str, Any], done: Comparison, pictures: bool = True) -> None:
    """Write every file of OUTPUTS into a folder that is there, metrics.json last.

    ``pictures`` False leaves out the sheet of false positives, also that of an earlier run.
    """
    from moodstream.realtime.evaluation.detectors import charts
    from moodstream.realtime.evaluation.emotions.charts import sheet_chart

    with finished(folder / "detectors.png") as part:
        charts.detectors_chart(found, part)
    shown = pictures and bool(found["data"]["labelled_faces"])
    if shown:
        tiles = _false_positives(done)
        title = (
            f"Found where no face is labelled (IoU < {min(IOUS):g}), the most confident first"
            if tiles
            else "No false positives"
        )
        with finished(folder / "false_positives.png") as part:
            sheet_chart(tiles, title, part)
    else:
        (folder / "false_positives.png").unlink(missing_ok=True)
    with finished(folder / layout.METRICS_REPORT) as part:
        part.write_text("\n\n".join(_report(found, shown)) + "\n", encoding="utf-8")
    write_json(folder / layout.METRICS, found)


def _false_positives(done: Comparison) -> list[tuple[Any, str]]:
    """The sheet's pictures: of every detector at most PER_DETECTOR."""
    tiles = []
    for run in done.runs:
        for file, box, score in comparison.false_faces(done, run, min(IOUS))[:PER_DETECTOR]:
            tiles.append((thumbnail(file, box), f"{run.name}, {score:.2f}\n{file.name[:22]}"))
    return tiles[:SHOWN]


def _report(found: Mapping[str, Any], pictures: bool) -> Iterator[str]:
    data = found["data"]
    yield f"# Face detectors on `{data['source']}`"
    yield (
        f"{data['pictures']} pictures, {data['labelled_faces']} labelled faces in "
        f"{data['labelled_pictures']} of them. A face counts from confidence "
        f"{found['min_confidence']:g} on; *usable* is the seed's: at least "
        f"{comparison.USABLE_SIDE:g} px and a Laplacian variance of {comparison.USABLE_BLUR:g}. Times "
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
            for name, one in found["detectors"].items()
        ),
    )
    for iou, between in found["agreement"].items():
        if data["labelled_faces"]:
            yield f"## Against the labels, IoU ≥ {iou}"
            yield _labels_table(found, iou)
        yield f"## Faces that two detectors both found, IoU ≥ {iou}"
        yield table(("", *between), ([a, *row.values()] for a, row in between.items()))
    if pictures:
        yield "## False positives"
        yield "A face that nobody labelled counts as false too: look at them."
        yield "![False positives](false_positives.png)"
    if found["missing"]:
        yield "## Missing"
        yield table(("detector", "how to get it"), found["missing"].items())
    yield "## What was read, and by what"
    told = ["- " + ", ".join(f"{name} {v}" for name, v in found["versions"].items())]
    if found["skipped"]:
        told.append(f"- Left out: {len(found['skipped'])} ({left_out(found['skipped'])})")
    yield "\n".join(told)


def _labels_table(found: Mapping[str, Any], iou: str) -> str:
    rows = []
    for name, one in found["detectors"].items():
        e = one["labels"][iou]
        shares = [number(e[k]) for k in ("recall", "precision", "average_precision", "mean_iou")]
        rows.append([name, e["found"], e["missed"], e["false"], *shares])
    head = ("detector", "found", "missed", "false", "recall", "precision", "AP", "mean IoU")
    return table(head, rows) + (
        f"\n\nAP is over all faces from confidence {comparison.LOWEST:g} on; the mean IoU is that of "
        "the faces found."
    )
