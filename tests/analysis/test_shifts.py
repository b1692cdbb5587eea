"""Mood shifts: where they are, told early, whatever the frame rate; none without a change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.group.shifts import (
    MAX_ABSENCE_S,
    MoodShift,
    ShiftDetector,
    ShiftStatus,
    brought_up_to_date,
    penalty,
)
from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Faces, GroupState

K = len(EMOTIONS)
MOODS = st.sampled_from(EMOTIONS)
TOLD_WITHIN_S = 3.0

Mood = Callable[[float], str | None]
"""The mood of a room at a time, None while nobody is there."""


def one(mood: str | None, people: int = 6, noise: np.random.Generator | None = None) -> Faces:
    """People who all show a mood, each a little differently with ``noise``."""
    if mood is None:
        return Faces.none()
    probs = np.full((people, K), 0.04)
    probs[:, EMOTIONS.index(mood)] = 1 - 0.04 * (K - 1)
    if noise is not None:
        probs = np.stack([noise.dirichlet(8 * row) for row in probs])
    boxes, ones = (
        np.tile(np.array([0, 0, 80, 80], np.float32), (people, 1)),
        np.ones(people, np.float32),
    )
    return Faces(
        boxes, ones, ones, probs.astype(np.float32), np.arange(1, people + 1), np.ones(people, bool)
    )


def told(
    mood: Mood, until: float = 40.0, rate: float = 10.0, start: float = 0.0
) -> list[MoodShift]:
    """All that is told of a room until some seconds after its start."""
    group = GroupAggregator()
    detector, news = ShiftDetector(group), []
    steps = np.arange(round(until * rate) + 1) / rate
    rows = iter(np.arange(round(until / ROW_INTERVAL_S) + 1) * ROW_INTERVAL_S)
    row = next(rows)
    for t in steps:
        while row is not None and row < t - 1e-9:
            news += detector.update(group.state(start + row))
            row = next(rows, None)
        group.add(start + t, one(mood(t)))
    while row is not None:
        news += detector.update(group.state(start + row))
        row = next(rows, None)
    return news + detector.flush()


def final(news: Sequence[MoodShift]) -> list[MoodShift]:
    return [shift for shift in news if shift.is_final]


def ways(news: Sequence[MoodShift]) -> list[tuple[str, str]]:
    return [(shift.start, shift.end) for shift in final(news)]


@pytest.mark.parametrize("when", [4.0, 11.0, 17.3, 36.0])
def test_one_change_is_one_shift_at_its_moment(when):
    news = told(lambda t: "sad" if t < when else "happy")
    (shift,) = final(news)
    assert (shift.start, shift.end) == ("sad", "happy")
    assert shift.t == pytest.approx(when, abs=0.3)
    assert shift.before < 0.1 < 0.7 < shift.after


@pytest.mark.parametrize("lasts", [2.5, 4.0, 8.0, 12.0])
def test_there_and_back_is_two_shifts_however_short_the_mood(lasts):
    news = told(lambda t: "happy" if 12 < t < 12 + lasts else "sad")
    assert ways(news) == [("sad", "happy"), ("happy", "sad")]
    assert [shift.t for shift in final(news)] == pytest.approx([12, 12 + lasts], abs=0.4)


def test_changes_in_quick_succession_are_each_a_shift():
    order = ["sad", "happy", "neutral", "surprise", "angry", "happy"]
    news = told(lambda t: order[min(int(t / 5), 5)])
    assert ways(news) == list(pairwise(order))


@settings(max_examples=20, deadline=None)
@given(st.floats(5, 30), MOODS, MOODS)
def test_a_change_is_told_within_three_seconds_and_never_before_it(when, first, then):
    news = told(lambda t: first if t < when else then)
    if first == then:
        assert news == []
        return
    assert news[0].status == "provisional"
    assert when + TOLD_WITHIN_S >= news[0].noticed
    assert all(shift.noticed >= shift.t for shift in news)
    assert {shift.number for shift in news} == {1}
    assert [shift.status for shift in news[1:]] == ["confirmed"]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 50_000), st.floats(8, 20), st.floats(3, 10))
def test_later_is_the_same_later(steps, when, lasts):
    start = steps * ROW_INTERVAL_S

    def mood(t: float) -> str:
        return "happy" if when < t < when + lasts else "sad"

    now, later = final(told(mood)), final(told(mood, start=start))
    assert ways(now) == ways(later)
    for name in ("t", "noticed"):
        moved = [getattr(shift, name) - start for shift in later]
        assert moved == pytest.approx([getattr(shift, name) for shift in now], abs=0.21)


@pytest.mark.parametrize("rate", [3.0, 5.0, 10.0, 25.0, 30.0])
def test_the_frame_rate_does_not_matter(rate):
    news = final(told(lambda t: "happy" if 11 < t < 18 else "neutral", rate=rate))
    assert ways(news) == [("neutral", "happy"), ("happy", "neutral")]
    assert [shift.t for shift in news] == pytest.approx([11, 18], abs=0.4)
    assert [shift.noticed for shift in news] == pytest.approx([11.9, 18.8], abs=0.5)


@settings(max_examples=15, deadline=None)
@given(st.floats(8, 20), st.floats(3, 12), MOODS, MOODS, MOODS)
def test_backwards_they_are_the_same_the_other_way_round(when, lasts, a, b, c):
    length = 40.0

    def mood(t: float) -> str:
        return a if t < when else b if t < when + lasts else c

    there = final(told(mood, until=length))
    back = final(told(lambda t: mood(length - t), until=length))
    assert ways(there) == [(end, start) for start, end in reversed(ways(back))]
    mirrored = [length - shift.t for shift in reversed(back)]
    assert [shift.t for shift in there] == pytest.approx(mirrored, abs=0.6)


@pytest.mark.parametrize(
    ("left", "status"), [(0.5, None), (1.8, "unconfirmed"), (4.0, "confirmed"), (7.0, "confirmed")]
)
def test_a_change_shortly_before_the_end_is_not_lost(left, status):
    """After a second or two there is something to tell; with enough evidence it is sure."""
    news = told(lambda t: "sad" if t < 20 else "happy", until=20 + left)
    last = final(news)
    assert len(last) == (0 if status is None else 1)
    if last:
        assert last[0].status in (status, "confirmed")
        assert last[0].noticed <= 20 + TOLD_WITHIN_S


def test_what_does_not_last_is_withdrawn_or_never_told():
    news = told(lambda t: "happy" if 15 < t < 15.5 else "sad", until=60)
    assert final(news) == []
    assert all(shift.status in ("provisional", "withdrawn") for shift in news)


def test_a_change_that_takes_some_seconds_is_one_shift():
    """One person after the other changes."""
    group = GroupAggregator()
    detector, news = ShiftDetector(group), []
    for k in range(300):
        t = k / 10
        faces = one("sad")
        turned = int(np.clip((t - 12) / 0.5, 0, 6))
        faces.probs[:turned] = one("happy").probs[:turned]
        group.add(t, faces)
        if k % 2 == 0:
            news += detector.update(group.state(t))
    (shift,) = final(news + detector.flush())
    assert (shift.start, shift.end) == ("sad", "happy")
    assert shift.t == pytest.approx(13.5, abs=1.0)


def test_a_steady_noisy_room_has_no_shift():
    rng = np.random.default_rng(0)
    group = GroupAggregator()
    detector, news = ShiftDetector(group), []
    for k in range(600):
        group.add(k / 10, one("neutral", noise=rng))
        if k % 2 == 0:
            news += detector.update(group.state(k / 10))
    assert news + detector.flush() == []


@pytest.mark.parametrize(("absent", "shifts"), [(MAX_ABSENCE_S / 2, 1), (2 * MAX_ABSENCE_S, 0)])
def test_before_and_after_are_compared_over_a_short_absence_only(absent, shifts):
    def mood(t: float) -> str | None:
        return "sad" if t < 15 else None if t < 15 + absent else "happy"

    assert len(final(told(mood))) == shifts


def test_an_empty_room_between_is_not_a_shift():
    assert told(lambda t: None if 10 < t < 30 else "sad") == []


def test_who_leaves_soon_after_a_change_leaves_it_unconfirmed():
    news = told(lambda t: "sad" if t < 15 else "happy" if t < 17.4 else None)
    assert news[0].status == "provisional"
    assert len(final(news)) == 1
    assert news[-1].is_final


def test_nothing_is_told_of_a_group_that_may_not_be_shown():
    group = GroupAggregator()
    detector = ShiftDetector(group)
    for k in range(300):
        group.add(k / 10, one("sad" if k < 150 else "happy", people=2))
        hidden = GroupState(t=k / 10, people=2)  # what a privacy mode leaves of it
        assert detector.update(hidden) == []
    assert detector.flush() == []


def test_a_small_change_is_none():
    small = one("sad")
    small.probs[:] = 0.9 * one("sad").probs + 0.1 * one("happy").probs
    group = GroupAggregator()
    detector = ShiftDetector(group)
    for k in range(300):
        group.add(k / 10, one("sad") if k < 150 else small)
        assert detector.update(group.state(k / 10)) == []


def test_fewer_people_need_more_evidence():
    assert penalty(1) > penalty(3) > penalty(8) > penalty(20) > 0
    assert penalty(0) == penalty(1)


def test_of_each_shift_the_newest_is_known_and_none_that_was_withdrawn():
    def news(number: int, status: ShiftStatus) -> MoodShift:
        return MoodShift(1.0, "sad", "happy", 0.3, 2.0, 0.1, 0.6, status, number)

    known = brought_up_to_date([], [news(1, "provisional"), news(2, "provisional")])
    assert [shift.number for shift in known] == [1, 2]
    known = brought_up_to_date(known, [news(1, "confirmed"), news(2, "withdrawn")])
    assert [(shift.number, shift.status) for shift in known] == [(1, "confirmed")]
