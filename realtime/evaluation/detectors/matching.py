"""Which boxes are the same face, and how right a detector is: pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F64
from moodstream.realtime.networks.detectors.geometry import iou

Pairs = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Scored:
    """N found faces of many pictures: scores (N,) and whether each is right (N,)."""

    scores: F64
    right: npt.NDArray[np.bool_]


def match(a: npt.NDArray[Any], b: npt.NDArray[Any], threshold: float) -> Pairs:
    """The boxes of ``a`` (N, 4) and of ``b`` (M, 4) that are the same face, as (P, 2) indices.

    Pairs of an IoU of at least ``threshold``, the largest first, each box at most once; the same
    pairs whichever way round, unless two overlaps are exactly equal.
    """
    overlap = iou(np.asarray(a, np.float64), np.asarray(b, np.float64))
    rows, columns = np.nonzero(overlap >= threshold)
    order = np.argsort(-overlap[rows, columns], kind="stable")
    used_a, used_b, pairs = set(), set(), []
    for i, j in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            pairs.append((i, j))
    return np.array(pairs, np.intp).reshape(-1, 2)


def best_first(
    found: npt.NDArray[Any], scores: npt.NDArray[Any], truth: npt.NDArray[Any], threshold: float
) -> Pairs:
    """The labelled box of each found one: (N,) indices into ``truth`` (M, 4), -1 for none.

    The found boxes (N, 4) choose in the order of their ``scores`` (N,), each the free labelled
    box it overlaps most, if by an IoU of at least ``threshold``: as average precision counts.
    """
    taken = np.full(len(found), -1, np.intp)
    if len(truth) == 0:
        return taken
    overlap = iou(np.asarray(found, np.float64), np.asarray(truth, np.float64))
    for i in np.argsort(-np.asarray(scores), kind="stable"):
        best = int(overlap[i].argmax())
        if overlap[i, best] >= threshold:
            taken[i] = best
            overlap[:, best] = -1
    return taken


def average_precision(found: Scored, positives: int) -> float:
    """The area under precision over recall, precision made falling (VOC 2010 and later).

    positives: the labelled faces there are; NaN where there are none. Faces of equal scores come
    in together, so that their order does not matter.
    """
    if positives == 0:
        return float("nan")
    order = np.argsort(-found.scores, kind="stable")
    right = np.cumsum(found.right[order])
    # a threshold lets all faces of a score in or none of them
    last = np.flatnonzero(np.diff(found.scores[order], append=-np.inf))
    recall = right[last] / positives
    precision = right[last] / (last + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * falling).sum())


def together(parts: Sequence[Scored]) -> Scored:
    """The found faces of several pictures as one."""
    return Scored(
        np.concatenate([np.zeros(0), *(part.scores for part in parts)]),
        np.concatenate([np.zeros(0, bool), *(part.right for part in parts)]),
    )
