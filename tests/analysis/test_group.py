from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import make_faces

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.group.distribution import group_contributions
from moodstream.realtime.analysis.group.shifts import ShiftDetector
from moodstream.realtime.emotions import PRIOR
from moodstream.realtime.frames import Faces
from moodstream.realtime.privacy import Privacy

K = 7
HAPPY, SAD, CALM = np.eye(K)[3], np.eye(K)[4], np.eye(K)[6]
SOFT = 0.3 / K


def soft(p: np.ndarray) -> np.ndarray:
    return 0.7 * p + SOFT


def run(group: GroupAggregator, until: float, rate: float, people) -> None:
    """``people(t)`` gives (ids, probs, quality) at each detection pass."""
    for k in range(round(until * rate) + 1):
        t = k / rate
        ids, probs, quality = people(t)
        group.add(t, make_faces(ids, np.array(probs).reshape(-1, K), quality))


@st.composite
def rooms(draw):
    n = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.dirichlet(np.ones(K), n), rng.uniform(0.05, 1, n)


@settings(max_examples=30)
@given(rooms())
def test_a_steady_room_is_the_group_of_its_people(room):
    probs, quality = room
    group = GroupAggregator()
    run(group, 6, 10, lambda t: (list(range(len(probs))), probs, list(quality)))
    state = group.state(6.0)
    want = group_contributions(probs, quality, PRIOR).sum(axis=0)
    np.testing.assert_allclose(state.probs, want, atol=1e-4)
    np.testing.assert_allclose(state.weighted, maths.weighted_mean(probs, quality), atol=1e-5)
    np.testing.assert_allclose(state.unweighted, probs.mean(0), atol=1e-5)
    assert state.effective_people == pytest.approx(maths.kish(quality), rel=1e-3)
    assert 0 <= state.entropy <= np.log(K)
    assert state.entropy_share == pytest.approx(state.entropy / np.log(K))
    assert state.people == len(probs)


@settings(max_examples=20)
@given(rooms(), st.randoms(use_true_random=False))
def test_copies_and_order_change_nothing(room, random):
    probs, quality = room
    n = len(probs)
    order = list(range(n))
    random.shuffle(order)
    plain, copied, shuffled = (GroupAggregator() for _ in range(3))
    run(plain, 3, 5, lambda t: (list(range(n)), probs, list(quality)))
    run(copied, 3, 5, lambda t: (list(range(2 * n)), np.tile(probs, (2, 1)), [*quality, *quality]))
    run(shuffled, 3, 5, lambda t: (order, probs[order], list(quality[order])))
    for other in (copied, shuffled):
        np.testing.assert_allclose(plain.state(3).weighted, other.state(3).weighted, atol=1e-6)
    np.testing.assert_allclose(plain.state(3).probs, shuffled.state(3).probs, atol=1e-6)
    assert copied.state(3).effective_people == pytest.approx(2 * plain.state(3).effective_people)


def test_one_person_alone_stays_as_read():
    estimate = np.array([0.1, 0.05, 0.1, 0.4, 0.1, 0.05, 0.2])
    group = GroupAggregator()
    run(group, 5, 10, lambda t: ([1], [estimate], [0.5]))
    np.testing.assert_allclose(group.state(5.0).probs, estimate, atol=1e-6)


def test_a_room_of_the_same_doubtful_smile_is_surer_of_it_than_one_person():
    estimate = np.array([0.1, 0.02, 0.05, 0.5, 0.1, 0.03, 0.2])
    group = GroupAggregator()
    run(group, 5, 10, lambda t: (list(range(20)), [estimate] * 20, [0.5] * 20))
    state = group.state(5.0)
    assert state.probs[3] > 0.57
    assert state.entropy < maths.entropy(estimate)
    np.testing.assert_allclose(state.unweighted, estimate, atol=1e-6)


@pytest.mark.parametrize("keeps", [10.0, 2.5, 1.0, 0.5])
def test_one_person_whose_track_breaks_is_still_one_person(keeps):
    estimate = np.array([0.1, 0.05, 0.1, 0.4, 0.1, 0.05, 0.2])
    group = GroupAggregator()
    run(group, 10, 10, lambda t: ([int(t / keeps)], [estimate], [0.5]))
    np.testing.assert_allclose(group.state(10.0).probs, estimate, atol=0.02)


def test_a_room_whose_predictions_drift_together_has_no_shift():
    """Light and camera move all predictions a little; adapted shares would show a mood shift."""
    people = 20
    for seed in range(3):
        rng = np.random.default_rng(seed)
        base = np.log([0.05, 0.03, 0.05, 0.41, 0.05, 0.03, 0.38])
        own, common = rng.normal(0, 0.3, (people, K)), np.zeros(K)
        group = GroupAggregator()
        detector, shifts = ShiftDetector(group), []
        for k in range(400):
            own = own * 0.95 + rng.normal(0, 0.1, own.shape)
            common = common * 0.98 + rng.normal(0, 0.06, K)
            probs = np.exp(base + own + common)
            group.add(
                k / 5,
                make_faces(
                    list(range(people)), probs / probs.sum(1, keepdims=True), [0.6] * people
                ),
            )
            shifts += detector.update(group.state(k / 5))
        assert shifts == detector.flush() == []


def test_averages_are_kept_beside_the_adapted_shares():
    rng = np.random.default_rng(0)
    probs, quality = rng.dirichlet(np.ones(K), 8), rng.uniform(0.1, 1, 8)
    group = GroupAggregator()
    run(group, 6, 10, lambda t: (list(range(8)), probs, list(quality)))
    state = group.state(6.0)
    np.testing.assert_allclose(state.weighted, maths.weighted_mean(probs, quality), atol=1e-5)
    assert np.abs(state.probs - state.weighted).max() > 0.005


def test_quality_weighs_and_zero_removes():
    group = GroupAggregator()
    run(group, 5, 10, lambda t: ([1, 2], [HAPPY, SAD], [0.9, 0.0]))
    state = group.state(5.0)
    assert state.dominant == "happy"
    assert state.weighted[3] == pytest.approx(1, abs=1e-4)
    assert state.probs[3] == pytest.approx(1, abs=2e-3)
    assert state.unweighted[3] == pytest.approx(0.5)
    assert state.effective_people == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("rate", [2, 5, 7.3, 12, 25, 60])
def test_the_frame_rate_does_not_matter(rate):
    group = GroupAggregator()

    def people(t: float):
        return ([1], [SAD], [0.5]) if t <= 6 else ([1, 2], [SAD, HAPPY], [0.5, 1.0])

    run(group, 9, rate, people)
    state = group.state(9.0)
    # 5 s of sad at 0.5, and 3 s of happy at 1.0; with prior adaptation at the roots of those
    assert state.weighted[3] == pytest.approx(3 / 5.5, abs=0.06)
    assert state.probs[3] == pytest.approx(3 / (3 + 5 * 0.5**0.5), abs=0.06)


def test_a_track_lost_and_found_under_a_new_id_does_not_count_double():
    steady, flickering = GroupAggregator(), GroupAggregator()
    run(steady, 5, 10, lambda t: ([1, 2], [HAPPY, SAD], [0.5, 0.5]))
    run(flickering, 5, 10, lambda t: ([1, 10 + int(t)], [HAPPY, SAD], [0.5, 0.5]))
    np.testing.assert_allclose(steady.state(5).probs, flickering.state(5).probs, atol=1e-9)


def test_people_who_left_fade_out_with_the_window():
    group = GroupAggregator()
    run(group, 12, 10, lambda t: ([1, 2], [HAPPY, SAD], [1, 1]) if t < 6 else ([1], [HAPPY], [1]))
    assert [group.state(t).people for t in (12.0,)] == [1]
    group2 = GroupAggregator()
    run(group2, 8.5, 10, lambda t: ([1, 2], [HAPPY, SAD], [1, 1]) if t < 6 else ([1], [HAPPY], [1]))
    assert 0.25 < group2.state(8.5).probs[4] < 0.4
    assert group.state(12.0).probs[4] == pytest.approx(0, abs=1e-6)


def test_nobody_is_none_and_not_zero():
    group = GroupAggregator()
    for t in np.arange(0, 12, 0.1):
        group.add(float(t), Faces.none())
    state = group.state(12.0)
    assert state.people == 0
    assert (state.probs, state.entropy, state.dominant, state.shift) == (None,) * 4


def test_predicted_and_unread_faces_do_not_count():
    group = GroupAggregator()
    group.add(0.0, make_faces([1], HAPPY[None], [1.0], seen=False))
    group.add(0.1, make_faces([2], np.full((1, K), np.nan), [1.0]))
    assert group.state(0.1).probs is None
    assert group.state(0.1).people == 1


def test_small_groups_are_hidden():
    group = GroupAggregator()
    run(group, 5, 10, lambda t: ([1, 2], [HAPPY, SAD], [1, 1]))
    hidden = Privacy.GROUP.view(group.state(5.0))
    assert hidden.probs is None
    assert hidden.dominant is None
    assert hidden.people == 2
    large = GroupAggregator()
    run(large, 5, 10, lambda t: ([1, 2, 3], [HAPPY, SAD, SAD], [1, 1, 1]))
    assert Privacy.GROUP.view(large.state(5.0)).probs is not None


def test_time_may_not_run_backwards():
    group = GroupAggregator()
    group.add(1.0, Faces.none())
    with pytest.raises(ValueError, match="time"):
        group.add(0.5, Faces.none())
