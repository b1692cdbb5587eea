"""The folder of results of `moodstream evaluate pipeline`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime import environment
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.detectors.thumbnails import thumbnail
from moodstream.realtime.evaluation.emotions.metrics import interval
from moodstream.realtime.evaluation.emotions.report import plain
from moodstream.realtime.evaluation.markdown import left_out, network, number, table
from moodstream.realtime.evaluation.pipeline.evaluate import IOU, Evaluation, K
from moodstream.realtime.networks.models import ModelInfo, described
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, write_json

OUTPUTS = (layout.METRICS, layout.METRICS_REPORT, "confusion.png", "mistakes.png")
ROWS, COLUMNS = (*EMOTIONS, "invented"), (*EMOTIONS, "missed")
MAX_MISTAKES = 36
"""Faces on the contact sheet of mistakes."""


def metrics(
    done: Evaluation, info: Mapping[str, ModelInfo], source: str, min_confidence: float
) -> dict[str, Any]:
    """All figures for metrics.json; what is undefined is None."""
    counts = done.confusion
    labelled, detected = int(counts[:K].sum()), int(counts[:K, :K].sum())
    right = int(np.trace(counts[:K, :K]))
    result: dict[str, Any] = plain(
        {
            "mAP": done.mean_average_precision,
            "average_precision": dict(zip(EMOTIONS, done.precision.tolist(), strict=True)),
            "iou": IOU,
            "min_confidence": min_confidence,
            "faces": {
                "labelled": labelled,
                "found": detected,
                "named_right": right,
                "missed": labelled - detected,
                "invented": int(counts[K].sum()),
            },
            "confusion": {"rows": ROWS, "columns": COLUMNS, "counts": counts.tolist()},
            "votes": {name: _vote(n, done.voted) for name, n in done.votes.items()},
            "voted": done.voted,
            "ms": {name: _times(done, name) for name in ("detecting", "reading", "both")},
            "photos": len(done.photos),
            "source": source,
            "models": {part: asdict(one) for part, one in info.items()},
            "skipped": [{"what": what, "why": why} for what, why in done.skipped],
            "versions": environment.versions(),
        }
    )
    return result


def _vote(right: int, voted: int) -> dict[str, Any]:
    share = right / voted if voted else float("nan")
    return {
        "right": right,
        "accuracy": share,
        "interval": interval(share, voted) if voted else None,
    }


def _times(done: Evaluation, name: str) -> dict[str, float]:
    both = name == "both"
    taken = [
        p.detect_seconds * (both or name == "detecting")
        + p.classify_seconds * (both or name == "reading")
        for p in done.photos
    ]
    ms = 1000 * np.array(taken)
    return {"median": float(np.median(ms)), "p95": float(np.percentile(ms, 95))}


def lines(summary: Mapping[str, Any]) -> list[str]:
    """A screen of text."""
    faces, ms = summary["faces"], summary["ms"]
    models = summary["models"]
    printed = [
        f"Networks    {models['detector']['name']}, {described(models['emotion'])}",
        f"Data        {summary['source']}: {summary['photos']} photos, {faces['labelled']} faces "
        "with an emotion",
    ]
    if summary["skipped"]:
        printed.append(f"Left out    {len(summary['skipped'])} ({left_out(summary['skipped'], 3)})")
    printed += [
        "",
        f"mAP                {number(summary['mAP'])}  (at IoU ≥ {IOU:g}, classified right)",
        f"faces detected     {faces['found']} of {faces['labelled']}, {faces['invented']} invented",
        f"classified right   {faces['named_right']} of {faces['found']} detected",
        f"ms a photo         {ms['both']['median']:.0f} median, {ms['both']['p95']:.0f} at the "
        f"95th percentile (faces {ms['detecting']['median']:.0f}, emotions "
        f"{ms['reading']['median']:.0f})",
        "",
        f"group vote, {summary['voted']} photos",
    ]
    printed += [
        f"  {name:26}{number(v['accuracy'])}  ({v['right']} right)"
        for name, v in summary["votes"].items()
    ]
    printed += ["", f"{'emotion':10}{'faces':>7}{'AP':>8}{'recall':>9}{'missed':>8}"]
    for name, (n, recall, missed) in _rows(summary).items():
        ap = number(summary["average_precision"][name])
        printed.append(f"{name:10}{n:>7}{ap:>8}{number(recall):>9}{missed:>8}")
    return printed


def _rows(summary: Mapping[str, Any]) -> dict[str, tuple[int, float | None, int]]:
    """By emotion the labelled faces, the share that was classified right, and the missed ones."""
    counts = np.array(summary["confusion"]["counts"])
    totals = counts.sum(axis=1)
    return {
        name: (
            int(totals[k]),
            float(counts[k, k] / totals[k]) if totals[k] else None,
            int(counts[k, K]),
        )
        for k, name in enumerate(EMOTIONS)
    }


def write(
    folder: Path, summary: Mapping[str, Any], done: Evaluation, pictures: bool = True
) -> None:
    """Write every file of OUTPUTS into a folder that is there, metrics.json last.

    ``pictures`` False leaves out the contact sheet of mistakes, also that of an earlier run.
    """
    from moodstream.realtime.evaluation.emotions import charts

    with finished(folder / "confusion.png") as part:
        charts.confusion_chart(done.confusion, part, ROWS, COLUMNS)
    if pictures:
        with finished(folder / "mistakes.png") as part:
            charts.contact_sheet(*_mistakes(done), part)
    else:
        (folder / "mistakes.png").unlink(missing_ok=True)
    with finished(folder / layout.METRICS_REPORT) as part:
        part.write_text("\n\n".join(_report(summary, pictures)) + "\n", encoding="utf-8")
    write_json(folder / layout.METRICS, summary)


def _mistakes(done: Evaluation) -> tuple[list[tuple[Any, str]], str]:
    """The pictures of the contact sheet, some of each kind of mistake, and its title."""
    kinds = [
        [m for m in done.mistakes if m.predicted is None],
        [m for m in done.mistakes if m.true is None],
        [m for m in done.mistakes if m.true is not None and m.predicted is not None],
    ]
    third = MAX_MISTAKES // 3
    few = [kind[:third] for kind in kinds[:2]]
    shown = [*few[0], *few[1], *kinds[2][: MAX_MISTAKES - sum(map(len, few))]]
    captioned = [
        (
            thumbnail(m.file, m.box),
            f"{m.true or 'no face'} → {m.predicted or 'missed'}"
            + (f"\nconfidence {m.confidence:.0%}" if m.predicted else "\n"),
        )
        for m in shown
    ]
    return captioned, f"{len(shown)} of {len(done.mistakes)} mistakes: true → predicted"


def _report(summary: Mapping[str, Any], pictures: bool) -> Iterator[str]:
    faces, ms = summary["faces"], summary["ms"]
    yield f"# Detection and classification together on `{summary['source']}`"
    yield (
        f"**mAP {number(summary['mAP'])}** over {faces['labelled']} faces in {summary['photos']} "
        f"photos, a face is right where it is detected (IoU ≥ {IOU:g}) and classified "
        "right; the average precision of each emotion that occurs counts alike. A face's score is "
        "the detector's confidence × the probability of the predicted emotion."
    )
    yield (
        f"{faces['found']} faces were detected, {faces['missed']} missed and {faces['invented']} "
        f"invented at confidence {summary['min_confidence']:g}; {faces['named_right']} were "
        "classified right."
    )
    yield "![Confusion matrix](confusion.png)"
    rows = _rows(summary).items()
    yield table(
        ("emotion", "faces", "average precision", "detected and classified right", "missed"),
        ((e, n, number(summary["average_precision"][e]), number(r), m) for e, (n, r, m) in rows),
    )
    yield "## The group's emotion"
    yield (
        f"Of {summary['voted']} photos with labelled emotions; right is what most of a photo's "
        "labelled faces show, any of them where several are as many."
    )
    yield table(
        ("vote", "accuracy", "95 % interval", "right"),
        (
            (name, number(v["accuracy"]), _between(v["interval"]), v["right"])
            for name, v in summary["votes"].items()
        ),
    )
    yield "## Time"
    yield table(
        ("ms a photo", "median", "95th percentile"),
        ((name, f"{t['median']:.0f}", f"{t['p95']:.0f}") for name, t in ms.items()),
    )
    if pictures:
        yield "## Mistakes"
        yield "![Mistakes](mistakes.png)"
    yield "## Networks and versions"
    yield _sources(summary)


def _sources(summary: Mapping[str, Any]) -> str:
    entries = [f"- {network(one)}" for one in summary["models"].values()]
    entries.append("- " + ", ".join(f"{name} {v}" for name, v in summary["versions"].items()))
    if summary["skipped"]:
        entries.append(f"- Left out: {len(summary['skipped'])} ({left_out(summary['skipped'])})")
    return "\n".join(entries)


def _between(bounds: tuple[float, float] | None) -> str:
    return "–" if bounds is None else f"{bounds[0]:.3f}–{bounds[1]:.3f}"
