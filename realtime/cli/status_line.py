"""The line at the foot of the terminal while a live run goes on."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moodstream.realtime.runs.live.session import LiveSession
    from moodstream.realtime.runs.live.stream import LiveStream

_INTERVAL_S = 1.0  # between two updates
_NEWS_S = 20.0  # after a mood shift, for which it is shown


class StatusLine:
    """One line on a terminal that is written over: status, mood and speed of every source.

    Args:
        show: Whether anything is written.
    """

    def __init__(self, show: bool) -> None:
        self._show, self._due, self._length = show, 0.0, 0

    def update(self, session: LiveSession) -> None:
        """Write the line anew, if it is time."""
        from moodstream.realtime.outputs.report.formatting import counted
        from moodstream.realtime.runs.live.state import stream_state

        if not self._show or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _INTERVAL_S
        parts = []
        for stream in session.streams:
            state = stream_state(session, stream)
            people = state["people"]
            mood = "-" if people is None else counted(people, "person", "people")
            if state["dominant"] and state["probs"]:
                mood += f", {state['dominant']} {max(state['probs'].values()):.0%}"
            mood += _news(stream)
            parts.append(f"{state['name']}: {state['status']}, {mood}, {state['fps_shown']:.0f}/s")
        text = "  |  ".join(parts)
        sys.stderr.write("\r" + text.ljust(self._length))
        sys.stderr.flush()
        self._length = len(text)

    def clear(self) -> None:
        """Leave an empty line."""
        if self._length:
            sys.stderr.write("\r" + " " * self._length + "\r")
            sys.stderr.flush()


def _news(stream: LiveStream) -> str:
    """The newest mood shift in words, while it is news."""
    from moodstream.realtime.outputs.report.formatting import clock

    shift, snapshot = stream.rows.newest_shift, stream.snapshot
    if shift is None or snapshot is None or snapshot.t - shift.t > _NEWS_S:
        return ""
    doubt = "" if shift.status == "confirmed" else f" ({shift.status})"
    return f", from {shift.start} to {shift.end} at {clock(shift.t)}{doubt}"
