"""Entropy and peak of photos by the number of faces, beside reference figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moodstream.realtime.analysis.group.diversity import SIZE_BINS, GroupDiversity, by_size
from moodstream.realtime.analysis.group.reference import ENTROPY
from moodstream.realtime.arrays import F64
from moodstream.realtime.runs.photos.schemas import SizeBinEntry


@dataclass(frozen=True)
class SizeBin:
    """The photos with ``low`` to ``high`` faces that count.

    Attributes:
        low: Fewest faces.
        high: Most faces.
        photos: How many photos there are.
        entropy: Their mean entropy in nats, None without photos.
        spread: Its standard deviation over the photos, None for fewer than two.
        peak: Their mean peak, None without photos.
        reference: Mean entropy, its standard deviation and mean peak of the reference photos.
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
        """For tables, as in ``3–5``."""
        return f"{self.low}–{self.high}"

    def entry(self) -> SizeBinEntry:
        """For summary.json."""
        return {
            "low": self.low,
            "high": self.high,
            "photos": self.photos,
            "entropy": self.entropy,
            "spread": self.spread,
            "peak": self.peak,
            "reference": self.reference,
            "label": self.label,
        }


def size_bins(faces_used: F64, entropy: F64, peak: F64) -> list[SizeBin]:
    """The photos by group size.

    Args:
        faces_used: (P,) faces that count.
        entropy: (P,) nats, NaN for photos without figures, which are in no bin.
        peak: (P,) share of the dominant emotion.
    """
    known = np.isfinite(entropy)
    n = int(known.sum())
    photos = GroupDiversity(
        faces=faces_used[known].astype(np.int64),
        entropy=entropy[known],
        peak=peak[known],
        dominant=np.zeros(n, np.int64),
        true_entropy=np.full(n, np.nan),
    )
    filled = by_size(photos)
    bins = []
    for low, high in SIZE_BINS:
        row, reference = filled.get((low, high)), ENTROPY[low, high]
        if row is None:
            bins.append(SizeBin(low, high, 0, None, None, None, reference))
        else:
            spread = row.entropy_sd if row.groups > 1 else None
            bins.append(SizeBin(low, high, row.groups, row.entropy, spread, row.peak, reference))
    return bins
