"""How often intervals hold: the study itself, on people whose error is known."""

from __future__ import annotations

import numpy as np
import pytest

from moodstream.realtime.analysis.group.intervals import ERRORS, ErrorModel
from moodstream.realtime.evaluation.groups import coverage
from moodstream.realtime.evaluation.groups.coverage import Estimate
from moodstream.realtime.evaluation.groups.drawing import CHANGES, FacePredictions

K = 7


def faces(own: float, n: int = 700, quality: float = 0.5) -> FacePredictions:
    """Faces whose raters vary about what is read by ``own`` of p (1 - p)."""
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(K), n)
    truth = np.array([rng.dirichlet(p * (1 / own - 1)) for p in probs])
    every = np.repeat(probs[None], len(CHANGES), axis=0).astype(np.float32)
    qualities = np.full((len(CHANGES), n), quality, np.float32)
    labels = probs.argmax(axis=1).astype(np.int64)
    prior = tuple(probs.mean(axis=0).tolist())
    return FacePredictions(every, every, qualities, labels, prior, truth, probs.astype(np.float32))


def test_intervals_of_people_of_the_assumed_error_hold_as_often_as_they_say() -> None:
    groups = coverage.made_groups(faces(ERRORS.own * 0.5), 60, 0.0, seed=1)
    for one in coverage.group_coverage(groups, ErrorModel(ERRORS.own, 0.0)):
        if one.people <= 2:  # larger ones of one mood are adapted to it, which is an error here
            assert one.inside == pytest.approx(0.9, abs=0.05)


def test_a_smaller_error_holds_less_often_and_is_found_again() -> None:
    groups = coverage.made_groups(faces(ERRORS.own * 0.5), 8, 0.0, seed=1)
    narrow, wide = (coverage.group_coverage(groups, ErrorModel(own, 0.001)) for own in (0.1, 0.9))
    for one, other in zip(narrow, wide, strict=True):
        assert one.inside < other.inside
        assert one.width < other.width
    fitted = coverage.fit_errors(groups, 0.9, steps=12)
    found = coverage.group_coverage(groups, fitted)
    assert np.mean([abs(one.inside - 0.9) for one in found]) < 0.05


def test_timelines_are_summed_by_the_real_aggregator_and_always_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coverage, "PEOPLE", (1, 9))
    predictions = faces(ERRORS.own * 0.5, n=200)
    found = [coverage.timeline_coverage(predictions, 1, 0.5, seed=3) for _ in range(2)]
    assert [one.people for one in found[0]] == list(coverage.PEOPLE)
    for one, again in zip(*found, strict=True):
        assert one.inside == again.inside
        assert 0.75 < one.inside <= 1
    assert [one.width for one in found[0]] == sorted((o.width for o in found[0]), reverse=True)


def test_coverage_counts_each_mood_and_each_size_of_share() -> None:
    shares = np.array([0.005, 0.02, 0.05, 0.2, 0.4, 0.325, 0.0])
    interval = np.stack([shares - 0.001, shares + 0.001]).clip(0, 1)
    truth = shares.copy()
    truth[3:5] += [0.1, -0.1]
    (one,) = coverage.coverage([Estimate(4, shares, interval, truth)])
    assert one.by_mood.tolist() == [1, 1, 1, 0, 0, 1, 1]
    assert one.inside == pytest.approx(5 / 7)
    np.testing.assert_allclose(one.by_share, [1, 1, 1, 0, 0.5, np.nan])
    assert one.width == pytest.approx(0.002)
