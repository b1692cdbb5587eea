"""Intervals of a group's shares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import make_faces

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.group.distribution import group_contributions
from moodstream.realtime.analysis.group.intervals import share_interval, share_variances
from moodstream.realtime.emotions import PRIOR

K = 7


def interval_of(probs, quality, people=None, seen=1.0, **options):
    added = group_contributions(np.asarray(probs), np.asarray(quality), PRIOR, people=people)
    return added.sum(axis=0), share_interval(added, np.asarray(quality), seen, **options)


@st.composite
def rooms(draw):
    n = draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    concentration = draw(st.sampled_from([0.02, 0.3, 3.0]))
    return rng.dirichlet(np.full(K, concentration) + 1e-3, n), rng.uniform(1e-6, 1, n)


@given(rooms())
def test_an_interval_lies_in_0_to_1_around_its_share(room):
    shares, (low, high) = interval_of(*room)
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low <= shares + 1e-12).all()
    assert (high >= shares - 1e-12).all()


@given(rooms())
def test_the_order_of_people_does_not_matter(room):
    probs, quality = room
    np.testing.assert_allclose(
        interval_of(probs, quality)[1], interval_of(probs[::-1], quality[::-1])[1], atol=1e-6
    )


@given(rooms(), st.floats(0.05, 0.94), st.floats(0.0, 0.05))
def test_a_higher_level_is_not_narrower(room, level, more):
    _, (low, high) = interval_of(*room, level=level)
    _, (wider_low, wider_high) = interval_of(*room, level=level + more)
    assert (wider_low <= low + 1e-9).all()
    assert (wider_high >= high - 1e-9).all()


@given(rooms(), st.integers(2, 5))
def test_more_people_who_show_the_same_vary_less(room, times):
    probs, quality = room
    few = group_contributions(probs, quality, PRIOR)
    many = np.tile(few / times, (times, 1))
    fewer = share_variances(few, quality)
    assert (share_variances(many, np.tile(quality, times)) <= fewer + 1e-15).all()


def test_the_widths_of_groups_of_growing_size():
    """One person's is openly wide; what all have in common never averages out."""
    one = np.array([0.05, 0.02, 0.03, 0.5, 0.1, 0.1, 0.2])
    widths = []
    for people in (1, 2, 5, 12, 40, 1000):
        _, (low, high) = interval_of(np.tile(one, (people, 1)), np.full(people, 0.6))
        widths.append(high[3] - low[3])
    assert widths == sorted(widths, reverse=True)
    assert widths[0] > 0.6
    assert 0.1 < widths[4] < 0.35
    assert widths[5] > 0.1


def test_poor_faces_have_wider_intervals_than_good_ones():
    probs = np.tile([0.05, 0.02, 0.03, 0.5, 0.1, 0.1, 0.2], (5, 1))
    (_, good), (_, poor) = (interval_of(probs, np.full(5, q)) for q in (0.65, 0.2))
    assert (poor[1] - poor[0] > good[1] - good[0])[3]
    (_, better) = interval_of(probs, np.full(5, 1.0))  # measured on none so good
    np.testing.assert_allclose(better, good, atol=1e-9)


def test_intervals_near_the_ends_are_lopsided():
    probs = np.tile([0.01, 0.01, 0.01, 0.94, 0.01, 0.01, 0.01], (3, 1))
    shares, (low, high) = interval_of(probs, np.full(3, 0.5))
    assert shares[3] - low[3] > 2 * (high[3] - shares[3])
    assert high[0] - shares[0] > 2 * (shares[0] - low[0])
    assert low[0] == 0


@pytest.mark.parametrize("ids", [4, 20])
def test_one_person_under_several_ids_is_no_surer(ids):
    probs = np.array([[0.05, 0.02, 0.03, 0.5, 0.1, 0.1, 0.2]])
    _, one = interval_of(probs, [0.5])
    _, several = interval_of(np.tile(probs, (ids, 1)), np.full(ids, 0.5), 1.0, 1 / ids)
    np.testing.assert_allclose(several, one, atol=1e-6)


@settings(max_examples=10)
@given(rooms(), st.sampled_from([2, 7.3, 25]), st.sampled_from([2.0, 0.7]))
def test_neither_frame_rate_nor_breaking_tracks_make_a_stream_surer(room, rate, keeps):
    probs, quality = room
    n, state = len(probs), []
    for passes, track_of in ((5, lambda t: 0), (rate, lambda t: int(t / keeps))):
        group = GroupAggregator()
        for k in range(round(6 * passes) + 1):
            ids = [i + n * track_of(k / passes) for i in range(n)]
            group.add(k / passes, make_faces(ids, probs, list(quality)))
        state.append(group.state(6.0))
    first, second = (one.interval[1] - one.interval[0] for one in state)
    np.testing.assert_allclose(first, second, atol=0.06)
    want = interval_of(probs, quality)[1]
    np.testing.assert_allclose(state[0].interval, want, atol=0.01)


def test_nobody_has_no_interval():
    assert GroupAggregator().state(1.0).interval is None
