"""The results of a finished run, written."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from moodstream.realtime import environment
from moodstream.realtime.analysis.group.stability import StabilityStep
from moodstream.realtime.arrays import F64, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.environment import peak_memory_mb
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, write_json
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.runs.photos.columns import DISTRIBUTIONS
from moodstream.realtime.runs.photos.contributors import Contributors, crops
from moodstream.realtime.runs.photos.files import Photo
from moodstream.realtime.runs.photos.finished_run import FinishedRun
from moodstream.realtime.runs.photos.report import write_report
from moodstream.realtime.runs.photos.results import Results, gather
from moodstream.realtime.runs.photos.schemas import (
    EntropySpread,
    PhotoCounts,
    PhotosSpeed,
    PhotosSummary,
    StabilityEntry,
    TargetEntry,
)


def write_results(run: FinishedRun, on_progress: ProgressCallback) -> PhotosSummary:
    """Write all results of a run whose photos are all analysed.

    summary.json comes last: where it is, the rest is complete.

    Raises:
        MoodstreamError: No photo could be read.
    """
    results = gather(run)
    steps = 4 if run.settings.shows_faces else 3
    _write_tables(run.folder, results)
    on_progress("results", 1, steps)
    pictures: dict[int, Image] = {}
    if results.faces is not None and run.settings.shows_faces:
        pictures = _write_contact_sheets(run.folder, run.photos, results)
        on_progress("results", 2, steps)
    summary = summarize(run, results)
    with finished(run.folder / layout.REPORT) as part:
        write_report(results, run.settings, run.folder, summary, pictures, part)
    on_progress("results", steps - 1, steps)
    write_json(run.folder / layout.SUMMARY, summary)
    run.checkpoint.remove()
    on_progress("results", steps, steps)
    return summary


def _write_tables(folder: Path, results: Results) -> None:
    import pyarrow.parquet as pq

    if results.faces is not None:
        with finished(folder / layout.FACES) as part:
            pq.write_table(results.faces, part)
    with finished(folder / layout.PHOTOS) as part:
        pq.write_table(results.photos, part)
    with (
        finished(folder / layout.FAILURES) as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([("photo", "reason"), *results.failures])


def _write_contact_sheets(
    folder: Path, photos: Sequence[Photo], results: Results
) -> dict[int, Image]:
    """The contact sheets of faces; returns the faces on them by their row."""
    # imports matplotlib
    from moodstream.realtime.runs.photos.contact_sheets import contributor_sheet, quality_sheet

    rows = [row for kind in results.quality_bins for row in kind.rows]
    for each in results.targets:
        rows += [row for top in each.top.values() for row, _ in top]
    pictures = crops(results.faces, rows, {photo.name: photo.path for photo in photos})
    if not rows:
        return pictures
    with finished(folder / layout.QUALITY_SHEET) as part:
        quality_sheet(results.quality_bins, results.faces, pictures, part)
    for each in results.targets:
        with finished(folder / layout.contributors_sheet(each.emotion)) as part:
            contributor_sheet(each, results.faces, pictures, part)
    return pictures


def summarize(run: FinishedRun, results: Results) -> PhotosSummary:
    """The summary of a run, as in summary.json."""
    entropy = results.column("entropy")
    return {
        "source": _source(run.photos),
        "counts": _counts(results, run.settings.text),
        "mix": {kind: _by_emotion(results.distribution(kind)) for kind in DISTRIBUTIONS},
        "entropy": _spread(entropy[np.isfinite(entropy)]),
        "by_size": [each.entry() for each in results.size_bins],
        "stability": [_stability_entry(step) for step in results.stability],
        "bins": {
            kind.name: {"faces": kind.count, "share": kind.share} for kind in results.quality_bins
        },
        "targets": {each.emotion: _target(each) for each in results.targets},
        "quality": {
            "kind": run.settings.quality,
            "side": results.scale.side,
            "blur": results.scale.blur,
        },
        "settings": asdict(run.settings),
        "models": run.models.as_dict(),
        "notice": run.models.fallback_reason,
        "speed": _speed(run),
        "versions": environment.versions(),
    }


def _counts(results: Results, with_text: bool) -> PhotoCounts:
    faces = results.column("faces")
    counts: PhotoCounts = {
        "photos": len(results.photos),
        "failed": len(results.failures),
        "without_faces": int((faces == 0).sum()),
        "with_figures": int(np.isfinite(results.column("entropy")).sum()),
        "faces": int(faces.sum()),
        "faces_used": int(results.column("faces_used").sum()),
    }
    if with_text:
        counts["with_text"] = sum(map(bool, results.photos["text"].to_pylist()))
    return counts


def _speed(run: FinishedRun) -> PhotosSpeed:
    return {
        "photos_read": run.photos_read,
        "wall_seconds": round(run.seconds, 3),
        "seconds_per_photo": round(run.seconds / run.photos_read, 4) if run.photos_read else None,
        "peak_memory_mb": peak_memory_mb(),
    }


def _source(photos: Sequence[Photo]) -> str:
    """What the results are of, in a few words."""
    first = photos[0]
    if len(photos) == 1:
        return first.name
    root: Sequence[str] = first.path.parts[: -len(Path(first.name).parts)]
    return root[-1] if len(root) > 1 else "all photos"


def _by_emotion(shares: F64 | None) -> dict[str, float] | None:
    return None if shares is None else dict(zip(EMOTIONS, shares.tolist(), strict=True))


def _spread(values: F64) -> EntropySpread | None:
    if not len(values):
        return None
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(values.mean()), "sd": sd, "max": float(values.max())}


def _stability_entry(step: StabilityStep) -> StabilityEntry:
    errors = [None if math.isnan(e) else e for e in (step.weighted_error, step.unweighted_error)]
    return {
        "faces": step.faces,
        "groups": step.groups,
        "weighted": step.weighted,
        "unweighted": step.unweighted,
        "weighted_error": errors[0],
        "unweighted_error": errors[1],
    }


def _target(each: Contributors) -> TargetEntry:
    return {
        "weighted": float(each.weighted.sum()),
        "unweighted": float(each.unweighted.sum()),
        "faces": len(each.rows),
    }
