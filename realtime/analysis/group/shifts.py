"""Mood shifts: where neighbouring windows differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import GroupState


@dataclass(frozen=True)
class MoodShift:
    """A moment at which the group distribution changed.

    t: the most likely moment of change; start, end: the classes that lost and gained most from
    the stretch before to the stretch after; size: largest JSD in nats between two neighbouring
    windows; noticed: when the threshold was first crossed.
    """

    t: float
    start: str
    end: str
    size: float
    noticed: float


class ShiftDetector:
    """Turns the shift curve into mood shifts, with hysteresis.

    A shift begins where the JSD to the window before rises above ``shift_on`` and is closed where
    it falls below ``shift_off``; its moment is the split of the two windows around the largest
    JSD that separates their distributions best.
    """

    def __init__(self, group: GroupAggregator) -> None:
        self.group = group
        self._open: MoodShift | None = None

    def update(self, state: GroupState) -> MoodShift | None:
        """Take the next state; returns a mood shift when one is complete."""
        settings, shift = self.group.settings, state.shift
        if self._open is None:
            if shift is not None and shift >= settings.shift_on:
                self._open = self._locate(state.t, shift, noticed=state.t)
            return None
        if shift is not None and shift > self._open.size:
            located = self._locate(state.t, shift, self._open.noticed)
            self._open = located or replace(self._open, size=shift)
        if shift is None or shift < settings.shift_off:
            return self.flush()
        return None

    def flush(self) -> MoodShift | None:
        """The shift still open, if there is one: at the end of the stream."""
        done, self._open = self._open, None
        return done

    def _locate(self, t: float, size: float, noticed: float) -> MoodShift | None:
        found = self.group.change_within(t - 2 * self.group.settings.window, t)
        if found is None:
            return None
        moment, before, after = found
        gain = after - before
        return MoodShift(
            t=moment,
            start=EMOTIONS[int(gain.argmin())],
            end=EMOTIONS[int(gain.argmax())],
            size=size,
            noticed=noticed,
        )
