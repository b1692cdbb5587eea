"""Entropy and peak by the number of faces, beside the reference table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moodstream.realtime.analysis.group.diversity import BANDS, Measured, by_size
from moodstream.realtime.analysis.group.reference import ENTROPY
from moodstream.realtime.arrays import F64


@dataclass(frozen=True)
class SizeBin:
    """Photos with ``low`` to ``high`` faces that count.

    Means over ``photos`` of entropy in nats (with its standard deviation) and of the peak, None
    where there are too few; reference: mean, standard deviation and peak of the seed's 150 photos.
    """

    low: int
    high: int
    photos: int
    entropy: float | None
    spread: float | None
    peak: float | None
    reference: tuple[float, float, float]

    @property
    def label(self) -> str:
        """For tables."""
        return f"{self.low}–{self.high}"


def size_bins(faces_used: F64, entropy: F64, peak: F64) -> list[SizeBin]:
    """The photos by group size, columns (P,) each; those with no figure (NaN) count nowhere."""
    known = np.isfinite(entropy)
    photos = Measured(
        faces_used[known].astype(np.int64),
        entropy[known],
        peak[known],
        np.zeros(int(known.sum()), np.int64),
        np.full(int(known.sum()), np.nan),
    )
    rows = by_size(photos)
    found = []
    for low, high in BANDS:
        row, reference = rows.get((low, high)), ENTROPY[low, high]
        if row is None:
            found.append(SizeBin(low, high, 0, None, None, None, reference))
        else:
            spread = row.entropy_sd if row.groups > 1 else None
            found.append(SizeBin(low, high, row.groups, row.entropy, spread, row.peak, reference))
    return found
