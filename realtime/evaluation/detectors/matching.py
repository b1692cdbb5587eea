"""Which boxes are the same face, and average precision: pure functions of arrays."""

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
    """N detected faces of many pictures.

    Attributes:
        scores: (N,) confidences.
        right: (N,) which of them are labelled faces.
    """

    scores: F64
    right: npt.NDArray[np.bool_]


def match(a: npt.NDArray[Any], b: npt.NDArray[Any], threshold: float) -> Pairs:
    """Which boxes of two sets are the same face.

    Args:
        a: (N, 4) xyxy px.
        b: (M, 4) xyxy px.
        threshold: Smallest IoU of a pair.

    Returns:
        (P, 2) indices into ``a`` and ``b``, the largest IoU first, each box at most once; the same
        pairs with ``a`` and ``b`` exchanged, unless two overlaps are exactly equal.
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
    boxes: npt.NDArray[Any], scores: npt.NDArray[Any], truth: npt.NDArray[Any], threshold: float
) -> Pairs:
    """The labelled box of each detected one, assigned as average precision counts.

    The detected boxes choose in the order of their scores, each the free labelled box that it
    overlaps most.

    Args:
        boxes: (N, 4) detected, xyxy px.
        scores: (N,) their confidences.
        truth: (M, 4) labelled, xyxy px.
        threshold: Smallest IoU of a pair.

    Returns:
        (N,) indices into ``truth``, -1 for none.
    """
    taken = np.full(len(boxes), -1, np.intp)
    if len(truth) == 0:
        return taken
    overlap = iou(np.asarray(boxes, np.float64), np.asarray(truth, np.float64))
    for i in np.argsort(-np.asarray(scores), kind="stable"):
        best = int(overlap[i].argmax())
        if overlap[i, best] >= threshold:
            taken[i] = best
            overlap[:, best] = -1
    return taken


def average_precision(faces: Scored, positives: int) -> float:
    """The area under precision over recall, precision made falling (VOC 2010 and later).

    Faces of equal scores come in together, so that their order does not matter.

    Args:
        faces: The detected faces.
        positives: How many faces are labelled.

    Returns:
        In [0, 1], NaN without labelled faces.
    """
    if positives == 0:
        return float("nan")
    order = np.argsort(-faces.scores, kind="stable")
    right = np.cumsum(faces.right[order])
    # a threshold lets all faces of a score in or none of them
    last = np.flatnonzero(np.diff(faces.scores[order], append=-np.inf))
    recall = right[last] / positives
    precision = right[last] / (last + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall, prepend=0.0) * falling).sum())


def pooled(parts: Sequence[Scored]) -> Scored:
    """The detected faces of several pictures as one."""
    return Scored(
        np.concatenate([np.zeros(0), *(part.scores for part in parts)]),
        np.concatenate([np.zeros(0, bool), *(part.right for part in parts)]),
    )
