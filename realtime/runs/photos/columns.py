"""The columns of faces.parquet and photos.parquet."""

from __future__ import annotations

from typing import Any

import numpy as np

from moodstream.realtime.arrays import F64
from moodstream.realtime.emotions import EMOTIONS, EXTRAS
from moodstream.realtime.outputs.schemas import BOX, PROBS
from moodstream.realtime.runs.photos.analyse import PhotoGroup, PhotoResult
from moodstream.realtime.runs.photos.faces import BINS, PhotoFaces

_MARKS = tuple(
    f"{part}_{axis}"
    for part in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
    for axis in "xy"
)
SUMS = ("weighted", "unweighted", "settled")
"""The three distributions of a photo; their columns begin with w_, u_ and s_."""

FACE_COLUMNS = (
    "photo",
    "face",
    *BOX,
    *_MARKS,
    "detector_score",
    "min_side",
    "blur",
    "bin",
    "quality",
    "weight",
    "label",
    "confidence",
    *PROBS,
    *EXTRAS,
)
PHOTO_COLUMNS = (
    "photo",
    "width",
    "height",
    "faces",
    "faces_used",
    "effective_people",
    "dominant",
    "peak",
    "entropy",
    "entropy_share",
    *(f"{kind[0]}_{name}" for kind in SUMS for name in EMOTIONS),
    "text",
)
_WORDS = ("photo", "bin", "label", "dominant", "text", "error", "stamp")
_COUNTS = ("face", "width", "height", "faces", "faces_used")


def schema(columns: tuple[str, ...]) -> Any:
    """The Arrow schema of some of these columns."""
    import pyarrow as pa

    kinds = dict.fromkeys(_WORDS, pa.string()) | dict.fromkeys(_COUNTS, pa.int32())
    return pa.schema([(name, kinds.get(name, pa.float64())) for name in columns])


def table_of(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Any:
    """An Arrow table of rows; NaN is null."""
    import pyarrow as pa

    data = {name: pa.array([row.get(name) for row in rows], from_pandas=True) for name in columns}
    return pa.table(data).cast(schema(columns)) if rows else schema(columns).empty_table()


def face_rows(name: str, result: PhotoResult) -> list[dict[str, Any]]:
    """One row for each face of a photo, numbered from 1."""
    faces, rows = result.faces, []
    marks = np.full((len(faces), 5, 2), np.nan) if faces.landmarks is None else faces.landmarks
    for i, kind in enumerate(faces.bins.tolist()):
        probs = faces.probs[i]
        read = bool(np.isfinite(probs).all())
        row: dict[str, Any] = {
            "photo": name,
            "face": i + 1,
            "detector_score": float(faces.scores[i]),
            "min_side": float(faces.min_side[i]),
            "blur": float(faces.blur[i]),
            "bin": BINS[kind],
            "quality": float(result.quality[i]),
            "weight": float(result.weights[i]),
            "label": EMOTIONS[int(probs.argmax())] if read else None,
            "confidence": float(probs.max()) if read else None,
        }
        row |= dict(zip(BOX, faces.boxes[i].tolist(), strict=True))
        row |= dict(zip(_MARKS, marks[i].ravel().tolist(), strict=True))
        row |= dict(zip(PROBS, probs.tolist(), strict=True))
        rows.append(row | dict(zip(EXTRAS, faces.extras[i].tolist(), strict=True)))
    return rows


def photo_row(
    name: str, width: int, height: int, group: PhotoGroup, text: str | None = None
) -> dict[str, Any]:
    """The row of a photo; what is not known is None. ``text``: "" where there is none to read."""
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
    for kind in SUMS:
        probs = getattr(group, kind)
        if probs is not None:
            row |= {f"{kind[0]}_{n}": float(v) for n, v in zip(EMOTIONS, probs, strict=True)}
    return row


def matrix(table: Any, names: tuple[str, ...]) -> F64:
    """Columns of an Arrow table as (N, len(names)) float64, null as NaN."""
    values = [table[n].to_numpy(zero_copy_only=False).astype(np.float64) for n in names]
    return np.stack(values, axis=1) if len(table) else np.zeros((0, len(names)))


def faces_of(table: Any) -> PhotoFaces:
    """The faces of one photo from their rows in faces.parquet."""
    marks = matrix(table, _MARKS).reshape(-1, 5, 2).astype(np.float32)
    boxes = matrix(table, BOX).astype(np.float32)
    side, blur, score = matrix(table, ("min_side", "blur", "detector_score")).T
    return PhotoFaces(
        boxes,
        score.astype(np.float32),
        None if np.isnan(marks).all() else marks,
        side,
        blur,
        matrix(table, PROBS).astype(np.float32),
        matrix(table, EXTRAS).astype(np.float32),
        boxes,
    )
