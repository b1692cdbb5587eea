"""How mixed groups look, by how many people they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.sample import GroupSample
from moodstream.realtime.arrays import F64
from moodstream.realtime.emotions import EMOTIONS

BANDS = ((1, 2), (3, 5), (6, 10), (11, 20), (21, 50))


@dataclass(frozen=True)
class Measured:
    """G groups: faces (G,), entropy (G,) nats and peak (G,) of their weighted distributions,
    dominant (G,) index into EMOTIONS, and the entropy (G,) of the truth, NaN where not known.
    """

    faces: npt.NDArray[np.int64]
    entropy: F64
    peak: F64
    dominant: npt.NDArray[np.int64]
    true_entropy: F64

    def __len__(self) -> int:
        return len(self.faces)

    def inside(self, low: int, high: int) -> Measured:
        """The groups of ``low`` to ``high`` faces."""
        return self.take((self.faces >= low) & (self.faces <= high))

    def take(self, rows: npt.NDArray[np.bool_]) -> Measured:
        """The groups that ``rows`` picks."""
        return Measured(
            self.faces[rows],
            self.entropy[rows],
            self.peak[rows],
            self.dominant[rows],
            self.true_entropy[rows],
        )


@dataclass(frozen=True)
class Row:
    """Some groups summed up: means and standard deviations, NaN where undefined."""

    groups: int
    entropy: float
    entropy_sd: float
    most: float
    peak: float
    true_entropy: float


def measure(crowds: Sequence[GroupSample]) -> Measured:
    """The entropy and peak of every group."""
    means = np.array([crowd.mean() for crowd in crowds])
    truth = [np.nan if c.truth is None else maths.entropy(c.truth) for c in crowds]
    return Measured(
        np.array([len(crowd) for crowd in crowds], np.int64),
        np.array([maths.entropy(mean) for mean in means]),
        means.max(axis=1),
        means.argmax(axis=1).astype(np.int64),
        np.array(truth, np.float64),
    )


def row(part: Measured) -> Row:
    """The figures of some groups, at least one."""
    sd = float(part.entropy.std(ddof=1)) if len(part) > 1 else float("nan")
    return Row(
        len(part),
        float(part.entropy.mean()),
        sd,
        float(part.entropy.max()),
        float(part.peak.mean()),
        float(part.true_entropy.mean()),
    )


def by_size(all_groups: Measured) -> dict[tuple[int, int], Row]:
    """The figures of each of BANDS that occurs."""
    parts = {band: all_groups.inside(*band) for band in BANDS}
    return {band: row(part) for band, part in parts.items() if len(part)}


def by_dominant(all_groups: Measured) -> dict[str, Row]:
    """The figures of the groups that each emotion dominates, where any does."""
    parts = {name: all_groups.take(all_groups.dominant == k) for k, name in enumerate(EMOTIONS)}
    return {name: row(part) for name, part in parts.items() if len(part)}
