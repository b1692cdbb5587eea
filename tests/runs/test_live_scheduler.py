"""The schedule of live analysis: who is classified next, and when faces are detected."""

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


def urgency(
    age, waited=None, movement=0.0, change=0.0, uncertainty=0.5, quality=1.0
) -> FaceUrgency:
    age = np.asarray(age, float)
    full = lambda v: np.broadcast_to(np.asarray(v, float), age.shape)  # noqa: E731
    return FaceUrgency(
        age,
        full(np.nan if waited is None else waited),
        full(movement),
        full(change),
        full(uncertainty),
        full(quality),
    )


def play(n, limit, step, seconds, movement=0.0, change=0.0, quality=1.0, born=None):
    """(time, age) of each prediction, per face, when ``limit`` of ``n`` are made every ``step``."""
    born = np.zeros(n) if born is None else np.asarray(born, float)
    last = np.full(n, np.nan)
    made: dict[int, list[tuple[float, float]]] = {i: [] for i in range(n)}
    for k in range(round(seconds / step)):
        t = k * step
        there = np.flatnonzero(born <= t + 1e-9)
        waited = np.where(np.isnan(last[there]), t - born[there], np.nan)
        age = np.nan_to_num(t - last[there], nan=np.inf)
        part = [np.broadcast_to(v, n)[there] for v in (movement, change, quality)]
        now = urgency(age, waited, part[0], part[1], 0.5, part[2])
        for row in select_faces(now, limit, step, SETTINGS):
            i = there[row]
            made[i].append((t, t - (born[i] if np.isnan(last[i]) else last[i])))
            last[i] = t
    return made


def test_with_a_budget_for_five_of_thirty_nobody_starves():
    made = play(30, 5, 0.1, 20.0)
    ages = [age for turns in made.values() for t, age in turns if t > 2]
    assert max(ages) <= 0.6 + 1e-9  # 30 faces, 50 predictions a second
    turns = [len(v) for v in made.values()]
    assert max(turns) - min(turns) <= 1


@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=30, max_size=30),
    st.integers(1, 8),
)
def test_nobody_starves_whatever_the_others_do(faces, limit):
    movement, change, quality = np.array(faces).T
    made = play(30, limit, 0.1, 15.0, movement, change, quality)
    worst = max(age for turns in made.values() for t, age in turns if t > 5)
    assert worst <= 0.1 * np.ceil(30 / limit) + 0.1 + 1e-9
    assert all(turns[-1][0] >= 15.0 - worst - 0.2 for turns in made.values())


def test_a_new_face_is_classified_within_200_ms():
    born = np.concatenate([np.zeros(30), np.arange(3.0, 13.0, 0.37)])
    made = play(len(born), 5, 0.1, 15.0, born=born)
    assert max(made[i][0][1] for i in range(30, len(born))) <= 0.2


def test_many_new_faces_at_once_do_not_starve_the_others():
    born = np.concatenate([np.zeros(20), np.linspace(3.0, 6.0, 60)])
    made = play(80, 3, 0.1, 12.0, born=born)
    assert max(age for i in range(20) for t, age in made[i] if t > 2) < 80 / 3 * 0.1 + 1.0


def test_a_face_that_does_not_change_is_not_classified_needlessly_often():
    made = play(10, 100, 1 / 30, 20.0)
    for turns in made.values():
        assert 3.0 <= len(turns) / 20.0 <= 3.5


def test_with_time_enough_everyone_is_classified_three_times_a_second_at_every_step():
    for step in (1 / 60, 1 / 30, 0.1, 0.15, 0.2, 0.3):
        made = play(8, 100, step, 12.0)
        assert min(len(turns) for turns in made.values()) >= 3 * 12.0 - 1


def test_a_face_that_moves_or_changes_is_classified_more_often():
    movement, change = np.zeros(9), np.zeros(9)
    movement[0], change[1] = 1.0, 0.5
    made = play(9, 100, 1 / 30, 10.0, movement, change)
    still = len(made[5])
    assert len(made[0]) > 1.5 * still
    assert len(made[1]) > 1.5 * still


def test_movement_of_a_face_that_cannot_be_seen_counts_less():
    clear, blurred = intervals(urgency([0, 0], movement=1.0, quality=[1.0, 0.1]), SETTINGS)
    assert clear < blurred <= SETTINGS.refresh


def test_the_oldest_comes_first():
    now = urgency([0.5, 2.0, 0.4, 1.0, 0.0])
    assert select_faces(now, 3, 0.1, SETTINGS).tolist() == [1, 3, 0]
    assert select_faces(now, 99, 0.1, SETTINGS).tolist() == [1, 3, 0, 2]


def test_one_never_classified_comes_before_those_classified_lately():
    now = urgency([0.9, np.inf, 1.6], waited=[np.nan, 0.0, np.nan])
    assert select_faces(now, 99, 0.1, SETTINGS).tolist() == [2, 1, 0]


def test_nobody_in_view():
    assert select_faces(urgency([]), 5, 0.1, SETTINGS).tolist() == []
    assert len(FaceUrgency.join([urgency([]), urgency([1.0])])) == 1


@pytest.mark.parametrize(
    ("detection", "prediction", "faces", "expected"),
    [
        (0.005, 0.001, 5, 0.1),  # a fast machine detects as often as it may
        (0.06, 0.002, 30, 0.06 / (0.75 - 1.25 * 30 * 0.002 * 3)),
        (2.0, 0.002, 30, 0.5),  # a slow one still detects now and then
        (0.06, 0.5, 60, 0.06 / 0.25),  # too many to classify: detection keeps a third of the time
    ],
)
def test_detection_takes_the_time_that_classification_leaves(
    detection, prediction, faces, expected
):
    assert detection_interval(Costs(detection, prediction), faces, 1, SETTINGS) == pytest.approx(
        expected
    )


def test_two_streams_cost_twice_as_much():
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
def test_no_more_time_is_spent_than_there_is(steps, detection, prediction, faces):
    costs, budget = Costs(detection, prediction), TimeBudget()
    interval = detection_interval(costs, faces, 1, SETTINGS)
    spent = 0
    for step in steps:
        now = min(budget.earn(step, costs, interval, 1, SETTINGS), faces)
        budget.spend(now, costs)
        spent += now
    share = max(0.0, SETTINGS.share - detection / interval)
    assert spent * prediction <= share * sum(steps) + len(steps) * prediction + 1e-6


def test_the_budget_is_not_lost_to_rounding():
    costs, budget = Costs(0.0, 0.002), TimeBudget()
    spent = 0
    for _ in range(300):
        now = budget.earn(0.01, costs, 1.0, 1, SETTINGS)
        budget.spend(now, costs)
        spent += now
    assert spent == pytest.approx(SETTINGS.share * 3.0 / 0.002, rel=0.01)


def test_costs_follow_the_machine_and_outlive_a_stall():
    estimate = CostEstimate(1.0)
    for _ in range(40):
        estimate.add(0.08, 4)
    assert estimate.value == pytest.approx(0.02)
    estimate.add(5.0, 1)
    assert estimate.value < 0.04
    estimate.add(1.0, 0)
    for _ in range(60):
        estimate.add(0.05, 1)
    assert estimate.value == pytest.approx(0.05, rel=0.02)


@pytest.mark.parametrize(
    "bad",
    [
        {"refresh": 0.05},
        {"quickest": 0},
        {"detection_intervals": (0.5, 0.1)},
        {"detection_intervals": (0, 0.1)},
        {"share": 0},
        {"share": 1.5},
    ],
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        ScheduleSettings(**bad)


def test_bad_urgency_is_refused():
    with pytest.raises(ValueError, match="expected movement of shape"):
        FaceUrgency(*(np.zeros(2), np.zeros(2), np.zeros(3), np.zeros(2), np.zeros(2), np.zeros(2)))
