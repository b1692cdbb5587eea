"""Mood shifts: where the distributions of neighbouring windows differ."""

from __future__ import annotations

from dataclasses import dataclass, replace

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import GroupState


@dataclass(frozen=True)
class MoodShift:
    """A change of the group distribution.

    Attributes:
        t: The most likely time of the change, in seconds of media time.
        start: The class that lost most.
        end: The class that gained most.
        size: Largest JSD in nats between two neighbouring windows.
        noticed: When the threshold was first crossed, in seconds of media time.
    """

    t: float
    start: str
    end: str
    size: float
    noticed: float


class ShiftDetector:
    """Detects mood shifts in the states of a group, with hysteresis.

    A shift begins where the JSD to the window before rises above ``shift_on`` and ends where it
    falls below ``shift_off``; its time is that which separates the distributions of the two windows
    around the largest JSD best.

    Args:
        group: Whose states these are; it still has what they were summed from.
    """

    def __init__(self, group: GroupAggregator) -> None:
        self.group = group
        self._open: MoodShift | None = None

    def update(self, state: GroupState) -> MoodShift | None:
        """Take the next state; returns a mood shift once it has ended."""
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
        """At the end of the stream: the shift that has not ended yet, if there is one."""
        done, self._open = self._open, None
        return done

    def _locate(self, t: float, size: float, noticed: float) -> MoodShift | None:
        change = self.group.change_within(t - 2 * self.group.settings.window, t)
        if change is None:
            return None
        when, before, after = change
        gain = after - before
        return MoodShift(
            t=when,
            start=EMOTIONS[int(gain.argmin())],
            end=EMOTIONS[int(gain.argmax())],
            size=size,
            noticed=noticed,
        )
