"""Where the rows of a live stream go: the recording and those who listen, as privacy allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.analysis.group.timeline import TimelineSink
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.outputs.recording.rows import event_row
from moodstream.realtime.privacy import Privacy

Notify = Callable[[str, dict[str, object]], None]
"""Takes the kind of an event, one word, and what JSON can hold of it."""


class RecordingSink(TimelineSink, Protocol):
    """A recording of one stream."""

    def gap(self, start: float, end: float, reason: str) -> None:
        """Take a stretch of stream seconds in which there was nothing to be seen, and why."""
        ...


class PrivacyFilteredSink:
    """Hands rows, mood shifts and gaps on; of single people only what the privacy mode allows.

    Args:
        source: Index of the source.
        name: Of the source, safe to show.
        record: The recording, None for none.
        privacy: Gives the privacy mode of now.
        notify: Takes events.

    Attributes:
        newest_shift: The newest that was told of any mood shift.
    """

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
        self.newest_shift: MoodShift | None = None
        self._individuals_until = float("-inf")  # the last row for which single people counted

    @property
    def hides_faces(self) -> bool:
        """Whether faces must be hidden now."""
        return self._privacy().hides_faces

    def view(self, state: GroupState) -> GroupState:
        """What may be shown of a state now."""
        return self._privacy().view(state)

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        """Take the row of time ``t``."""
        privacy = self._privacy()
        if privacy.keeps_individuals:
            self._individuals_until = t
        if self._record is not None:
            self._record.write(t, privacy.view(state), privacy.view_faces(faces))

    def event(self, shift: MoodShift) -> None:
        """Take news of a mood shift; not of one from before the switch to a mode it may break."""
        if not self._privacy().keeps_individuals and shift.t <= self._individuals_until:
            return
        if self._record is not None:
            self._record.event(shift)
        self.newest_shift = shift
        self._emit("shift", {"number": shift.number, **event_row(shift)})

    def gap(self, start: float, end: float, reason: str) -> None:
        """Take a stretch of stream seconds in which there was nothing to be seen, and why."""
        if self._record is not None:
            self._record.gap(start, end, reason)
        self._emit("gap", {"start": round(start, 3), "end": round(end, 3), "reason": reason})

    def status(self, status: str, t: float, detail: str | None) -> None:
        """The source's state has changed."""
        self._emit("status", {"status": status, "t": round(t, 3), "detail": detail})

    def _emit(self, kind: str, content: dict[str, object]) -> None:
        if self._notify is not None:
            self._notify(kind, self._about | content)
