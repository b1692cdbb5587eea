"""Which faces stand for a set of photos: by quality bin, and by what they add to an emotion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from moodstream.realtime import maths
from moodstream.realtime.arrays import F32, F64, I64, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import UnreadableError
from moodstream.realtime.outputs.schemas import BOX, PROBS
from moodstream.realtime.runs.photos.columns import matrix
from moodstream.realtime.runs.photos.faces import BINS
from moodstream.realtime.runs.photos.files import read_photo

TOP = 12
"""Faces on a sheet of contributors, in each of its halves, and of each quality bin."""

CROP = 144
"""px of the sides of a face on a sheet."""

_AROUND = 1.3  # of the face's longer side


@dataclass(frozen=True)
class Contributors:
    """What the F faces that count add to one emotion of the whole set.

    rows: (F,) of faces.parquet; weighted: (F,) w_i p_i(k) / Σ w; unweighted: (F,) p_i(k) / F; each
    sums to the emotion's share. top: the rows that add most, and how much each adds, by either.
    """

    emotion: str
    rows: I64
    weighted: F64
    unweighted: F64

    @property
    def top(self) -> dict[str, list[tuple[int, float]]]:
        """The TOP rows by either way, with what each adds, largest first."""
        found = {}
        for name, values in (("weighted", self.weighted), ("unweighted", self.unweighted)):
            order = np.argsort(-values, kind="stable")[:TOP]
            found[name] = [(int(self.rows[i]), float(values[i])) for i in order]
        return found


@dataclass(frozen=True)
class Bin:
    """A quality bin of the set: its name, faces and share of all, and rows that stand for it."""

    name: str
    count: int
    share: float
    rows: list[int]


def contributors(faces: Any, emotion: str) -> Contributors:
    """The faces of a table of faces.parquet by what they add to an emotion."""
    quality, weight, p = matrix(faces, ("quality", "weight", f"p_{emotion}")).T
    rows = np.flatnonzero((weight > 0) & np.isfinite(p))
    w = maths.seen_weights(quality[rows])
    return Contributors(
        emotion, rows, w / max(w.sum(), 1e-12) * p[rows], p[rows] / max(1, len(rows))
    )


def quality_bins(faces: Any) -> list[Bin]:
    """How many faces are in each bin, and up to TOP of each from its best to its worst."""
    names = np.array(faces["bin"].to_pylist(), dtype=object)
    quality = matrix(faces, ("quality",))[:, 0]
    found = []
    for name in BINS:
        rows = np.flatnonzero(names == name)
        rows = rows[np.argsort(-quality[rows], kind="stable")]
        spread = np.unique(np.linspace(0, len(rows) - 1, min(TOP, len(rows))).round().astype(int))
        share = len(rows) / max(1, len(names))
        found.append(Bin(name, len(rows), share, rows[spread].tolist() if len(rows) else []))
    return found


def crops(faces: Any, rows: Sequence[int], paths: Mapping[str, Path]) -> dict[int, Image]:
    """The picture (CROP, CROP, 3) uint8 BGR of the faces in these rows, each photo read once.

    Faces of photos that can no longer be read are left out.
    """
    by_photo: dict[str, list[int]] = {}
    for row in sorted(set(rows)):
        by_photo.setdefault(faces["photo"][row].as_py(), []).append(row)
    boxes = matrix(faces, BOX)
    found: dict[int, Image] = {}
    for name, wanted in by_photo.items():
        try:
            image = read_photo(paths[name])
        except UnreadableError:
            continue
        found |= {row: crop(image, boxes[row].astype(np.float32)) for row in wanted}
    return found


def crop(image: Image, box: F32) -> Image:
    """A square (CROP, CROP, 3) around a face; beyond the picture its edge is repeated."""
    x1, y1, x2, y2 = (float(v) for v in box)
    side = max(1, round(_AROUND * max(x2 - x1, y2 - y1)))
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    square = cv2.getRectSubPix(image, (side, side), middle)
    way = cv2.INTER_AREA if side > CROP else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (CROP, CROP), interpolation=way), np.uint8)


def said(faces: Any, row: int) -> tuple[str, float, float, float, float]:
    """Label, its probability, quality, smaller side in px and blur score of a face."""
    probs = matrix(faces.slice(row, 1), PROBS)[0]
    quality, side, blur = matrix(faces.slice(row, 1), ("quality", "min_side", "blur"))[0].tolist()
    best = int(np.nan_to_num(probs).argmax())
    return EMOTIONS[best], float(probs[best]), quality, side, blur
