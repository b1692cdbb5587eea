"""Draws a live stream's newest frame with the people as they were last seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from moodstream.overlays.hud import clock
from moodstream.overlays.scene import Privacy
from moodstream.realtime.analyst import Snapshot
from moodstream.realtime.capture import Capture, Captured
from moodstream.realtime.frames import Faces, Frame, Image
from moodstream.realtime.group import GroupState
from moodstream.realtime.live_rows import LiveRows
from moodstream.realtime.meters import Delays, Rate
from moodstream.realtime.painter import Painter
from moodstream.realtime.pipeline import Moment
from moodstream.realtime.worker import predicted

_OLD = 1.0  # s after which the people of a look are no longer where they were
_QUIET = 0.5  # s between two pictures while there is no signal
Show = Callable[[Image, float], None]


@dataclass(frozen=True)
class Switches:
    """What a session's owner turns on and off, and where errors go."""

    stop: threading.Event
    paused: threading.Event
    privacy: Callable[[], Privacy]
    panel: Callable[[], bool]
    failed: Callable[[BaseException], None]


class Presenter:
    """Makes the pictures of one source on a thread of its own.

    With faces to hide it shows only frames in which faces were looked for; else every frame, the
    boxes of the last look moved on. Frames older than ``max_latency`` seconds are dropped. Without
    ``show`` nothing is drawn, but the figures are kept.
    """

    def __init__(
        self,
        capture: Capture,
        rows: LiveRows,
        switches: Switches,
        window: float,
        max_latency: float | None = None,
        show: Show | None = None,
    ) -> None:
        self._capture, self._rows, self._switches = capture, rows, switches
        self._show, self._max_latency = show, max_latency
        self._painter = Painter(window)
        self.rate, self.delays, self.dropped = Rate(), Delays(), 0
        self.dark_since: float | None = None
        self._lock = threading.Condition()
        self._looked: tuple[Captured, Snapshot] | None = None
        self._snapshot: Snapshot | None = None
        self._number = 0
        self._last: Moment | None = None
        self._quiet_at = 0.0
        self._thread = threading.Thread(target=self._guard, name="presenter", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Wait for the thread; False where it is still running."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def analysed(self, captured: Captured, snapshot: Snapshot) -> None:
        """Take what is known after a step of the analysis; called on its thread."""
        with self._lock:
            self._snapshot = snapshot
            if snapshot.looked:
                self._looked = captured, snapshot
                self._lock.notify_all()

    def _guard(self) -> None:
        try:
            while not self._switches.stop.is_set():
                self._turn()
        except BaseException as error:  # whatever it is, its owner must hear of it
            self._switches.failed(error)

    def _turn(self) -> None:
        if self._switches.paused.is_set():
            self._switches.stop.wait(0.1)
            self._number = max(self._number, self._capture.state().frames)
            self._quiet("paused")
            return
        found = self._next()
        if found is None:
            if not self._switches.stop.is_set():  # a source that was stopped is no trouble
                self._quiet(self._trouble())
            return
        captured, moment = found
        if self._number:
            self.dropped += captured.number - self._number - 1
        self._number = captured.number
        late = time.monotonic() - captured.at
        if self._max_latency is not None and late > self._max_latency:
            self.dropped += 1
            return
        self._last = moment
        self._paint(moment)
        now = time.monotonic()
        self.delays.add(now, now - captured.at)
        self.rate.add(now)

    def _next(self) -> tuple[Captured, Moment] | None:
        """The next frame to show, with its people; None where there is none yet."""
        if self._switches.privacy() != "off":
            return self._next_looked()
        captured = self._capture.newest(self._number, 0.1)
        if captured is None:
            return None
        if self.dark_since is not None:
            return captured, self._dark(captured.frame)
        snapshot = self._snapshot
        if snapshot is None:
            self._number = captured.number
            return None
        ahead = captured.frame.t - snapshot.t
        if ahead <= _OLD:
            faces = predicted(snapshot.faces, ahead)
            return captured, self._moment(captured.frame, faces, snapshot)
        behind = f"the machine is too slow: figures are {ahead:.0f} s old"
        moment = self._moment(captured.frame, Faces.none(), snapshot)
        return captured, replace(moment, notice=behind)

    def _next_looked(self) -> tuple[Captured, Moment] | None:
        with self._lock:
            if self._looked is None or self._looked[0].number <= self._number:
                self._lock.wait(0.1)
            found = self._looked
        if found is None or found[0].number <= self._number:
            return None
        captured, snapshot = found
        return captured, self._moment(captured.frame, snapshot.faces, snapshot)

    def _moment(self, frame: Frame, faces: Faces, snapshot: Snapshot) -> Moment:
        shifts = []
        while self._rows.shifts:
            shifts.append(self._rows.shifts.popleft())
        return Moment(frame, faces, snapshot.state, tuple(shifts), snapshot.spotted)

    def _dark(self, frame: Frame) -> Moment:
        notice = f"black picture since {clock(self.dark_since or 0.0)}"
        nobody = GroupState(t=frame.t, people=0)
        return Moment(frame, Faces.none(), nobody, notice=notice, instead="no signal")

    def _trouble(self) -> str | None:
        """What to say of the signal, None where all is well."""
        state = self._capture.state()
        if state.status == "live":
            return None
        if state.status == "no signal":
            return f"no signal since {clock(state.since)}"
        return {"connecting": "connecting", "ended": "ended", "failed": "no signal"}[state.status]

    def _quiet(self, notice: str | None) -> None:
        """Now and then, say over the last picture that it is an old one."""
        now = time.monotonic()
        if notice is None or self._show is None or now - self._quiet_at < _QUIET:
            return
        self._quiet_at = now
        t = self._capture.state().t
        if self._last is None:
            blank = Frame(np.zeros((360, 640, 3), np.uint8), t, 0)
            self._last = Moment(blank, Faces.none(), GroupState(t=t, people=0))
        old = self._last
        nobody = GroupState(t=t, people=0)
        frame = Frame(old.frame.image, t, old.frame.index)
        # the people stay in it: with privacy on, their faces must stay hidden
        self._paint(
            Moment(
                frame,
                old.faces,
                nobody,
                spotted=old.spotted,
                notice=notice,
                instead=notice.split(" since")[0],
            )
        )

    def _paint(self, moment: Moment) -> None:
        if self._show is None:
            return
        self._painter.privacy, self._painter.panel = (
            self._switches.privacy(),
            self._switches.panel(),
        )
        self._show(self._painter.paint(moment), moment.frame.t)
