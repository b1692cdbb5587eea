"""The thread that draws: the newest frame of a source with the people who were last seen in it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from moodstream.overlays.hud import clock as clock_text
from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.analysis.people.tracker import extrapolated
from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Faces, Frame
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.outputs.painter import Painter
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.annotate import black_picture, old_picture, without_people
from moodstream.realtime.runs.live.metrics import EventRate, LatencyPercentiles
from moodstream.realtime.runs.live.snapshot import Snapshot
from moodstream.realtime.sources.capture import Capture, CapturedFrame
from moodstream.realtime.threads import OwnedThread

MAX_SNAPSHOT_AGE_S = 1.0
"""Seconds after which the people of a detection pass are no longer where they were."""

NOTICE_INTERVAL_S = 0.5
"""Seconds between two pictures while there is no signal."""

_POLL_S = 0.1  # to wait for the next frame, or for what the owner may switch
_BLANK = (360, 640, 3)  # the picture before the first one
_MAX_SHIFTS = 64

Show = Callable[[Image, float], None]
"""Takes a finished picture, (H, W, 3) uint8 BGR, and its stream time in seconds."""


@dataclass(frozen=True)
class PresenterControls:
    """What a session's owner turns on and off, and where errors go.

    Attributes:
        stop: Set when the thread is to end.
        paused: Set while nothing new is to be shown.
        privacy: Gives the privacy mode of now.
        panel: Says whether the group panel is drawn.
        failed: Takes what broke the thread.
    """

    stop: threading.Event
    paused: threading.Event
    privacy: Callable[[], Privacy]
    panel: Callable[[], bool]
    failed: Callable[[BaseException], None]


@dataclass(frozen=True)
class _Candidate:
    """A frame that may be shown if ``privacy``, for which it was annotated, still holds."""

    captured: CapturedFrame
    annotated: AnnotatedFrame
    privacy: Privacy


class Presenter:
    """Makes the pictures of one source on a thread of its own.

    With faces to hide it shows only frames in which faces were detected; else every frame, the
    boxes of the last detection pass moved on.

    Args:
        capture: Where the frames come from.
        controls: What the owner turns on and off.
        window: Seconds that the group is summed over.
        max_latency: Seconds after which a frame is dropped, None for never.
        show: Takes each finished picture and its stream time; without it nothing is drawn, but
            rates and delays are measured.
        clock: Monotonic seconds, the clock of ``capture``.
    """

    def __init__(
        self,
        capture: Capture,
        controls: PresenterControls,
        window: float,
        max_latency: float | None = None,
        show: Show | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capture, self._controls = capture, controls
        self._show, self._max_latency, self._clock = show, max_latency, clock
        self._window, self._painter = window, Painter(window)
        self.rate, self.delays, self.dropped = EventRate(), LatencyPercentiles(), 0
        self._lock = threading.Condition()  # what ``update`` brings
        self._drawing = threading.Lock()  # held while a picture is made and shown
        self._snapshot: Snapshot | None = None
        self._detected: tuple[CapturedFrame, Snapshot] | None = None
        self._shifts: deque[MoodShift] = deque(maxlen=_MAX_SHIFTS)
        self._first_number = 0  # of the first frame that may be shown
        self._shifts_after = float("-inf")  # stream seconds
        self._number = 0
        self._last: AnnotatedFrame | None = None
        self._notice_at = float("-inf")
        self._thread = OwnedThread(self._run, "presenter", controls.failed)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout: float) -> bool:
        """Wait for the thread; False where it is still running."""
        return self._thread.join(timeout)

    def update(self, captured: CapturedFrame, snapshot: Snapshot) -> None:
        """Take what is known after a step of the analysis; called on its thread."""
        with self._lock:
            if captured.number < self._first_number:
                return
            self._snapshot = snapshot
            self._shifts.extend(s for s in snapshot.shifts if s.t > self._shifts_after)
            if snapshot.detected or snapshot.black_since is not None:
                self._detected = captured, snapshot
                self._lock.notify_all()

    def forget(self) -> None:
        """Show nothing any more that was captured or detected before now.

        When it returns, an empty picture stands where the last one stood. Called by the owner,
        who has switched to a stricter privacy mode before.
        """
        privacy = self._controls.privacy()
        with self._drawing:
            with self._lock:
                state = self._capture.state()
                self._first_number = state.frames + 1
                self._detected = self._snapshot = None
                if not privacy.keeps_individuals:
                    # what was known before may be about fewer people than are a group
                    self._shifts.clear()
                    self._shifts_after = state.t
                    self._painter = Painter(self._window)
            if self._last is None:
                return
            blank = np.zeros_like(self._last.frame.image)
            self._last = without_people(blank, state.t)
            self._draw(self._last, privacy)

    def _run(self) -> None:
        while not self._controls.stop.is_set():
            self.present_next()

    def present_next(self) -> None:
        """One turn of the thread: show the next frame, or say why there is none."""
        if self._controls.paused.is_set():
            self._controls.stop.wait(_POLL_S)
            self._number = max(self._number, self._capture.state().frames)
            self._repeat_with_notice("paused")
            return
        candidate = self._next(self._controls.privacy())
        if candidate is None:
            if not self._controls.stop.is_set():  # a source that was stopped has no trouble
                self._repeat_with_notice(self._signal_notice())
            if self._capture.over:  # nothing will come, but the privacy mode may still be switched
                self._controls.stop.wait(_POLL_S)
            return
        captured = candidate.captured
        if self._number:
            self.dropped += captured.number - self._number - 1
        self._number = captured.number
        late = self._clock() - captured.at
        in_time = self._max_latency is None or late <= self._max_latency
        if not (in_time and self._present(candidate)):
            self.dropped += 1
        else:
            now = self._clock()
            self.delays.add(now, now - captured.at)
            self.rate.add(now)

    def _next(self, privacy: Privacy) -> _Candidate | None:
        """The next frame to show, with its people; None where there is none yet."""
        following = self._next_detected() if privacy.hides_faces else self._next_captured()
        return None if following is None else _Candidate(*following, privacy)

    def _next_captured(self) -> tuple[CapturedFrame, AnnotatedFrame] | None:
        captured = self._capture.newest(self._number, _POLL_S)
        if captured is None:
            return None
        snapshot = self._snapshot
        if snapshot is None:
            self._number = captured.number
            return None
        if snapshot.black_since is not None:
            return captured, black_picture(captured.frame, snapshot.black_since, hide=False)
        ahead = captured.frame.t - snapshot.t
        if ahead <= MAX_SNAPSHOT_AGE_S:
            faces = extrapolated(snapshot.faces, ahead)
            return captured, self._annotate(captured.frame, faces, snapshot)
        behind = f"the machine is too slow: figures are {ahead:.0f} s old"
        annotated = self._annotate(captured.frame, Faces.none(), snapshot)
        return captured, replace(annotated, banner=behind)

    def _next_detected(self) -> tuple[CapturedFrame, AnnotatedFrame] | None:
        with self._lock:
            if self._detected is None or self._detected[0].number <= self._number:
                self._lock.wait(_POLL_S)
            newest = self._detected
        if newest is None or newest[0].number <= self._number:
            return None
        captured, snapshot = newest
        frame = captured.frame
        if snapshot.black_since is not None:
            return captured, black_picture(frame, snapshot.black_since, hide=True)
        return captured, self._annotate(frame, snapshot.faces, snapshot)

    def _annotate(self, frame: Frame, faces: Faces, snapshot: Snapshot) -> AnnotatedFrame:
        with self._lock:
            shifts = tuple(self._shifts)
            self._shifts.clear()
        # the state may have been summed up before the switch to a stricter mode
        state = self._controls.privacy().view(snapshot.state)
        return AnnotatedFrame(frame, faces, state, shifts, snapshot.all_boxes)

    def _signal_notice(self) -> str | None:
        """What to say of the signal, None where all is well."""
        state = self._capture.state()
        if state.status == "live":
            return None
        if state.status == "no signal":
            return f"no signal since {clock_text(state.since)}"
        return {"connecting": "connecting", "ended": "ended", "failed": "no signal"}[state.status]

    def _repeat_with_notice(self, notice: str | None) -> None:
        """Now and then, say over the last picture that it is an old one."""
        now = self._clock()
        if notice is None or self._show is None or now - self._notice_at < NOTICE_INTERVAL_S:
            return
        self._notice_at = now
        t = self._capture.state().t
        with self._drawing:
            if self._last is None:
                self._last = without_people(np.zeros(_BLANK, np.uint8), t)
            self._draw(old_picture(self._last, t, notice), self._controls.privacy())

    def _present(self, candidate: _Candidate) -> bool:
        """Show a frame, unless the privacy mode was switched since it was annotated."""
        with self._drawing:
            if candidate.captured.number < self._first_number:
                return False
            if candidate.privacy != self._controls.privacy():
                return False
            self._last = candidate.annotated
            self._draw(candidate.annotated, candidate.privacy)
            return True

    def _draw(self, annotated: AnnotatedFrame, privacy: Privacy) -> None:
        if self._show is None:
            return
        self._painter.privacy, self._painter.panel = privacy, self._controls.panel()
        self._show(self._painter.paint(annotated), annotated.frame.t)
