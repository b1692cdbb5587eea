"""The finished results of a run: tables, sheets, report and summary."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moodstream.realtime import layout
from moodstream.realtime import summary as summaries
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.crowds import Crowd, crowd
from moodstream.realtime.evaluation.stability import Step, stability
from moodstream.realtime.frames import EMOTIONS, F64, Image
from moodstream.realtime.outputs import finished, write_json
from moodstream.realtime.photos.analyse import judge, scale_of
from moodstream.realtime.photos.bands import Band, bands
from moodstream.realtime.photos.columns import (
    SUMS,
    faces_of,
    matrix,
    photo_row,
    table_of,
)
from moodstream.realtime.photos.contributors import (
    Bin,
    Contributors,
    contributors,
    crops,
    quality_bins,
)
from moodstream.realtime.process import peak_memory_mb
from moodstream.realtime.quality import QualityScale
from moodstream.realtime.schemas import PROBS

if TYPE_CHECKING:
    from moodstream.realtime.photos.run import PhotoRun, Tick


@dataclass(frozen=True)
class Results:
    """Everything about a set of photos, for sheets, report and summary.

    faces: the table of faces.parquet, None with privacy group; photos: that of photos.parquet;
    scale: what quality is measured against; failures: (name, why); targets: what was asked for,
    or the emotion shown most; stability: the curve over the photos, empty with privacy group.
    """

    photos: Any
    faces: Any | None
    scale: QualityScale
    failures: list[tuple[str, str]]
    bands: list[Band]
    bins: list[Bin]
    targets: list[Contributors]
    stability: list[Step]

    def column(self, name: str) -> F64:
        """A column of the photos, (P,) float64, NaN where it is not known."""
        return matrix(self.photos, (name,))[:, 0]

    def mix(self, kind: str) -> F64 | None:
        """Mean (7,) over the photos of their weighted, unweighted or settled distributions."""
        rows = matrix(self.photos, tuple(f"{kind[0]}_{name}" for name in EMOTIONS))
        rows = rows[np.isfinite(rows).all(axis=1)]
        return rows.mean(axis=0) if len(rows) else None


def write_results(run: PhotoRun, tick: Tick) -> dict[str, Any]:
    """Write what is to be written of a run whose photos are all done; returns the summary.

    summary.json comes last: where it is, the rest is complete.
    """
    from moodstream.realtime.photos.report import write_report

    found = gather(run)
    steps = 4 if _shows_faces(run) else 3
    _write_tables(run.folder, found)
    tick("results", 1, steps)
    pictures: dict[int, Image] = {}
    if found.faces is not None and _shows_faces(run):
        pictures = _write_sheets(run, found)
        tick("results", 2, steps)
    summary = _summary(run, found)
    with finished(run.folder / layout.REPORT) as part:
        write_report(run, found, summary, pictures, part)
    tick("results", steps - 1, steps)
    write_json(run.folder / layout.SUMMARY, summary)
    run.parts.remove()
    tick("results", steps, steps)
    return summary


def gather(run: PhotoRun) -> Results:
    """Put the parts of a run together; raises MoodstreamError where no photo could be read."""
    faces, photos = run.parts.tables(run.stamps)
    whys = zip(photos["photo"].to_pylist(), photos["error"].to_pylist(), strict=True)
    failures = [(name, why) for name, why in whys if why is not None]
    photos = photos.filter(photos["error"].is_null()).drop_columns(["error"])
    if not len(photos):
        run.parts.remove()  # so that the same command tries again
        name, why = failures[0]
        raise MoodstreamError(f"none of {len(failures)} photos can be read ({name}: {why})")
    settings = run.settings.photo
    if run.settings.quality == "seed":
        settings = replace(settings, scale=_seed_scale(faces))
        faces, photos = _weighed(faces, photos, settings)
    individuals = run.settings.privacy != "group"
    columns = (photos[n].to_numpy().astype(float) for n in ("faces_used", "entropy", "peak"))
    found = Results(
        photos,
        faces if individuals else None,
        settings.scale,
        failures,
        bands(*columns),
        quality_bins(faces) if individuals else [],
        [],
        stability(_crowds(faces)) if individuals else [],
    )
    return replace(found, targets=_targets(run, found))


def _seed_scale(faces: Any) -> QualityScale:
    side, blur = matrix(faces, ("min_side", "blur")).T
    return scale_of(side, blur)


def _weighed(faces: Any, photos: Any, settings: Any) -> tuple[Any, Any]:
    """The same tables with quality and weights measured against the scale of ``settings``."""
    names = np.array(faces["photo"].to_pylist(), dtype=object)
    quality, weight = np.zeros(len(names)), np.zeros(len(names))
    rows = []
    first = 0  # faces are in the order of the photos
    columns = ("photo", "width", "height", "faces", "text")
    for name, width, height, count, text in zip(
        *(photos[n].to_pylist() for n in columns), strict=True
    ):
        part = slice(first, first + count)
        result = judge(faces_of(faces.slice(first, count)), settings)
        quality[part], weight[part] = result.quality, result.weights
        rows.append(photo_row(name, width, height, result.group, text))
        first += count
    for name, values in (("quality", quality), ("weight", weight)):
        place = faces.schema.get_field_index(name)
        faces = faces.set_column(place, faces.schema.field(place), [values])
    return faces, table_of(rows, tuple(photos.schema.names))


def _crowds(faces: Any) -> list[Crowd]:
    """The faces that count of each photo."""
    columns = matrix(faces, ("weight", *PROBS))
    counts = columns[:, 0] > 0
    names = np.array(faces["photo"].to_pylist(), dtype=object)[counts]
    if not len(names):
        return []
    starts = np.flatnonzero(names[1:] != names[:-1]) + 1
    parts = np.split(columns[counts], starts)
    firsts = [names[0], *names[starts]]
    return [crowd(n, part[:, 1:], part[:, 0]) for n, part in zip(firsts, parts, strict=True)]


def _targets(run: PhotoRun, found: Results) -> list[Contributors]:
    mix = found.mix("weighted")
    if found.faces is None or mix is None:
        return []
    asked = run.settings.targets or (EMOTIONS[int(mix.argmax())],)
    return [contributors(found.faces, emotion) for emotion in asked]


def _shows_faces(run: PhotoRun) -> bool:
    return run.settings.pictures and run.settings.privacy == "off"


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
    from moodstream.realtime.photos.sheets import contributor_sheet, quality_sheet

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
        "by_size": [asdict(band) | {"label": band.label} for band in found.bands],
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
        "versions": summaries.versions(),
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
