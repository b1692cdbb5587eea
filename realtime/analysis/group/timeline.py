"""The timeline of one stream: the group on whole steps of its time, and the moments it shifts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.group.shifts import MoodShift, ShiftDetector
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.timing import StageTimer

_EXACT = 1e-6


class TimelineSink(Protocol):
    """Takes timeline rows, on the thread that makes them."""

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        """Take the row of time ``t``."""
        ...

    def event(self, shift: MoodShift) -> None:
        """Take a mood shift."""
        ...


class Timeline:
    """Sums the people into the group and emits a row every ``STEP`` seconds.

    A row knows only what came before its time. ``view`` is what may be shown of a state.
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

    def reach(self, t: float) -> list[MoodShift]:
        """Emit the rows due before ``t``; call it before the people at ``t`` are given."""
        if self._row is None:
            # rows stand on whole steps of media time, wherever a part of a file starts
            self._row = math.ceil((t - _EXACT) / STEP)
        return self._until(t - _EXACT)

    def take(self, t: float, faces: Faces, looked: bool) -> list[MoodShift]:
        """The people at ``t``; they count for the group where their faces were ``looked`` for."""
        self._faces = faces
        if looked:
            self.group.add(t, faces)
        return self._until(t + _EXACT)

    def skip_to(self, t: float) -> None:
        """Emit no rows before ``t``: there was no picture to make them from."""
        self._row = max(self._row or 0, math.ceil((t - _EXACT) / STEP))

    def finish(self) -> None:
        """The stream has ended: emit the mood shift that is still open, if there is one."""
        last = self._shifts.flush()
        if last is not None:
            self.rows.event(last)

    def _until(self, t: float) -> list[MoodShift]:
        shifts = []
        assert self._row is not None
        while self._row * STEP <= t:
            at = round(self._row * STEP, 3)
            with self.timer.stage("group"):
                self.state = self.view(self.group.state(at))
                shift = self._shifts.update(self.state)
            with self.timer.stage("record"):
                self.rows.write(at, self.state, self._faces)
            if shift is not None:
                shifts.append(shift)
                self.rows.event(shift)
            self._row += 1
        return shifts


STEP = 0.2
"""Seconds of media time from row to row of a timeline."""
