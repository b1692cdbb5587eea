"""The faces that represent a set of photos: by quality bin, and by what they add to an emotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from moodstream.realtime import maths
from moodstream.realtime.analysis.people.quality import QUALITY_BIN_LIMITS, QUALITY_BINS
from moodstream.realtime.arrays import F32, F64, I64, Image
from moodstream.realtime.errors import UnreadableImageError
from moodstream.realtime.outputs.schemas import BOX
from moodstream.realtime.runs.photos.columns import matrix
from moodstream.realtime.runs.photos.files import read_photo

TOP = 12
"""Faces in each half of a contact sheet of contributors, and of each quality bin."""

CROP_PX = 144
"""The sides of a face on a contact sheet."""

_CROP_FACTOR = 1.3  # of the face's longer side


@dataclass(frozen=True)
class Contributors:
    """What the F faces that count add to one emotion of the whole set.

    Attributes:
        emotion: Which one, k.
        rows: (F,) their rows in faces.parquet.
        weighted: (F,) w_i p_i(k) / Σ w, which sum to the emotion's weighted share.
        unweighted: (F,) p_i(k) / F, which sum to its unweighted share.
    """

    emotion: str
    rows: I64
    weighted: F64
    unweighted: F64

    @property
    def top(self) -> dict[str, list[tuple[int, float]]]:
        """By kind of sum the TOP rows that add most, with what each adds, largest first."""
        top = {}
        for name, values in (("weighted", self.weighted), ("unweighted", self.unweighted)):
            order = np.argsort(-values, kind="stable")[:TOP]
            top[name] = [(int(self.rows[i]), float(values[i])) for i in order]
        return top


@dataclass(frozen=True)
class QualityBin:
    """A quality bin of the set.

    Attributes:
        name: One of QUALITY_BINS.
        count: Its faces.
        share: Their share of all faces.
        rows: Rows of faces.parquet that represent it, from its best face to its worst.
    """

    name: str
    count: int
    share: float
    rows: list[int]


def contributors(faces: Any, emotion: str) -> Contributors:
    """The faces of a table of faces.parquet by what they add to an emotion."""
    quality, weight, p = matrix(faces, ("quality", "weight", f"p_{emotion}")).T
    rows = np.flatnonzero((weight > 0) & np.isfinite(p))
    w = maths.quality_weights(quality[rows])
    return Contributors(
        emotion, rows, w / max(w.sum(), 1e-12) * p[rows], p[rows] / max(1, len(rows))
    )


def summarize_bins(faces: Any) -> list[QualityBin]:
    """How many faces are in each bin, and up to TOP of each from its best to its worst."""
    names = np.array(faces["bin"].to_pylist(), dtype=object)
    quality = matrix(faces, ("quality",))[:, 0]
    bins = []
    for name in QUALITY_BINS:
        rows = np.flatnonzero(names == name)
        rows = rows[np.argsort(-quality[rows], kind="stable")]
        spread = np.unique(np.linspace(0, len(rows) - 1, min(TOP, len(rows))).round().astype(int))
        share = len(rows) / max(1, len(names))
        bins.append(QualityBin(name, len(rows), share, rows[spread].tolist() if len(rows) else []))
    return bins


def limits_in_words() -> str:
    """From which size and blur score a face is in which quality bin."""
    bounds = [
        f"{name}: ≥ {px:g} px and blur score ≥ {score:g}"
        for name, (px, score) in zip(QUALITY_BINS, QUALITY_BIN_LIMITS, strict=False)
    ]
    return "; ".join([*bounds, f"{QUALITY_BINS[-1]}: the rest"])


def crops(faces: Any, rows: Sequence[int], paths: Mapping[str, Path]) -> dict[int, Image]:
    """Pictures of faces; each photo is read once.

    Args:
        faces: A table of faces.parquet.
        rows: Which of its rows.
        paths: By name the file of each photo.

    Returns:
        By row (CROP_PX, CROP_PX, 3) uint8 BGR, without faces of photos that can no longer be read.
    """
    by_photo: dict[str, list[int]] = {}
    for row in sorted(set(rows)):
        by_photo.setdefault(faces["photo"][row].as_py(), []).append(row)
    boxes = matrix(faces, BOX)
    pictures: dict[int, Image] = {}
    for name, wanted in by_photo.items():
        try:
            image = read_photo(paths[name])
        except UnreadableImageError:
            continue
        pictures |= {row: crop(image, boxes[row].astype(np.float32)) for row in wanted}
    return pictures


def crop(image: Image, box: F32) -> Image:
    """A square (CROP_PX, CROP_PX, 3) around a face; beyond the picture its edge is repeated."""
    x1, y1, x2, y2 = (float(v) for v in box)
    side = max(1, round(_CROP_FACTOR * max(x2 - x1, y2 - y1)))
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    square = cv2.getRectSubPix(image, (side, side), middle)
    way = cv2.INTER_AREA if side > CROP_PX else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (CROP_PX, CROP_PX), interpolation=way), np.uint8)


def measures(faces: Any, row: int) -> tuple[float, float, float]:
    """Quality, smaller side in px and blur score of a face."""
    quality, side, blur = matrix(faces.slice(row, 1), ("quality", "min_side", "blur"))[0].tolist()
    return quality, side, blur
