"""What a live stream tells of mood shifts, and what of it is recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.rows import PrivacyFilteredSink

SHIFT = MoodShift(10.0, "sad", "happy", 0.3, 11.5, 0.1, 0.6, "provisional", number=4)


class Recording:
    """Keeps the mood shifts that it is given."""

    def __init__(self) -> None:
        self.shifts: list[MoodShift] = []

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        pass

    def gap(self, start: float, end: float, reason: str) -> None:
        pass

    def event(self, shift: MoodShift) -> None:
        self.shifts.append(shift)


def told(sink_privacy: Privacy, shifts: list[MoodShift], until: float | None = None):
    """The events of a sink, and the sink; single people counted until a time."""
    events, modes = [], [Privacy.OFF]
    sink = PrivacyFilteredSink(
        2, "hall", Recording(), lambda: modes[0], lambda kind, content: events.append(content)
    )
    if until is not None:
        sink.write(until, GroupState(t=until, people=0), Faces.none())
    modes[0] = sink_privacy
    for shift in shifts:
        sink.event(shift)
    return events, sink


@pytest.mark.parametrize("then", ["confirmed", "withdrawn", "unconfirmed"])
def test_listeners_hear_of_a_shift_early_and_what_became_of_it(then):
    later = replace(SHIFT, status=then, t=9.8)
    events, sink = told(Privacy.OFF, [SHIFT, later])
    assert [(event["number"], event["status"], event["t"]) for event in events] == [
        (4, "provisional", 10.0),
        (4, then, 9.8),
    ]
    assert all((event["source"], event["name"]) == (2, "hall") for event in events)
    assert sink.newest_shift == later


def test_nothing_is_told_of_a_shift_from_before_the_switch_to_group():
    events, sink = told(Privacy.GROUP, [SHIFT, replace(SHIFT, t=20.0)], until=12.0)
    assert [event["t"] for event in events] == [20.0]
    assert sink.newest_shift is not None
    assert sink.newest_shift.t == 20.0
