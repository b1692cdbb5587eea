"""The results of a finished run, written."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime import environment
from moodstream.realtime.arrays import F64, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.environment import peak_memory_mb
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, write_json
from moodstream.realtime.runs.photos.columns import SUMS
from moodstream.realtime.runs.photos.contributors import Contributors, crops
from moodstream.realtime.runs.photos.results import Results, gather
from moodstream.realtime.runs.photos.run import PhotoRun
from moodstream.realtime.runs.photos.settings import Tick


def write_results(run: PhotoRun, on_progress: Tick) -> dict[str, Any]:
    """Write what is to be written of a run whose photos are all done; returns the summary.

    summary.json comes last: where it is, the rest is complete.
    """
    from moodstream.realtime.runs.photos.report import write_report

    found = gather(run)
    steps = 4 if _shows_faces(run) else 3
    _write_tables(run.folder, found)
    on_progress("results", 1, steps)
    pictures: dict[int, Image] = {}
    if found.faces is not None and _shows_faces(run):
        pictures = _write_sheets(run, found)
        on_progress("results", 2, steps)
    summary = _summary(run, found)
    with finished(run.folder / layout.REPORT) as part:
        write_report(run, found, summary, pictures, part)
    on_progress("results", steps - 1, steps)
    write_json(run.folder / layout.SUMMARY, summary)
    run.parts.remove()
    on_progress("results", steps, steps)
    return summary


def _shows_faces(run: PhotoRun) -> bool:
    return run.settings.pictures and not run.settings.privacy.hides_faces


def _write_tables(folder: Path, found: Results) -> None:
    import pyarrow.parquet as pq

    if found.faces is not None:
        with finished(folder / layout.FACES) as part:
            pq.write_table(found.faces, part)
    with finished(folder / layout.PHOTOS) as part:
        pq.write_table(found.photos, part)
    with (
        finished(folder / layout.FAILURES) as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([("photo", "reason"), *found.failures])


def _write_sheets(run: PhotoRun, found: Results) -> dict[int, Image]:
    """The sheets of faces; returns the faces on them by their row."""
    from moodstream.realtime.runs.photos.contact_sheets import contributor_sheet, quality_sheet

    rows = [row for kind in found.bins for row in kind.rows]
    for each in found.targets:
        rows += [row for top in each.top.values() for row, _ in top]
    pictures = crops(found.faces, rows, {photo.name: photo.path for photo in run.photos})
    if not rows:
        return pictures
    with finished(run.folder / layout.QUALITY_SHEET) as part:
        quality_sheet(found.bins, found.faces, pictures, part)
    for each in found.targets:
        with finished(run.folder / layout.contributors_sheet(each.emotion)) as part:
            contributor_sheet(each, found.faces, pictures, part)
    return pictures


def _summary(run: PhotoRun, found: Results) -> dict[str, Any]:
    entropy = found.column("entropy")
    known = entropy[np.isfinite(entropy)]
    faces = found.column("faces")
    counts = {
        "photos": len(found.photos),
        "failed": len(found.failures),
        "without_faces": int((faces == 0).sum()),
        "with_figures": len(known),
        "faces": int(faces.sum()),
        "faces_used": int(found.column("faces_used").sum()),
    }
    if run.settings.text:
        counts["with_text"] = sum(map(bool, found.photos["text"].to_pylist()))
    return {
        "source": _source(run),
        "counts": counts,
        "mix": {kind: _by_emotion(found.mix(kind)) for kind in SUMS},
        "entropy": _spread(known),
        "by_size": [asdict(band) | {"label": band.label} for band in found.size_bins],
        "stability": [asdict(step) for step in found.stability],
        "bins": {kind.name: {"faces": kind.count, "share": kind.share} for kind in found.bins},
        "targets": {each.emotion: _target(each) for each in found.targets},
        "quality": {"kind": run.settings.quality, **asdict(found.scale)},
        "settings": asdict(run.settings),
        "models": run.models.as_dict(),
        "notice": run.models.notice,
        "speed": {
            "photos_read": run.read_now,
            "wall_seconds": round(run.seconds, 3),
            "seconds_per_photo": round(run.seconds / run.read_now, 4) if run.read_now else None,
            "peak_memory_mb": peak_memory_mb(),
        },
        "versions": environment.versions(),
    }


def _source(run: PhotoRun) -> str:
    """What the results are of, in a few words."""
    first = run.photos[0]
    if len(run.photos) == 1:
        return first.name
    root: Sequence[str] = first.path.parts[: -len(Path(first.name).parts)]
    return f"{root[-1] if len(root) > 1 else 'all photos'}"


def _by_emotion(mix: F64 | None) -> dict[str, float] | None:
    return None if mix is None else dict(zip(EMOTIONS, mix.tolist(), strict=True))


def _spread(values: F64) -> dict[str, float] | None:
    if not len(values):
        return None
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return {"mean": float(values.mean()), "sd": sd, "max": float(values.max())}


def _target(each: Contributors) -> dict[str, float]:
    return {
        "weighted": float(each.weighted.sum()),
        "unweighted": float(each.unweighted.sum()),
        "faces": len(each.rows),
    }
