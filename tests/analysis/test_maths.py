from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from moodstream.realtime import maths

K = 7
LN_K = np.log(K)
MASSES = st.floats(0, 1e3, allow_nan=False)


@st.composite
def distributions(draw, rows=None):
    n = rows or draw(st.integers(1, 12))
    raw = draw(hnp.arrays(np.float64, (n, K), elements=st.floats(0, 1)))
    raw[raw.sum(1) < 1e-6] = 1.0
    return raw / raw.sum(1, keepdims=True)


@st.composite
def groups(draw):
    probs = draw(distributions())
    weights = draw(hnp.arrays(np.float64, len(probs), elements=st.floats(0, 1)))
    assume(weights.max() > 1e-3)
    return probs, weights


@given(distributions(1))
def test_entropy_is_within_0_and_ln_k(p):
    assert 0 <= maths.entropy(p[0]) <= LN_K
    assert maths.entropies(p)[0] == pytest.approx(maths.entropy(p[0]), abs=1e-9)


def test_entropy_of_known_distributions():
    assert maths.entropy(np.eye(K)[2]) == 0.0
    assert maths.entropy(np.full(K, 1 / K)) == pytest.approx(LN_K)
    assert maths.entropy([0.5, 0.5]) == pytest.approx(np.log(2))


@given(distributions(2))
def test_jsd_is_symmetric_and_bounded(pq):
    p, q = pq
    d = maths.jsd(p, q)
    assert 0 <= d <= np.log(2)
    assert d == pytest.approx(maths.jsd(q, p), abs=1e-12)
    assert maths.jsd(p, p) == pytest.approx(0, abs=1e-12)


def test_jsd_of_disjoint_distributions_is_ln_2():
    assert maths.jsd(np.eye(K)[0], np.eye(K)[1]) == pytest.approx(np.log(2))


@given(groups())
def test_a_copy_of_the_group_changes_nothing(group):
    probs, weights = group
    once = maths.weighted_mean(probs, weights)
    twice = maths.weighted_mean(np.vstack([probs, probs]), np.hstack([weights, weights]))
    np.testing.assert_allclose(once, twice, atol=1e-12)
    assert maths.kish(np.hstack([weights, weights])) == pytest.approx(2 * maths.kish(weights))


@given(groups(), st.randoms(use_true_random=False))
def test_the_order_of_people_does_not_matter(group, random):
    probs, weights = group
    order = list(range(len(probs)))
    random.shuffle(order)
    np.testing.assert_allclose(
        maths.weighted_mean(probs, weights),
        maths.weighted_mean(probs[order], weights[order]),
        atol=1e-12,
    )
    assert maths.kish(weights) == pytest.approx(maths.kish(weights[order]))


@given(groups(), st.integers(0, 11))
def test_a_weight_of_zero_removes_a_person(group, which):
    probs, weights = group
    which %= len(probs)
    weights[which] = 0
    rest = np.arange(len(probs)) != which
    with_zero = maths.weighted_mean(probs, weights)
    without = maths.weighted_mean(probs[rest], weights[rest])
    if without is None:
        assert with_zero is None
    else:
        np.testing.assert_allclose(with_zero, without, atol=1e-12)
    assert maths.kish(weights) == pytest.approx(maths.kish(weights[rest]))


@given(groups(), st.floats(1e-6, 1e6))
def test_the_scale_of_the_weights_does_not_matter(group, scale):
    probs, weights = group
    np.testing.assert_allclose(
        maths.weighted_mean(probs, weights), maths.weighted_mean(probs, weights * scale), atol=1e-9
    )
    assert maths.kish(weights) == pytest.approx(maths.kish(weights * scale))


@given(groups())
def test_effective_people_lie_between_1_and_n(group):
    _, weights = group
    assert 1 - 1e-9 <= maths.kish(weights) <= len(weights) + 1e-9


def test_nobody():
    assert maths.kish([]) == 0.0
    assert maths.weighted_mean(np.zeros((0, K)), np.zeros(0)) is None
    assert maths.photo_distribution(np.zeros((0, K)), np.zeros(0)) is None


def test_photo_distribution_is_the_formula_and_keeps_the_40_best():
    rng = np.random.default_rng(42)
    probs, quality = rng.dirichlet(np.ones(K), 60), rng.uniform(-0.2, 1.2, 60)
    best = np.argsort(-quality)[:40]
    w = np.clip(quality[best], 0, 1) + 1e-6
    expected = (w[:, None] * probs[best]).sum(0) / w.sum()
    np.testing.assert_allclose(maths.photo_distribution(probs, quality), expected, atol=1e-12)


def test_folding_drops_contempt_and_renormalises():
    classes = ("angry", "contempt", "happy")
    p = np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]])
    folded = maths.fold_to(p, classes, ("happy", "angry"))
    np.testing.assert_allclose(folded, [[0.6, 0.4], [0.5, 0.5]], atol=1e-6)
    with pytest.raises(ValueError, match="missing"):
        maths.fold_to(p, classes, ("happy", "sad"))


PRIOR = np.full(K, 1 / K)


def group_shares(probs, weights, prior, strength, people=None):
    """The shares of a group, which the contributions of its people sum to."""
    added = maths.group_contributions(probs, weights, prior, strength, people)
    assert added.shape == np.shape(probs)
    assert (added >= 0).all()
    return added.sum(axis=0)


@given(groups(), st.floats(0.5, 100))
def test_group_shares_are_a_distribution_whatever_the_order(group, strength):
    probs, weights = group
    shares = group_shares(probs, weights, PRIOR, strength)
    assert shares.sum() == pytest.approx(1)
    turned = group_shares(probs[::-1], weights[::-1], PRIOR, strength)
    np.testing.assert_allclose(shares, turned, atol=1e-9)


@given(groups(), st.floats(0.5, 100), st.floats(1e-6, 1e6))
def test_only_the_ratio_of_weights_counts(group, strength, factor):
    probs, weights = group
    scaled = group_shares(probs, factor * weights, PRIOR, strength)
    np.testing.assert_allclose(group_shares(probs, weights, PRIOR, strength), scaled, atol=1e-9)


@given(groups())
def test_an_infinite_prior_gives_the_weighted_mean_and_a_large_one_is_near_it(group):
    probs, weights = group
    mean = maths.weighted_mean(probs, weights)
    np.testing.assert_allclose(group_shares(probs, weights, PRIOR, np.inf), mean, atol=1e-12)
    np.testing.assert_allclose(group_shares(probs, weights, PRIOR, 1e7), mean, atol=1e-4)


@given(distributions(1), st.floats(1e-6, 1), st.floats(0.5, 50))
def test_one_person_alone_is_not_changed_by_the_prior(p, weight, strength):
    shares = group_shares(p, np.array([weight]), np.arange(1, K + 1) / 28, strength)
    np.testing.assert_allclose(shares, p[0], atol=1e-6)


@given(groups(), st.floats(0, 1))
def test_one_person_under_several_ids_is_not_changed(group, people):
    probs, weights = group
    shares = group_shares(probs, weights, PRIOR, 7.0, people)
    np.testing.assert_allclose(shares, maths.weighted_mean(probs, weights), atol=1e-9)


@given(distributions(1), st.integers(2, 40))
def test_a_group_that_shows_what_the_prior_assumes_is_not_changed(p, people):
    """Nothing is learnt from people who are as expected."""
    prior = (p[0] + 0.01) / (p[0] + 0.01).sum()
    shares = group_shares(np.tile(prior, (people, 1)), np.ones(people), prior, 20.0)
    np.testing.assert_allclose(shares, prior, atol=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8))
def test_evidence_is_presence_times_the_root_of_quality(people):
    quality, presence = np.array(people).T
    want = presence * np.sqrt(quality)
    found = maths.evidence_weights(quality * presence, presence)
    np.testing.assert_allclose(found, want, atol=1e-9)
    np.testing.assert_allclose(maths.evidence_weights(quality), np.sqrt(quality))


def test_nobody_has_no_group_shares():
    assert maths.group_contributions(np.zeros((0, K)), np.zeros(0), PRIOR, 7.0) is None
    assert maths.group_contributions(np.eye(K), np.zeros(K), PRIOR, 7.0) is None


@pytest.mark.parametrize(
    "distribution",
    [[0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0.5, 0, 0, 0.5], [0.2, 0, 0, 0.3, 0.5, 0, 0]],
    ids=["all the same", "half and half", "three kinds"],
)
def test_group_shares_come_nearer_to_the_truth_than_the_average(distribution):
    """Predictions are calibrated: p is the posterior of a noisy observation."""
    rng = np.random.default_rng(3)
    sees = np.full((K, K), 0.3 / (K - 1)) + np.eye(K) * (0.7 - 0.3 / (K - 1))
    gaps = []
    for _ in range(40):
        truth = rng.choice(K, 25, p=distribution)
        seen = np.array([rng.choice(K, p=sees[k]) for k in truth])
        probs = sees[:, seen].T / sees[:, seen].sum(0)[:, None]
        true = np.bincount(truth, minlength=K) / 25
        ours = group_shares(probs, np.ones(25), PRIOR, 7.0)
        gaps.append((maths.jsd(ours, true), maths.jsd(probs.mean(0), true)))
    ours, average = np.mean(gaps, axis=0)
    assert ours < 0.75 * average


@given(distributions(6))
def test_row_jsd_agrees_with_jsd(p):
    q = p[::-1]
    want = [maths.jsd(a, b) for a, b in zip(p, q, strict=True)]
    np.testing.assert_allclose(maths.row_jsd(p, q), want, atol=1e-9)
