"""Draws a live stream's newest frame with the people as they were last seen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from moodstream.overlays.hud import clock as clock_text
from moodstream.realtime.analysis.people.tracker import moved_on
from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Faces, Frame, GroupState
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.outputs.painter import Painter
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.metrics import EventRate, LatencyPercentiles
from moodstream.realtime.runs.live.rows import PrivacyFilteredSink
from moodstream.realtime.runs.live.snapshot import Snapshot
from moodstream.realtime.sources.capture import Capture, CapturedFrame
from moodstream.realtime.threads import OwnedThread

_OLD = 1.0  # s after which the people of a look are no longer where they were
_QUIET = 0.5  # s between two pictures while there is no signal
_POLL = 0.1  # s to wait for the next frame, or for what the owner may switch
_NO_PICTURE = (360, 640, 3)
Show = Callable[[Image, float], None]


@dataclass(frozen=True)
class PresenterControls:
    """What a session's owner turns on and off, and where errors go."""

    stop: threading.Event
    paused: threading.Event
    privacy: Callable[[], Privacy]
    panel: Callable[[], bool]
    failed: Callable[[BaseException], None]


@dataclass(frozen=True)
class _Candidate:
    """A moment that may be shown if ``privacy``, for which it was made, still holds."""

    captured: CapturedFrame
    moment: AnnotatedFrame
    privacy: Privacy


class Presenter:
    """Makes the pictures of one source on a thread of its own.

    With faces to hide it shows only frames in which faces were looked for; else every frame, the
    boxes of the last look moved on.

    Args:
        capture: where the frames come from.
        rows: what may be shown of a group's state, and the mood shifts to tell of.
        switches: what the owner turns on and off.
        window: seconds that the group is summed over.
        max_latency: seconds after which a frame is dropped, None for never.
        show: takes each finished picture and its stream time; without it nothing is drawn, but
            the figures are kept.
        clock: monotonic seconds, the clock of ``capture``.
    """

    def __init__(
        self,
        capture: Capture,
        rows: PrivacyFilteredSink,
        switches: PresenterControls,
        window: float,
        max_latency: float | None = None,
        show: Show | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capture, self._rows, self._switches = capture, rows, switches
        self._show, self._max_latency, self._clock = show, max_latency, clock
        self._window, self._painter = window, Painter(window)
        self.rate, self.delays, self.dropped = EventRate(), LatencyPercentiles(), 0
        self._lock = threading.Condition()
        self._drawing = threading.Lock()  # held while a picture is made and shown
        self._looked: tuple[CapturedFrame, Snapshot] | None = None
        self._snapshot: Snapshot | None = None
        self._first = 0  # number of the first frame that may be shown
        self._number = 0
        self._last: AnnotatedFrame | None = None
        self._quiet_at = float("-inf")
        self._thread = OwnedThread(self._run, "presenter", switches.failed)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Wait for the thread; False where it is still running."""
        return self._thread.join(timeout)

    def analysed(self, captured: CapturedFrame, snapshot: Snapshot) -> None:
        """Take what is known after a step of the analysis; called on its thread."""
        with self._lock:
            if captured.number < self._first:
                return
            self._snapshot = snapshot
            if snapshot.looked or snapshot.black_since is not None:
                self._looked = captured, snapshot
                self._lock.notify_all()

    def forget(self) -> None:
        """Show nothing any more that was captured or found before now.

        When it returns, an empty picture stands where the last one stood. Called by the owner,
        who has switched to a stricter privacy mode before.
        """
        privacy = self._switches.privacy()
        with self._drawing:
            with self._lock:
                self._first = self._capture.state().frames + 1
                self._looked = self._snapshot = None
            if not privacy.keeps_individuals:  # the chart may tell of fewer people than are a group
                self._painter = Painter(self._window)
                self._rows.shifts.clear()
            if self._last is None:
                return
            self._last = _empty(np.zeros_like(self._last.frame.image), self._capture.state().t)
            self._draw(self._last, privacy)

    def _run(self) -> None:
        while not self._switches.stop.is_set():
            self._turn()

    def _turn(self) -> None:
        if self._switches.paused.is_set():
            self._switches.stop.wait(_POLL)
            self._number = max(self._number, self._capture.state().frames)
            self._quiet("paused")
            return
        found = self._next(self._switches.privacy())
        if found is None:
            if not self._switches.stop.is_set():  # a source that was stopped is no trouble
                self._quiet(self._trouble())
            if self._capture.over:  # nothing will come, but the privacy mode may still be switched
                self._switches.stop.wait(_POLL)
            return
        captured = found.captured
        if self._number:
            self.dropped += captured.number - self._number - 1
        self._number = captured.number
        late = self._clock() - captured.at
        in_time = self._max_latency is None or late <= self._max_latency
        if not (in_time and self._present(found)):
            self.dropped += 1
        else:
            now = self._clock()
            self.delays.add(now, now - captured.at)
            self.rate.add(now)

    def _next(self, privacy: Privacy) -> _Candidate | None:
        """The next frame to show, with its people; None where there is none yet."""
        found = self._next_looked() if privacy.hides_faces else self._next_captured()
        return None if found is None else _Candidate(*found, privacy)

    def _next_captured(self) -> tuple[CapturedFrame, AnnotatedFrame] | None:
        captured = self._capture.newest(self._number, _POLL)
        if captured is None:
            return None
        snapshot = self._snapshot
        if snapshot is None:
            self._number = captured.number
            return None
        if snapshot.black_since is not None:
            return captured, _black(captured.frame, snapshot.black_since)
        ahead = captured.frame.t - snapshot.t
        if ahead <= _OLD:
            faces = moved_on(snapshot.faces, ahead)
            return captured, self._moment(captured.frame, faces, snapshot)
        behind = f"the machine is too slow: figures are {ahead:.0f} s old"
        moment = self._moment(captured.frame, Faces.none(), snapshot)
        return captured, replace(moment, notice=behind)

    def _next_looked(self) -> tuple[CapturedFrame, AnnotatedFrame] | None:
        with self._lock:
            if self._looked is None or self._looked[0].number <= self._number:
                self._lock.wait(_POLL)
            found = self._looked
        if found is None or found[0].number <= self._number:
            return None
        captured, snapshot = found
        frame = captured.frame
        if snapshot.black_since is not None:  # nobody looked for faces in what it still shows
            frame = Frame(np.zeros_like(frame.image), frame.t, frame.index)
            return captured, _black(frame, snapshot.black_since)
        return captured, self._moment(frame, snapshot.faces, snapshot)

    def _moment(self, frame: Frame, faces: Faces, snapshot: Snapshot) -> AnnotatedFrame:
        shifts = []
        while self._rows.shifts:
            shifts.append(self._rows.shifts.popleft())
        # the state may have been summed up before the switch to a stricter mode
        state = self._rows.view(snapshot.state)
        return AnnotatedFrame(frame, faces, state, tuple(shifts), snapshot.all_boxes)

    def _trouble(self) -> str | None:
        """What to say of the signal, None where all is well."""
        state = self._capture.state()
        if state.status == "live":
            return None
        if state.status == "no signal":
            return f"no signal since {clock_text(state.since)}"
        return {"connecting": "connecting", "ended": "ended", "failed": "no signal"}[state.status]

    def _quiet(self, notice: str | None) -> None:
        """Now and then, say over the last picture that it is an old one."""
        now = self._clock()
        if notice is None or self._show is None or now - self._quiet_at < _QUIET:
            return
        self._quiet_at = now
        t = self._capture.state().t
        with self._drawing:
            if self._last is None:
                self._last = _empty(np.zeros(_NO_PICTURE, np.uint8), t)
            old = self._last
            # the people stay in it: with privacy on, their faces must stay hidden
            moment = AnnotatedFrame(
                Frame(old.frame.image, t, old.frame.index),
                old.faces,
                GroupState(t=t, people=0),
                all_boxes=old.all_boxes,
                notice=notice,
                instead=notice.split(" since")[0],
            )
            self._draw(moment, self._switches.privacy())

    def _present(self, found: _Candidate) -> bool:
        """Show a moment, unless the privacy mode was switched since it was chosen."""
        with self._drawing:
            if found.captured.number < self._first:
                return False
            if found.privacy != self._switches.privacy():
                return False
            self._last = found.moment
            self._draw(found.moment, found.privacy)
            return True

    def _draw(self, moment: AnnotatedFrame, privacy: Privacy) -> None:
        if self._show is None:
            return
        self._painter.privacy, self._painter.panel = privacy, self._switches.panel()
        self._show(self._painter.paint(moment), moment.frame.t)


def _empty(image: Image, t: float) -> AnnotatedFrame:
    return AnnotatedFrame(Frame(image, t, 0), Faces.none(), GroupState(t=t, people=0))


def _black(frame: Frame, since: float) -> AnnotatedFrame:
    """A picture with nobody in it, and the word that it has been black since then."""
    return AnnotatedFrame(
        frame,
        Faces.none(),
        GroupState(t=frame.t, people=0),
        notice=f"black picture since {clock_text(since)}",
        instead="no signal",
    )
