"""Figures of labelled faces against tables made by hand, and what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from moodstream.realtime.evaluation.emotions import metrics

K = 3
# rows are the labels, columns the predictions; the third class never occurs, but is predicted
COUNTS = np.array([[6, 2, 0], [1, 2, 1], [0, 0, 0]])


@st.composite
def predictions(draw, k=4):
    n = draw(st.integers(1, 40))
    raw = draw(hnp.arrays(np.float64, (n, k), elements=st.floats(0.01, 1)))
    labels = draw(hnp.arrays(np.int64, n, elements=st.integers(0, k - 1)))
    return raw / raw.sum(1, keepdims=True), labels


def test_confusion_counts_label_by_prediction():
    labels, predicted = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 2])
    np.testing.assert_array_equal(
        metrics.confusion(predicted, labels, K), [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    )


def test_figures_of_a_table_made_by_hand():
    assert metrics.accuracy(COUNTS) == pytest.approx(8 / 12)
    assert metrics.balanced_accuracy(COUNTS) == pytest.approx((6 / 8 + 2 / 4) / 2)
    assert metrics.macro_f1(COUNTS) == pytest.approx((12 / 15 + 4 / 8) / 2)


def test_each_class_of_a_table_made_by_hand():
    got = metrics.per_class(COUNTS)
    np.testing.assert_allclose(got.recall, [6 / 8, 2 / 4, np.nan])
    np.testing.assert_allclose(got.precision, [6 / 7, 2 / 4, 0])
    np.testing.assert_allclose(got.f1, [12 / 15, 4 / 8, np.nan])
    np.testing.assert_array_equal(got.support, [8, 4, 0])


def test_class_shares_of_a_table_made_by_hand():
    got = metrics.class_shares(COUNTS)
    np.testing.assert_allclose(got.true, [8 / 12, 4 / 12, 0])
    np.testing.assert_allclose(got.predicted, [7 / 12, 4 / 12, 1 / 12])
    np.testing.assert_allclose(got.ratio, [7 / 8, 1, np.nan])


def test_nothing_predicted_and_nothing_there_is_undefined_and_not_an_error():
    nobody = np.zeros((K, K), np.int64)
    assert np.isnan([metrics.accuracy(nobody), metrics.macro_f1(nobody)]).all()
    assert np.isnan(metrics.class_shares(nobody).true).all()
    with pytest.raises(ValueError, match="a label for each face"):
        metrics.figures(np.zeros((0, K)), np.zeros(0, np.int64))


def test_cross_entropy_and_ece_of_known_probabilities():
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.2, 0.8]])
    got = metrics.figures(probs, np.array([0, 1, 1, 1]))
    assert got.cross_entropy == pytest.approx(-np.log([0.9, 0.1, 0.8, 0.8]).mean())
    # confidence 0.9 is right for half, 0.8 for all
    assert got.ece == pytest.approx(0.5 * 0.4 + 0.5 * 0.2)
    assert got.n == 4


@given(predictions())
def test_figures_are_shares(case):
    got = metrics.figures(*case)
    for share in (got.accuracy, got.balanced_accuracy, got.macro_f1, got.ece):
        assert 0 <= share <= 1
    assert got.cross_entropy >= 0


@given(predictions())
def test_perfect_predictions(case):
    _, labels = case
    got = metrics.figures(np.eye(4)[labels], labels)
    assert (got.accuracy, got.balanced_accuracy, got.macro_f1) == (1, 1, 1)
    assert got.cross_entropy == pytest.approx(0)
    assert got.ece == pytest.approx(0)


@given(predictions(), st.permutations(range(4)))
def test_the_order_of_faces_and_of_classes_changes_nothing(case, order):
    probs, labels = case
    whole = metrics.figures(probs, labels)
    assert metrics.figures(probs[::-1], labels[::-1]).macro_f1 == pytest.approx(whole.macro_f1)
    if len(np.unique(probs)) < probs.size:
        return  # ties are broken by place
    renamed = metrics.figures(probs[:, list(order)], np.argsort(order)[labels])
    assert renamed.balanced_accuracy == pytest.approx(whole.balanced_accuracy)
    assert renamed.macro_f1 == pytest.approx(whole.macro_f1)
    assert renamed.ece == pytest.approx(whole.ece)


@given(predictions())
def test_copies_of_every_face_change_nothing(case):
    probs, labels = case
    once, twice = (
        metrics.figures(probs, labels),
        metrics.figures(*(np.tile(probs, (2, 1)), np.tile(labels, 2))),
    )
    assert twice.n == 2 * once.n
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "cross_entropy", "ece"):
        assert getattr(twice, name) == pytest.approx(getattr(once, name))


@given(predictions())
def test_the_same_as_scikit_learn(case):
    sk = pytest.importorskip("sklearn.metrics")
    probs, labels = case
    predicted, got = probs.argmax(1), metrics.figures(probs, labels)
    there = np.unique(labels)
    assert got.accuracy == pytest.approx(sk.accuracy_score(labels, predicted))
    f1 = sk.f1_score(labels, predicted, labels=there, average="macro", zero_division=0)
    assert got.macro_f1 == pytest.approx(f1)


def test_auroc_by_hand():
    wrong = np.array([True, True, False, False])
    assert metrics.auroc(np.array([4.0, 3, 2, 1]), wrong) == 1
    assert metrics.auroc(np.array([1.0, 2, 3, 4]), wrong) == 0
    assert metrics.auroc(np.array([3.0, 1, 2, 0]), wrong) == 0.75
    assert metrics.auroc(np.ones(4), wrong) == 0.5
    assert np.isnan(metrics.auroc(np.ones(4), np.ones(4, bool)))


@given(
    hnp.arrays(np.float64, 12, elements=st.integers(0, 5)),
    hnp.arrays(bool, 12, elements=st.booleans()),
)
def test_auroc_is_the_share_of_pairs_in_order(scores, positive):
    pairs = scores[positive][:, None] - scores[~positive]
    if pairs.size == 0:
        assert np.isnan(metrics.auroc(scores, positive))
    else:
        want = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
        assert metrics.auroc(scores, positive) == pytest.approx(want)


def test_interval_of_known_shares():
    assert metrics.interval(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert metrics.interval(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    low, high = metrics.interval(1.0, 10)
    assert low < 1
    assert high == pytest.approx(1)
