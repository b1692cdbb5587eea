"""The line at the foot of the terminal while a live run goes on."""

from __future__ import annotations

import sys
import time

from moodstream.realtime.runs.live.session import LiveSession


class StatusLine:
    """One line on a terminal that is written over: the mood and the speed of the first source."""

    def __init__(self, show: bool) -> None:
        self._show, self._due, self._long = show, 0.0, 0

    def update(self, session: LiveSession) -> None:
        from moodstream.realtime.runs.live.state import stream_state

        if not self._show or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + 1.0
        parts = []
        for stream in session.streams:
            state = stream_state(session, stream)
            mood = "-" if state["people"] is None else f"{state['people']} people"
            if state["dominant"] and state["probs"]:
                mood += f", {state['dominant']} {max(state['probs'].values()):.0%}"
            parts.append(f"{state['name']}: {state['status']}, {mood}, {state['fps_shown']:.0f}/s")
        text = "  |  ".join(parts)
        sys.stderr.write("\r" + text.ljust(self._long))
        sys.stderr.flush()
        self._long = len(text)

    def clear(self) -> None:
        if self._long:
            sys.stderr.write("\r" + " " * self._long + "\r")
            sys.stderr.flush()
