"""All figures of a finished run, for contact sheets, report and summary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from moodstream.realtime.analysis.group.sample import GroupSample, group_sample
from moodstream.realtime.analysis.group.stability import StabilityStep, stability
from moodstream.realtime.analysis.people.quality import QualityScale
from moodstream.realtime.arrays import F64
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.schemas import PROBS
from moodstream.realtime.runs.photos.analyse import PhotoSettings, aggregate, dataset_scale
from moodstream.realtime.runs.photos.columns import (
    distribution_columns,
    faces_of,
    matrix,
    photo_row,
    table_of,
)
from moodstream.realtime.runs.photos.contributors import (
    Contributors,
    QualityBin,
    contributors,
    summarize_bins,
)
from moodstream.realtime.runs.photos.finished_run import FinishedRun
from moodstream.realtime.runs.photos.settings import PhotoRunSettings
from moodstream.realtime.runs.photos.size_bins import SizeBin, size_bins


@dataclass(frozen=True)
class Results:
    """All figures of a set of photos.

    Attributes:
        photos: The Arrow table of photos.parquet.
        faces: That of faces.parquet, None with privacy group.
        scale: What quality is measured against.
        failures: Photos that could not be read, as (name, reason).
        size_bins: Entropy and peak by group size.
        quality_bins: The faces by quality, empty with privacy group.
        targets: Who contributes to the emotions asked for, or to the one shown most.
        stability: The stability curve over the photos, empty with privacy group.
    """

    photos: Any
    faces: Any | None
    scale: QualityScale
    failures: list[tuple[str, str]]
    size_bins: list[SizeBin]
    quality_bins: list[QualityBin]
    targets: list[Contributors]
    stability: list[StabilityStep]

    def column(self, name: str) -> F64:
        """A column of the photos, (P,) float64, NaN where it is not known."""
        return matrix(self.photos, (name,))[:, 0]

    def distribution(self, kind: str) -> F64 | None:
        """The mean (7,) over the photos of one of their DISTRIBUTIONS, None without any."""
        return mean_distribution(self.photos, kind)


def mean_distribution(photos: Any, kind: str) -> F64 | None:
    """The mean (7,) of a kind of DISTRIBUTIONS over a table of photos, None without any."""
    rows = matrix(photos, distribution_columns(kind))
    rows = rows[np.isfinite(rows).all(axis=1)]
    return rows.mean(axis=0) if len(rows) else None


def gather(run: FinishedRun) -> Results:
    """Put the batches of a run together.

    Raises:
        MoodstreamError: No photo could be read.
    """
    faces, photos = run.checkpoint.tables(run.file_states)
    reasons = zip(photos["photo"].to_pylist(), photos["error"].to_pylist(), strict=True)
    failures = [(name, reason) for name, reason in reasons if reason is not None]
    photos = photos.filter(photos["error"].is_null()).drop_columns(["error"])
    if not len(photos):
        run.checkpoint.remove()  # so that the same command tries again
        name, reason = failures[0]
        raise MoodstreamError(f"none of {len(failures)} photos can be read ({name}: {reason})")
    settings = run.settings.photo
    if run.settings.quality == "dataset":
        side, blur = matrix(faces, ("min_side", "blur")).T
        settings = replace(settings, scale=dataset_scale(side, blur))
        faces, photos = _reweighted(faces, photos, settings)
    individuals = run.settings.privacy.keeps_individuals
    columns = (photos[n].to_numpy().astype(float) for n in ("faces_used", "entropy", "peak"))
    return Results(
        photos=photos,
        faces=faces if individuals else None,
        scale=settings.scale,
        failures=failures,
        size_bins=size_bins(*columns),
        quality_bins=summarize_bins(faces) if individuals else [],
        targets=_targets(faces, photos, run.settings) if individuals else [],
        stability=stability(_group_samples(faces)) if individuals else [],
    )


def _reweighted(faces: Any, photos: Any, settings: PhotoSettings) -> tuple[Any, Any]:
    """The same tables with quality and weights measured against the scale of ``settings``."""
    names = np.array(faces["photo"].to_pylist(), dtype=object)
    quality, weight = np.zeros(len(names)), np.zeros(len(names))
    rows = []
    first = 0  # faces are in the order of the photos
    columns = ("photo", "width", "height", "faces", "text")
    for name, width, height, count, text in zip(
        *(photos[n].to_pylist() for n in columns), strict=True
    ):
        of_photo = slice(first, first + count)
        result = aggregate(faces_of(faces.slice(first, count)), settings)
        quality[of_photo], weight[of_photo] = result.quality, result.weights
        rows.append(photo_row(name, width, height, result.group, text))
        first += count
    for name, values in (("quality", quality), ("weight", weight)):
        place = faces.schema.get_field_index(name)
        faces = faces.set_column(place, faces.schema.field(place), [values])
    return faces, table_of(rows, tuple(photos.schema.names))


def _group_samples(faces: Any) -> list[GroupSample]:
    """The faces that count of each photo."""
    columns = matrix(faces, ("weight", *PROBS))
    counts = columns[:, 0] > 0
    names = np.array(faces["photo"].to_pylist(), dtype=object)[counts]
    if not len(names):
        return []
    starts = np.flatnonzero(names[1:] != names[:-1]) + 1
    chunks = np.split(columns[counts], starts)
    firsts = [names[0], *names[starts]]
    return [
        group_sample(n, each[:, 1:], each[:, 0]) for n, each in zip(firsts, chunks, strict=True)
    ]


def _targets(faces: Any, photos: Any, settings: PhotoRunSettings) -> list[Contributors]:
    shares = mean_distribution(photos, "probs")
    if shares is None:
        return []
    asked = settings.targets or (EMOTIONS[int(shares.argmax())],)
    return [contributors(faces, emotion) for emotion in asked]
