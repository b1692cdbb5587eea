"""Found faces matched to labelled ones, and the figures made of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodstream.realtime.evaluation.detectors.matching import (
    Scored,
    average_precision,
    best_first,
    match,
)
from moodstream.realtime.networks.detectors.geometry import iou

corners = st.tuples(*[st.floats(0, 50)] * 2, *[st.floats(1, 30)] * 2)


some_boxes = st.lists(corners, max_size=6).map(
    lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows], float).reshape(-1, 4)
)


@given(some_boxes, some_boxes, st.sampled_from([0.3, 0.5]))
def test_matching_is_symmetric_and_one_to_one(a, b, threshold):
    pairs, turned = match(a, b, threshold), match(b, a, threshold)
    overlaps = iou(a, b)
    assert len(pairs) == len(set(pairs[:, 0])) == len(set(pairs[:, 1]))
    assert (overlaps[tuple(pairs.T)] >= threshold).all()
    # equal overlaps may be paired either way; the overlaps themselves are the same
    if len(np.unique(overlaps[overlaps >= threshold])) == (overlaps >= threshold).sum():
        assert {tuple(p) for p in pairs} == {(i, j) for j, i in turned}
    free = np.ones(overlaps.shape, bool)
    free[pairs[:, 0]] = False
    free[:, pairs[:, 1]] = False
    assert not (free & (overlaps >= threshold)).any()  # nothing that could be paired is left


@given(some_boxes, some_boxes, st.integers(0, 1000))
def test_the_best_score_chooses_first(found, truth, seed):
    scores = np.random.default_rng(seed).permutation(len(found)).astype(float)
    of = best_first(found, scores, truth, 0.5)
    taken = of[of >= 0]
    assert len(taken) == len(set(taken))
    for i in np.flatnonzero(of < 0):  # what it could have had went to better scores
        for j in np.flatnonzero(iou(found[[i]], truth)[0] >= 0.5):
            assert scores[of == j].max(initial=-1) > scores[i]


@given(
    st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=20),
    st.integers(0, 6),
)
def test_average_precision_is_the_area_by_its_definition(rows, missed):
    scores = np.array([score for score, _ in rows], float)
    right = np.array([ok for _, ok in rows], bool)
    positives = int(right.sum()) + missed
    got = average_precision(Scored(scores, right), positives)
    if not positives:
        assert np.isnan(got)
        return
    points = []  # every threshold there is, one by one
    for threshold in sorted(set(scores), reverse=True):
        inside = scores >= threshold
        points.append((right[inside].sum() / positives, right[inside].mean()))
    want = sum(
        max((p for r, p in points if r >= step / positives - 1e-12), default=0) / positives
        for step in range(1, positives + 1)
    )
    assert got == pytest.approx(want, abs=1e-9)
