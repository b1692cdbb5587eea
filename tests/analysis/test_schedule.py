"""The policy of the budgeted worker: who is read next, and when faces are looked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodstream.realtime.runs.live.scheduler import (
    CostEstimate,
    Costs,
    FaceUrgency,
    ScheduleSettings,
    TimeBudget,
    detection_interval,
    intervals,
    select_faces,
    stride,
)

SETTINGS = ScheduleSettings()


def needs(age, waited=None, movement=0.0, change=0.0, doubt=0.5, quality=1.0) -> FaceUrgency:
    age = np.asarray(age, float)
    full = lambda v: np.broadcast_to(np.asarray(v, float), age.shape)  # noqa: E731
    return FaceUrgency(
        age,
        full(np.nan if waited is None else waited),
        full(movement),
        full(change),
        full(doubt),
        full(quality),
    )


def play(n, most, step, seconds, movement=0.0, change=0.0, quality=1.0, born=None):
    """Ages at each reading (face → list) when ``most`` of ``n`` faces are read every ``step``."""
    born = np.zeros(n) if born is None else np.asarray(born, float)
    last = np.full(n, np.nan)
    read: dict[int, list[tuple[float, float]]] = {i: [] for i in range(n)}
    for k in range(round(seconds / step)):
        t = k * step
        there = np.flatnonzero(born <= t + 1e-9)
        waited = np.where(np.isnan(last[there]), t - born[there], np.nan)
        age = np.nan_to_num(t - last[there], nan=np.inf)
        part = [np.broadcast_to(v, n)[there] for v in (movement, change, quality)]
        now = needs(age, waited, part[0], part[1], 0.5, part[2])
        for row in select_faces(now, most, step, SETTINGS):
            i = there[row]
            read[i].append((t, t - (born[i] if np.isnan(last[i]) else last[i])))
            last[i] = t
    return read


def test_with_a_budget_for_five_of_thirty_nobody_starves():
    read = play(30, 5, 0.1, 20.0)
    ages = [age for turns in read.values() for t, age in turns if t > 2]
    assert max(ages) <= 0.6 + 1e-9  # 30 faces, 50 readings a second
    turns = [len(v) for v in read.values()]
    assert max(turns) - min(turns) <= 1


@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=30, max_size=30),
    st.integers(1, 8),
)
def test_nobody_starves_whatever_the_others_do(faces, most):
    movement, change, quality = np.array(faces).T
    read = play(30, most, 0.1, 15.0, movement, change, quality)
    worst = max(age for turns in read.values() for t, age in turns if t > 5)
    assert worst <= 0.1 * np.ceil(30 / most) + 0.1 + 1e-9
    assert all(turns[-1][0] >= 15.0 - worst - 0.2 for turns in read.values())


def test_a_new_face_is_read_within_200_ms():
    born = np.concatenate([np.zeros(30), np.arange(3.0, 13.0, 0.37)])
    read = play(len(born), 5, 0.1, 15.0, born=born)
    assert max(read[i][0][1] for i in range(30, len(born))) <= 0.2


def test_many_new_faces_at_once_do_not_starve_the_others():
    born = np.concatenate([np.zeros(20), np.linspace(3.0, 6.0, 60)])
    read = play(80, 3, 0.1, 12.0, born=born)
    assert max(age for i in range(20) for t, age in read[i] if t > 2) < 80 / 3 * 0.1 + 1.0


def test_a_face_that_does_not_change_is_not_read_needlessly_often():
    read = play(10, 100, 1 / 30, 20.0)
    for turns in read.values():
        assert 3.0 <= len(turns) / 20.0 <= 3.5


def test_with_time_enough_everyone_is_read_three_times_a_second_at_every_step():
    for step in (1 / 60, 1 / 30, 0.1, 0.15, 0.2, 0.3):
        read = play(8, 100, step, 12.0)
        assert min(len(turns) for turns in read.values()) >= 3 * 12.0 - 1


def test_a_face_that_moves_or_changes_is_read_more_often():
    movement, change = np.zeros(9), np.zeros(9)
    movement[0], change[1] = 1.0, 0.5
    read = play(9, 100, 1 / 30, 10.0, movement, change)
    still = len(read[5])
    assert len(read[0]) > 1.5 * still
    assert len(read[1]) > 1.5 * still


def test_movement_of_a_face_that_cannot_be_seen_is_worth_less():
    clear, blurred = intervals(needs([0, 0], movement=1.0, quality=[1.0, 0.1]), SETTINGS)
    assert clear < blurred <= SETTINGS.refresh


def test_the_oldest_comes_first():
    now = needs([0.5, 2.0, 0.4, 1.0, 0.0])
    assert select_faces(now, 3, 0.1, SETTINGS).tolist() == [1, 3, 0]
    assert select_faces(now, 99, 0.1, SETTINGS).tolist() == [1, 3, 0, 2]


def test_one_never_read_comes_before_those_read_lately():
    now = needs([0.9, np.inf, 1.6], waited=[np.nan, 0.0, np.nan])
    assert select_faces(now, 99, 0.1, SETTINGS).tolist() == [2, 1, 0]


def test_nobody_in_view():
    assert select_faces(needs([]), 5, 0.1, SETTINGS).tolist() == []
    assert len(FaceUrgency.together([needs([]), needs([1.0])])) == 1


@pytest.mark.parametrize(
    ("look", "read", "faces", "expected"),
    [
        (0.005, 0.001, 5, 0.1),  # a fast machine looks as often as it may
        (0.06, 0.002, 30, 0.06 / (0.75 - 1.25 * 30 * 0.002 * 3)),
        (2.0, 0.002, 30, 0.5),  # a slow one still looks now and then
        (0.06, 0.5, 60, 0.06 / 0.25),  # too many to read: looks keep a third of the time
    ],
)
def test_looks_take_the_time_that_reading_leaves(look, read, faces, expected):
    assert detection_interval(Costs(look, read), faces, 1, SETTINGS) == pytest.approx(expected)


def test_two_pictures_cost_twice_as_much():
    one = detection_interval(Costs(0.1, 0.001), 10, 1, SETTINGS)
    assert detection_interval(Costs(0.1, 0.001), 10, 2, SETTINGS) == pytest.approx(2 * one)


@pytest.mark.parametrize(
    ("interval", "fps", "expected"), [(0.1, 30, 3), (0.1, 23.976, 2), (0.1, 5, 1), (0.5, 60, 30)]
)
def test_stride_in_frames(interval, fps, expected):
    assert stride(interval, fps) == expected


@given(
    st.lists(st.floats(0.005, 0.3), min_size=1, max_size=200),
    st.floats(0.01, 0.2),
    st.floats(0.0005, 0.05),
    st.integers(0, 60),
)
def test_no_more_time_is_spent_than_there_is(steps, look, read, faces):
    costs, credit = Costs(look, read), TimeBudget()
    interval = detection_interval(costs, faces, 1, SETTINGS)
    spent = 0
    for step in steps:
        now = min(credit.earn(step, costs, interval, 1, SETTINGS), faces)
        credit.spend(now, costs)
        spent += now
    share = max(0.0, SETTINGS.share - look / interval)
    assert spent * read <= share * sum(steps) + len(steps) * read + 1e-6


def test_credit_is_not_lost_to_rounding():
    costs, credit = Costs(0.0, 0.002), TimeBudget()
    spent = 0
    for _ in range(300):
        now = credit.earn(0.01, costs, 1.0, 1, SETTINGS)
        credit.spend(now, costs)
        spent += now
    assert spent == pytest.approx(SETTINGS.share * 3.0 / 0.002, rel=0.01)


def test_costs_follow_the_machine_and_outlive_a_stall():
    meter = CostEstimate(1.0)
    for _ in range(40):
        meter.add(0.08, 4)
    assert meter.value == pytest.approx(0.02)
    meter.add(5.0, 1)
    assert meter.value < 0.04
    meter.add(1.0, 0)
    for _ in range(60):
        meter.add(0.05, 1)
    assert meter.value == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize(
    "bad",
    [
        {"refresh": 0.05},
        {"quickest": 0},
        {"looks": (0.5, 0.1)},
        {"looks": (0, 0.1)},
        {"share": 0},
        {"share": 1.5},
    ],
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        ScheduleSettings(**bad)


def test_bad_needs_are_refused():
    with pytest.raises(ValueError, match="expected movement of shape"):
        FaceUrgency(*(np.zeros(2), np.zeros(2), np.zeros(3), np.zeros(2), np.zeros(2), np.zeros(2)))
