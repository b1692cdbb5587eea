"""Figures against the votes of several raters: by hand, and what always holds."""

from __future__ import annotations

from itertools import combinations
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from moodstream.realtime import maths
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.synonyms import VOTED
from moodstream.realtime.evaluation.datasets.votes import Votes
from moodstream.realtime.evaluation.emotions.vote_scores import (
    halves,
    one_against_others,
    people_scores,
    share_errors,
    vote_scores,
)

K = len(EMOTIONS)

COUNTS = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 6), st.just(K)), elements=st.integers(0, 9)
).filter(lambda rows: (rows.sum(axis=1) > 0).all())


def votes_of(counts: np.ndarray) -> Votes:
    """Votes for the seven emotions alone."""
    rows = np.zeros((len(counts), len(VOTED)), np.int64)
    rows[:, :K] = counts
    return Votes(rows)


def certain(*emotions: int) -> np.ndarray:
    return np.eye(K)[list(emotions)]


def test_agreement_by_hand() -> None:
    """A clear majority, a tie, and a majority that is less than half of all raters."""
    rows = np.zeros((3, len(VOTED)), np.int64)
    rows[0, :2], rows[1, :2], rows[2, [0, 1, 8]] = (8, 2), (5, 5), (4, 2, 4)
    got = vote_scores(certain(0, 1, 0), Votes(rows))
    assert got.agreement == pytest.approx(2 / 3)  # the first of a tie is the majority
    assert got.agreement_tied == 1
    assert (got.agreement_clear, got.n_clear, got.n_tied, got.n) == (1, 1, 1, 3)
    no_clear = vote_scores(certain(1), Votes(rows[1:2]))
    assert np.isnan(no_clear.agreement_clear)


def test_divergences_by_hand() -> None:
    counts = np.zeros((1, K), np.int64)
    counts[0, :2] = 3, 1
    probs = np.full((1, K), 0.0)
    probs[0, :3] = 0.5, 0.25, 0.25
    got = vote_scores(probs, votes_of(counts))
    assert got.kl == pytest.approx(0.75 * log(0.75 / 0.5) + 0.25 * log(0.25 / 0.25))
    assert got.jsd == pytest.approx(maths.jsd(probs[0], counts[0] / 4))


@given(COUNTS)
def test_who_predicts_the_shares_has_no_divergence(counts: np.ndarray) -> None:
    votes = votes_of(counts)
    got = vote_scores(votes.shares, votes)
    assert got.jsd == pytest.approx(0, abs=1e-9)
    assert got.kl == pytest.approx(0, abs=1e-9)
    assert got.agreement == got.agreement_tied == 1
    assert got.ece == pytest.approx(0, abs=1e-9)


@given(COUNTS, st.integers(0, 9))
def test_divergences_are_never_negative_and_ties_only_help(counts: np.ndarray, seed: int) -> None:
    probs = np.random.default_rng(seed).dirichlet(np.ones(K), len(counts))
    got = vote_scores(probs, votes_of(counts))
    assert min(got.jsd, got.kl, got.ece) >= -1e-12
    assert got.agreement <= got.agreement_tied


def test_the_calibration_error_is_that_of_each_share() -> None:
    """Half of the raters of every face, where three in ten were predicted."""
    counts = np.zeros((20, K), np.int64)
    counts[:, :2] = 5
    probs = np.zeros((20, K))
    probs[:, :2] = 0.3, 0.7
    errors = share_errors(probs, votes_of(counts))
    np.testing.assert_allclose(errors, [0.2, 0.2, 0, 0, 0, 0, 0], atol=1e-9)


@given(COUNTS, st.integers(0, 99))
def test_halves_are_all_raters(counts: np.ndarray, seed: int) -> None:
    one, other = halves(counts, np.random.default_rng(seed))
    np.testing.assert_array_equal(one + other, counts)
    assert min(one.min(), other.min()) >= 0
    assert (np.abs(one.sum(axis=1) - other.sum(axis=1)) == counts.sum(axis=1) % 2).all()


def test_halves_are_drawn_as_every_half_is() -> None:
    """Of three and two raters: each of the ten pairs is as likely."""
    raters = [0, 0, 0, 1, 1]
    wanted = np.bincount([sum(pair) for pair in combinations(raters, 2)], minlength=3) / 10
    counts = np.tile([3, 2], (30_000, 1))
    one, _ = halves(counts, np.random.default_rng(0))
    pairs = one[one.sum(axis=1) == 2]
    got = np.bincount(pairs[:, 1], minlength=3) / len(pairs)
    np.testing.assert_allclose(got, wanted, atol=0.015)


def test_one_rater_against_the_others_by_hand() -> None:
    # of 3 and 1: three agree with a 2:1 majority, one does not; of 1 and 1 nobody agrees
    assert one_against_others(np.array([[3, 1, 0]])) == pytest.approx(3 / 4)
    assert one_against_others(np.array([[1, 1, 0]])) == 0
    # of 2 and 2: the others always have 2 of the other one
    assert one_against_others(np.array([[2, 2, 0]])) == 0
    # of 2 and 1: with one of the two gone, it is a tie
    assert one_against_others(np.array([[2, 1, 0]])) == pytest.approx(2 / 3 / 2)


def test_people_are_the_ceiling_of_who_sees_as_they_do() -> None:
    """The probabilities that raters follow are nearer to a half than the other half is."""
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.full(K, 0.4), 2000)
    got = people_scores(probs, votes_of(rng.multinomial(10, probs)))
    assert got.n == 2000
    assert got.network_jsd < got.half_jsd
    assert got.network_agreement > got.half_agreement > got.one_agreement > 0.3
    guessing = people_scores(np.full((2000, K), 1 / K), votes_of(rng.multinomial(10, probs)))
    assert guessing.network_jsd > guessing.half_jsd
    assert guessing.half_jsd == pytest.approx(got.half_jsd, rel=0.05)


def test_people_are_compared_only_where_there_are_some() -> None:
    counts = np.zeros((3, K), np.int64)
    counts[:, 0] = 3, 4, 9
    assert people_scores(certain(0, 0, 0), votes_of(counts)).n == 2
    few = people_scores(certain(0), votes_of(counts[:1]))
    assert few.n == 0
    assert np.isnan(few.half_jsd)


def test_the_same_halves_are_drawn_each_time() -> None:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(K), 50)
    votes = votes_of(rng.multinomial(9, probs))
    assert people_scores(probs, votes) == people_scores(probs, votes)
    assert people_scores(probs, votes) != people_scores(probs, votes, seed=1)


def test_no_faces_are_refused() -> None:
    with pytest.raises(ValueError, match="votes for each face"):
        vote_scores(np.zeros((0, K)), votes_of(np.zeros((0, K), np.int64)))
