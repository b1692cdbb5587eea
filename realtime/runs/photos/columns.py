"""The tables of faces and photos: their Arrow schemas, and rows in both directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, cast, get_args, get_type_hints

import numpy as np

from moodstream.realtime.arrays import F64
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.outputs.schemas import BOX, INTERVALS, PROBS
from moodstream.realtime.runs.photos.analyse import PhotoGroup, PhotoResult
from moodstream.realtime.runs.photos.faces import PhotoFaces
from moodstream.realtime.runs.photos.schemas import FaceRow, PhotoRow

LANDMARKS = tuple(
    f"{part}_{axis}"
    for part in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    for axis in "xy"
)
"""The columns of a face's five landmarks in px."""

FACE_COLUMNS = tuple(FaceRow.__annotations__)
PHOTO_COLUMNS = tuple(PhotoRow.__annotations__)

DISTRIBUTIONS = ("probs", "weighted", "unweighted")
"""The distributions of a photo by their names in PhotoGroup and summary.json.

Their columns in photos.parquet begin with the first letter of the name: p_, w_ and u_.
"""


class CheckpointRow(PhotoRow):
    """The row of a photo while its run is not finished.

    Attributes:
        error: Why it could not be read, or None.
        file_state: The ``Photo.file_state`` that it was analysed in.
    """

    error: str | None
    file_state: str


def schema(columns: Sequence[str]) -> Any:
    """The Arrow schema of some of these columns."""
    import pyarrow as pa

    kinds = {str: pa.string(), int: pa.int32(), float: pa.float64()}
    hints = get_type_hints(FaceRow) | get_type_hints(CheckpointRow)
    return pa.schema([(name, kinds[_without_none(hints[name])]) for name in columns])


def _without_none(hint: Any) -> Any:
    """``float`` of ``float | None``."""
    return next((each for each in get_args(hint) if each is not NoneType), hint)


def table_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """An Arrow table of rows; NaN is null."""
    import pyarrow as pa

    data = {name: pa.array([row.get(name) for row in rows], from_pandas=True) for name in columns}
    return pa.table(data).cast(schema(columns)) if rows else schema(columns).empty_table()


def face_rows(name: str, result: PhotoResult) -> list[FaceRow]:
    """One row for each face of a photo, numbered from 1."""
    faces, rows = result.faces, []
    landmarks = faces.landmarks
    points = np.full((len(faces), 5, 2), np.nan) if landmarks is None else landmarks
    bins = faces.bin_names
    for i in range(len(faces)):
        probs = faces.probs[i]
        classified = bool(np.isfinite(probs).all())
        row: dict[str, Any] = {
            "photo": name,
            "face": i + 1,
            "detector_score": float(faces.scores[i]),
            "min_side": float(faces.min_side[i]),
            "blur": float(faces.blur[i]),
            "bin": bins[i],
            "quality": float(result.quality[i]),
            "weight": float(result.weights[i]),
            "label": EMOTIONS[int(probs.argmax())] if classified else None,
            "confidence": float(probs.max()) if classified else None,
        }
        row |= dict(zip(BOX, faces.boxes[i].tolist(), strict=True))
        row |= dict(zip(LANDMARKS, points[i].ravel().tolist(), strict=True))
        row |= dict(zip(PROBS, probs.tolist(), strict=True))
        rows.append(cast(FaceRow, row | dict(zip(EXTRAS, faces.extras[i].tolist(), strict=True))))
    return rows


def photo_row(
    name: str, width: int, height: int, group: PhotoGroup, text: str | None = None
) -> PhotoRow:
    """The row of a photo; what is not known is None.

    Args:
        name: Of the photo in all results.
        width: In px.
        height: In px.
        group: What may be shown of the group in it.
        text: The words in it, "" without any, None where none were looked for.
    """
    row: dict[str, Any] = {
        "photo": name,
        "width": width,
        "height": height,
        "faces": group.faces,
        "faces_used": group.faces_used,
        "effective_people": group.effective_people,
        "dominant": group.dominant,
        "peak": group.peak,
        "entropy": group.entropy,
        "entropy_share": group.entropy_share,
        "text": text,
    }
    for key in DISTRIBUTIONS:
        probs = getattr(group, key)
        shares = [None] * len(EMOTIONS) if probs is None else probs.tolist()
        row |= dict(zip(distribution_columns(key), shares, strict=True))
    ends = [None] * len(INTERVALS) if group.interval is None else group.interval.ravel().tolist()
    return cast(PhotoRow, row | dict(zip(INTERVALS, ends, strict=True)))


def peak_interval(row: Mapping[str, Any]) -> tuple[float, float] | None:
    """The 90 % interval of the largest share of a photo from its row, None if not known."""
    ends = row[f"lo_{row['dominant']}"], row[f"hi_{row['dominant']}"]
    return None if None in ends else ends


def distribution_columns(key: str) -> tuple[str, ...]:
    """The columns of a distribution in photos.parquet, by its key of DISTRIBUTIONS."""
    return tuple(f"{key[0]}_{name}" for name in EMOTIONS)


def matrix(table: Any, names: Sequence[str]) -> F64:
    """Columns of an Arrow table as (N, len(names)) float64, null as NaN."""
    values = [table[n].to_numpy(zero_copy_only=False).astype(np.float64) for n in names]
    return np.stack(values, axis=1) if len(table) else np.zeros((0, len(names)))


def faces_of(table: Any) -> PhotoFaces:
    """The faces of one photo from their rows in faces.parquet."""
    points = matrix(table, LANDMARKS).reshape(-1, 5, 2).astype(np.float32)
    boxes = matrix(table, BOX).astype(np.float32)
    side, blur, score = matrix(table, ("min_side", "blur", "detector_score")).T
    return PhotoFaces(
        boxes,
        score.astype(np.float32),
        None if np.isnan(points).all() else points,
        side,
        blur,
        matrix(table, PROBS).astype(np.float32),
        matrix(table, EXTRAS).astype(np.float32),
        boxes,
    )
