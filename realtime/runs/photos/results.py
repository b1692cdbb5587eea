"""The finished results of a run: tables, sheets, report and summary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from moodstream.realtime.analysis.group.sample import GroupSample, group_sample
from moodstream.realtime.analysis.group.stability import Step, stability
from moodstream.realtime.analysis.people.quality import QualityScale
from moodstream.realtime.arrays import F64
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.schemas import PROBS
from moodstream.realtime.runs.photos.analyse import judge, scale_of
from moodstream.realtime.runs.photos.columns import faces_of, matrix, photo_row, table_of
from moodstream.realtime.runs.photos.contributors import (
    Bin,
    Contributors,
    contributors,
    quality_bins,
)
from moodstream.realtime.runs.photos.size_bins import SizeBin, size_bins

if TYPE_CHECKING:
    from moodstream.realtime.runs.photos.run import PhotoRun


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
    size_bins: list[SizeBin]
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
    individuals = run.settings.privacy.keeps_individuals
    columns = (photos[n].to_numpy().astype(float) for n in ("faces_used", "entropy", "peak"))
    found = Results(
        photos,
        faces if individuals else None,
        settings.scale,
        failures,
        size_bins(*columns),
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


def _crowds(faces: Any) -> list[GroupSample]:
    """The faces that count of each photo."""
    columns = matrix(faces, ("weight", *PROBS))
    counts = columns[:, 0] > 0
    names = np.array(faces["photo"].to_pylist(), dtype=object)[counts]
    if not len(names):
        return []
    starts = np.flatnonzero(names[1:] != names[:-1]) + 1
    parts = np.split(columns[counts], starts)
    firsts = [names[0], *names[starts]]
    return [group_sample(n, part[:, 1:], part[:, 0]) for n, part in zip(firsts, parts, strict=True)]


def _targets(run: PhotoRun, found: Results) -> list[Contributors]:
    mix = found.mix("weighted")
    if found.faces is None or mix is None:
        return []
    asked = run.settings.targets or (EMOTIONS[int(mix.argmax())],)
    return [contributors(found.faces, emotion) for emotion in asked]
