"""Where the rows of a live stream go: the recording and those who listen, as privacy allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.analysis.group.timeline import TimelineSink
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.privacy import Privacy

Notify = Callable[[str, dict[str, object]], None]


class RecordingSink(TimelineSink, Protocol):
    """A recording of one stream."""

    def gap(self, start: float, end: float, reason: str) -> None:
        """There was nothing to be seen from ``start`` to ``end`` seconds."""
        ...


class PrivacyFilteredSink:
    """Hands rows, shifts and gaps on; in privacy mode ``group`` nothing about single people."""

    def __init__(
        self,
        source: int,
        name: str,
        record: RecordingSink | None,
        privacy: Callable[[], Privacy],
        notify: Notify | None = None,
    ) -> None:
        self._about: dict[str, object] = {"source": source, "name": name}
        self._record, self._privacy, self._notify = record, privacy, notify
        self.shifts: deque[MoodShift] = deque(maxlen=64)
        self.rows = 0

    @property
    def hides(self) -> bool:
        """Whether faces must be hidden."""
        return self._privacy().hides_faces

    def view(self, state: GroupState) -> GroupState:
        """What may be shown of a state."""
        return self._privacy().view(state)

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        """Take the row of time ``t``."""
        self.rows += 1
        if self._record is not None:
            self._record.write(t, state, self._privacy().view_faces(faces))

    def event(self, shift: MoodShift) -> None:
        """Take a mood shift."""
        self.shifts.append(shift)
        if self._record is not None:
            self._record.event(shift)
        self._tell(
            "shift",
            {"t": round(shift.t, 3), "from": shift.start, "to": shift.end, "size": shift.size},
        )

    def gap(self, start: float, end: float, reason: str) -> None:
        """Take a stretch in which there was nothing to be seen."""
        if self._record is not None:
            self._record.gap(start, end, reason)
        self._tell("gap", {"start": round(start, 3), "end": round(end, 3), "reason": reason})

    def status(self, status: str, t: float, detail: str | None) -> None:
        """The source's state has changed."""
        self._tell("status", {"status": status, "t": round(t, 3), "detail": detail})

    def _tell(self, kind: str, content: dict[str, object]) -> None:
        if self._notify is not None:
            self._notify(kind, self._about | content)
