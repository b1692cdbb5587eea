"""Rows of a timeline: on whole steps, of what came before, and the mood shifts among them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodstream.realtime.analysis.group.aggregator import GroupAggregator, GroupSettings
from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S, Timeline
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Faces, GroupState

K = len(EMOTIONS)


class Rows:
    """Keeps the rows and mood shifts of a timeline."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, GroupState, Faces]] = []
        self.shifts: list[MoodShift] = []

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        self.rows.append((t, state, faces))

    def event(self, shift: MoodShift) -> None:
        self.shifts.append(shift)

    @property
    def times(self) -> list[float]:
        return [t for t, _, _ in self.rows]


def one(emotion: str) -> Faces:
    """One person who shows an emotion."""
    probs = np.full((1, K), 0.02, np.float32)
    probs[0, EMOTIONS.index(emotion)] = 1 - 0.02 * (K - 1)
    box, full = np.array([[0, 0, 80, 80]], np.float32), np.ones(1, np.float32)
    return Faces(box, full, full, probs, np.array([1]), np.array([True]))


def played(frames, **options) -> tuple[Rows, list[MoodShift]]:
    """The rows of (t, faces, detected), and what the calls returned."""
    rows, returned = Rows(), []
    timeline = Timeline(GroupAggregator(GroupSettings(window=2.0)), rows, **options)
    for t, faces, detected in frames:
        returned += timeline.advance_to(t)
        returned += timeline.add(t, faces, detected)
    timeline.finish()
    return rows, returned


@given(st.lists(st.floats(0.001, 3.0), min_size=1, max_size=30), st.floats(0, 100))
def test_there_is_a_row_on_every_step_however_frames_come(gaps, start):
    times = [start, *(start + np.cumsum(gaps))]
    rows, _ = played([(t, Faces.none(), True) for t in times])
    steps = np.array(rows.times) / ROW_INTERVAL_S
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)
    assert (np.diff(np.rint(steps)) == 1).all()
    if len(steps):
        assert start - 1e-5 <= rows.times[0] < start + ROW_INTERVAL_S + 1e-5
        assert times[-1] - ROW_INTERVAL_S - 1e-3 <= rows.times[-1] <= times[-1] + 1e-3


def test_a_row_knows_only_what_came_before_it():
    rows, _ = played([(0.0, one("happy"), True), (1.0, one("sad"), True)])
    assert rows.times == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert [state.dominant for _, state, _ in rows.rows[:5]] == ["happy"] * 5
    assert rows.rows[4][2].probs[0].argmax() == EMOTIONS.index("happy")
    assert rows.rows[5][2].probs[0].argmax() == EMOTIONS.index("sad")


def test_people_without_a_detection_pass_do_not_count_for_the_group():
    rows, _ = played([(0.0, one("happy"), True), (0.2, one("sad"), False)])
    _, state, faces = rows.rows[-1]
    assert state.dominant == "happy"
    assert faces.probs[0].argmax() == EMOTIONS.index("sad")  # but the row shows them


def test_what_was_not_there_has_no_rows():
    rows = Rows()
    timeline = Timeline(GroupAggregator(), rows)
    for t in (0.0, 0.4):
        timeline.advance_to(t)
        timeline.add(t, Faces.none(), True)
    timeline.skip_to(5.05)
    timeline.advance_to(5.5)
    timeline.add(5.5, Faces.none(), True)
    assert rows.times == pytest.approx([0.0, 0.2, 0.4, 5.2, 5.4])


def test_only_what_may_be_shown_is_written():
    def nobody(state: GroupState) -> GroupState:
        return replace(state, probs=None, people=0)

    rows, _ = played([(t / 5, one("happy"), True) for t in range(10)], view=nobody)
    assert all(state.probs is None and state.people == 0 for _, state, _ in rows.rows)


def test_mood_shifts_are_returned_and_written_and_the_last_at_the_end():
    def mood(t: float) -> str:
        return "sad" if t < 6 else "happy" if t < 14 else "angry"

    frames = [(k / 10, one(mood(k / 10)), True) for k in range(155)]
    rows, returned = played(frames)
    last = [shift for shift in rows.shifts if shift.is_final]
    assert [(shift.start, shift.end) for shift in last] == [("sad", "happy"), ("happy", "angry")]
    assert [shift.t for shift in last] == pytest.approx([6.0, 14.0], abs=0.3)
    # the second was still provisional when the stream ended
    assert [(shift.number, shift.status) for shift in returned] == [
        (1, "provisional"),
        (1, "confirmed"),
        (2, "provisional"),
    ]
    assert rows.shifts == [*returned, last[1]]
