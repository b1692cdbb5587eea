"""The timeline of one stream: the state of the group in regular steps, and its mood shifts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.group.shifts import MoodShift, ShiftDetector
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.timing import StageTimer

ROW_INTERVAL_S = 0.2
"""Seconds of media time from row to row of a timeline."""

_TOLERANCE_S = 1e-6  # by which equal times may differ


class TimelineSink(Protocol):
    """Takes the rows and mood shifts of a timeline, on the thread that makes them."""

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        """Take the row of time ``t``."""
        ...

    def event(self, shift: MoodShift) -> None:
        """Take what is new of a mood shift: that it is provisional, and what became of it."""
        ...


class Timeline:
    """Sums the people into the group and emits a row every ``ROW_INTERVAL_S`` seconds.

    A row depends only on what came before its time.

    Args:
        group: Sums the people.
        rows: Takes rows and mood shifts.
        view: What may be shown of a state.
        timer: Takes the seconds of the stages group and record.

    Attributes:
        state: That of the last row.
    """

    def __init__(
        self,
        group: GroupAggregator,
        rows: TimelineSink,
        view: Callable[[GroupState], GroupState] = lambda state: state,
        timer: StageTimer | None = None,
    ) -> None:
        self.group, self.rows, self.view = group, rows, view
        self.timer = timer or StageTimer()
        self.state = GroupState(t=0.0, people=0)
        self._shifts = ShiftDetector(group)
        self._faces = Faces.none()
        self._row: int | None = None

    def advance_to(self, t: float) -> list[MoodShift]:
        """Emit the rows due before ``t``, ahead of ``add``; returns the news of mood shifts."""
        if self._row is None:
            # rows stand on whole steps of media time, wherever a part of a file starts
            self._row = math.ceil((t - _TOLERANCE_S) / ROW_INTERVAL_S)
        return self._until(t - _TOLERANCE_S)

    def add(self, t: float, faces: Faces, detected: bool) -> list[MoodShift]:
        """Take the people at ``t`` and emit the row of that time, if one is due.

        Args:
            t: Seconds of media time.
            faces: The people.
            detected: Whether there was a detection pass; they count for the group only then.

        Returns:
            What is new of mood shifts.
        """
        self._faces = faces
        if detected:
            self.group.add(t, faces)
        return self._until(t + _TOLERANCE_S)

    def skip_to(self, t: float) -> None:
        """Emit no rows before ``t``: there was no picture to make them from."""
        self._row = max(self._row or 0, math.ceil((t - _TOLERANCE_S) / ROW_INTERVAL_S))

    def finish(self) -> None:
        """The stream has ended: emit the mood shifts that are still provisional."""
        for last in self._shifts.flush():
            self.rows.event(last)

    def _until(self, t: float) -> list[MoodShift]:
        news: list[MoodShift] = []
        assert self._row is not None
        while self._row * ROW_INTERVAL_S <= t:
            at = round(self._row * ROW_INTERVAL_S, 3)
            with self.timer.stage("group"):
                self.state = self.view(self.group.state(at))
                shifts = self._shifts.update(self.state)
            with self.timer.stage("record"):
                self.rows.write(at, self.state, self._faces)
            for shift in shifts:
                self.rows.event(shift)
            news += shifts
            self._row += 1
        return news
