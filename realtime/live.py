"""Live streams: captured, looked at, drawn and recorded on threads that never wait for each other.

One capture and one presenter thread a source, and one analysis thread for all of them. The newest
frame wins everywhere: a presenter draws it with the people of the last look moved on, so that
what is shown does not wait for the networks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from moodstream.overlays.scene import Privacy
from moodstream.realtime.analyst import Analyst, Snapshot, Watched
from moodstream.realtime.capture import Capture, Captured, CaptureSettings, Opener
from moodstream.realtime.darkness import is_dark
from moodstream.realtime.detectors.base import FaceFilter
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Image
from moodstream.realtime.group import GroupAggregator, GroupSettings
from moodstream.realtime.live_rows import LiveRows, RecordSink
from moodstream.realtime.live_sources import SourceSpec, open_reader
from moodstream.realtime.models import Models
from moodstream.realtime.presenter import Presenter, Switches
from moodstream.realtime.schedule import ScheduleSettings
from moodstream.realtime.threads import OwnedThread
from moodstream.realtime.timeline import Timeline
from moodstream.realtime.worker import Follower, WorkerSettings
from moodstream.trackers.smoothing import SmoothingSettings

logger = logging.getLogger(__name__)

Reason = Literal["duration", "ended", "quit", "interrupted", "gave up", "failed"]
PRIVACY: tuple[Privacy, ...] = ("off", "blur", "group")
"""From least to most strict."""

_IDLE = 0.1  # seconds to wait at most for the first new frame
_POLL = 0.005  # seconds between two looks at several sources
_SEEN_LOOKS = (1 / 30, 0.5)  # with faces to hide, only frames that were looked at can be shown


@dataclass(frozen=True)
class LiveSettings:
    """All that a run depends on besides the sources and networks; written into its recording.

    max_latency: frames older than this many seconds are dropped, not shown; give_up: seconds
    without a signal after which a source is left, None for never; duration: seconds to run, None
    for ever.
    """

    worker: WorkerSettings = field(default_factory=WorkerSettings)
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    group: GroupSettings = field(default_factory=GroupSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    capture: CaptureSettings = field(default_factory=CaptureSettings)
    privacy: Privacy = "off"
    max_latency: float | None = None
    give_up: float | None = None
    duration: float | None = None


class LiveStream:
    """One source of a session with all that belongs to it."""

    def __init__(
        self,
        index: int,
        spec: SourceSpec,
        settings: LiveSettings,
        capture: Capture,
        rows: LiveRows,
        presenter: Presenter,
        filters: Sequence[FaceFilter] = (),
    ) -> None:
        self.index, self.spec, self.capture = index, spec, capture
        self.rows, self.presenter = rows, presenter
        self._settings, self._filters = settings, filters
        self.watched: Watched | None = None
        self.analysed = 0
        self.gave_up = False
        self.gaps = 0

    def take(self, captured: Captured) -> Watched | None:
        """Who watches this frame; None where there is nothing to be seen in it."""
        self.analysed = captured.number
        frame = captured.frame
        if self.watched is None:
            self.watched = self._begin(frame.image)
        # a face that is to be hidden must be found at once, however small it is
        every = 0.0 if self.rows.hides else self._settings.worker.full_every
        self.watched.follower.zoom.full_every = every
        for gap in self.capture.gaps():
            self._gap(gap.start, gap.end, gap.reason)
        black_since = self.watched.black_since
        if self.spec.kind != "file" and is_dark(frame.image):
            if black_since is None:
                logger.info("%s: black picture", self.spec.name)
            self.presenter.analysed(captured, self.watched.black(frame))
            return None
        if black_since is not None:
            logger.info("%s: no longer black", self.spec.name)
            self._gap(black_since, frame.t, "black picture")
        return self.watched

    def skipped(self, start: float, end: float, reason: str) -> None:
        """Nothing was analysed from ``start`` to ``end`` stream seconds."""
        if self.watched is not None:
            self._gap(start, end, reason)

    def _gap(self, start: float, end: float, reason: str) -> None:
        self.gaps += 1
        self.rows.gap(start, end, reason)
        assert self.watched is not None
        self.watched.timeline.skip_to(end)

    def tune(self, window: float, smoothing: float) -> None:
        """Seconds of the group's window and of the smoothing, once there is somebody to watch."""
        if self.watched is None:
            return
        group, smoother = self.watched.timeline.group, self.watched.follower.smoother
        if group.settings.window != window:
            group.settings = replace(group.settings, window=window)
        if smoother.settings.tau != smoothing:
            smoother.settings = replace(smoother.settings, tau=smoothing)

    @property
    def snapshot(self) -> Snapshot | None:
        """What is known of it now, None before the first frame."""
        return None if self.watched is None else self.watched.snapshot

    def _begin(self, image: Image) -> Watched:
        settings = self._settings
        side = float(max(image.shape[:2]))
        follower = Follower(
            settings.worker, settings.smoothing, picture_side=side, filters=self._filters
        )
        timeline = Timeline(GroupAggregator(settings.group), self.rows, self.rows.view)
        return Watched(follower, timeline, self.fps)

    def fps(self) -> float | None:
        """Frames per second of stream time, as they come in."""
        measured = self.capture.state().fps
        return None if measured is None else measured / self._settings.capture.speed

    def finish(self) -> None:
        """The stream has ended and nobody analyses it any more."""
        for gap in self.capture.gaps():
            self.skipped(gap.start, gap.end, gap.reason)
        if self.watched is not None:
            self.watched.timeline.finish()


class LiveSession:
    """Runs some sources until they end, give up, or ``end`` is called; the owner calls ``tick``.

    It runs while its context is open, or from ``start`` to ``stop``.
    """

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        models: Models,
        settings: LiveSettings,
        record: Callable[[int], RecordSink | None] = lambda source: None,
        show: Callable[[int, Image, float], None] | None = None,
        notify: Callable[[str, dict[str, object]], None] | None = None,
        say: Callable[[str], None] = lambda line: None,
        opener: Opener = open_reader,
        clock: Callable[[], float] = time.monotonic,
        analysed: Callable[[int, Snapshot], None] = lambda source, snapshot: None,
    ) -> None:
        """Make every stage; nothing runs yet.

        Args:
            specs: the sources.
            models: the networks.
            settings: all that the run depends on besides.
            record: gives the recording of a source by its index, None for none.
            show: takes the index of a source, each finished picture of it and its stream time;
                called on the source's presenter thread, or on that of ``set_privacy``.
            notify: takes events.
            say: takes lines for people, on the owner's thread.
            opener: what opens a source.
            clock: monotonic seconds.
            analysed: takes the index of a source and what is known of it after each step, on the
                analysis thread.
        """
        settings = replace(settings, group=replace(settings.group, prior=models.prior))
        self.settings, self._say, self._analysed = settings, say, analysed
        self.reason: Reason | None = None
        self.privacy: Privacy = settings.privacy
        self.panel = True
        self.paused = threading.Event()
        self.clock, self.origin = clock, clock()
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._told: dict[int, str] = {}
        self.analyst = Analyst(
            models.detector,
            models.classifier,
            settings.schedule,
            settings.worker.min_confidence,
            settings.capture.speed,
            clock,
        )
        self.streams: list[LiveStream] = []
        switches = Switches(
            self._stop, self.paused, lambda: self.privacy, lambda: self.panel, self.failed
        )
        for index, spec in enumerate(specs):
            rows = LiveRows(
                index,
                spec.name,
                record(index),
                lambda: self.privacy,
                notify,
            )
            capture = Capture(spec, settings.capture, self.origin, opener, clock)
            presenter = Presenter(
                capture,
                rows,
                switches,
                settings.group.window,
                settings.max_latency,
                None if show is None else partial(show, index),
                clock,
            )
            self.streams.append(
                LiveStream(index, spec, settings, capture, rows, presenter, models.filters)
            )
        self._thread = OwnedThread(self._analyse, "analysis", self.failed)
        self.set_privacy(settings.privacy)

    def __enter__(self) -> LiveSession:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.stop():
            self._say("a thread did not end in time; it is left behind")

    def start(self) -> None:
        """Start every thread, or none where the system has no room for one."""
        with ExitStack() as undo:
            undo.callback(self.stop)
            for stream in self.streams:
                stream.capture.start()
                stream.presenter.start()
            self._thread.start()
            undo.pop_all()

    def end(self, reason: Reason) -> None:
        """End the run; the first reason stands. May be called from anywhere."""
        if self.reason is None:
            self.reason = reason

    def failed(self, error: BaseException) -> None:
        """A thread broke; its owner will raise this."""
        self._errors.append(error)

    def stricter_privacy(self) -> None:
        """The next privacy mode; never less strict than the one the session began with."""
        allowed = PRIVACY[PRIVACY.index(self.settings.privacy) :]
        self.set_privacy(allowed[(allowed.index(self.privacy) + 1) % len(allowed)])

    def pause(self, on: bool) -> None:
        """Stop looking, drawing and recording for a while; the sources stay open."""
        (self.paused.set if on else self.paused.clear)()

    def set_privacy(self, privacy: Privacy) -> None:
        """Switch what may be shown of a person.

        When it returns nothing is shown any more that was seen with less privacy.
        """
        stricter = PRIVACY.index(privacy) > PRIVACY.index(self.privacy)
        self.privacy = privacy
        if stricter:
            for stream in self.streams:
                stream.presenter.forget()
        schedule = self.settings.schedule
        if privacy != "off":
            schedule = replace(schedule, looks=_SEEN_LOOKS)
        self.analyst.settings = schedule

    def tune(self, window: float, smoothing: float) -> None:
        """Let the stages work with these seconds; they read their settings at each step."""
        for stream in self.streams:
            stream.tune(window, smoothing)

    def tick(self) -> bool:
        """The owner's duty, some times a second: watch over the threads; False when it is over.

        Raises the first error of any thread.
        """
        if self._errors:
            raise self._errors[0]
        for stream in self.streams:
            stream.capture.check()
            self._look_after(stream)
            if stream.capture.error is not None:
                raise stream.capture.error
        self._maybe_end()
        return self.reason is None

    def _look_after(self, stream: LiveStream) -> None:
        """Tell of changes of a source's state, and give it up when its time has come."""
        state = stream.capture.state()
        if state.status != self._told.get(stream.index):
            before = self._told.get(stream.index)
            self._told[stream.index] = state.status
            stream.rows.status(state.status, state.t, state.detail)
            logger.info("%s: %s", stream.spec.name, state.status)
            if state.status in ("no signal", "failed"):
                why = f" ({state.detail})" if state.detail else ""
                again = "; trying again" if state.status == "no signal" else ""
                self._say(f"{stream.spec.name}: {state.status}{why}{again}")
            elif state.status == "live" and before == "no signal":
                self._say(f"{stream.spec.name}: signal is back")
        limit = self.settings.give_up
        gone = state.status in ("connecting", "no signal") and limit is not None
        if gone and limit is not None and state.t - state.since > limit and not stream.gave_up:
            stream.gave_up = True
            self._say(f"{stream.spec.name}: given up after {limit:g} s without a signal")
            logger.warning("%s: given up", stream.spec.name)
            stream.capture.stop(0.0)

    def _maybe_end(self) -> None:
        limit = self.settings.duration
        if limit is not None and self.clock() - self.origin >= limit:
            self.end("duration")
        over = [
            stream.gave_up or stream.capture.state().status in ("ended", "failed")
            for stream in self.streams
        ]
        if not all(over) or not all(self._is_done(stream) for stream in self.streams):
            return
        left = [stream for stream in self.streams if not stream.gave_up]
        if any(stream.capture.state().status == "ended" for stream in left):
            self.end("ended")
        self.end("failed" if left else "gave up")

    def _is_done(self, stream: LiveStream) -> bool:
        """Whether the last frame of an ended source has been analysed."""
        last = stream.capture.newest(stream.analysed, 0.0)
        return stream.gave_up or last is None

    def stop(self, timeout: float = 3.0) -> bool:
        """Stop and join every thread; False where one is still running after ``timeout``."""
        until = time.monotonic() + timeout
        self._stop.set()

        def left() -> float:
            return max(0.0, until - time.monotonic())

        ok = True
        for stream in self.streams:
            ok &= stream.capture.stop(left())
        for stream in self.streams:
            ok &= stream.presenter.join(left())
        if self._thread.join(left()):
            for stream in self.streams:
                stream.finish()
        else:
            ok = False
        if not ok:
            logger.warning("a thread did not end in time; it is left behind")
        return ok

    def _analyse(self) -> None:
        was_paused: dict[int, float] = {}
        while not self._stop.is_set():
            fresh = self._fresh()
            if self.paused.is_set():
                for stream, captured in fresh:
                    stream.analysed = captured.number
                    was_paused.setdefault(stream.index, captured.frame.t)
                continue
            for stream, captured in fresh:
                if stream.index in was_paused:
                    stream.skipped(was_paused.pop(stream.index), captured.frame.t, "paused")
            work = [(s, c, w) for s, c in fresh if (w := s.take(c)) is not None]
            if not work:
                continue
            self.analyst.step([(w, c.frame) for _, c, w in work], len(self.streams))
            for stream, captured, watched in work:
                assert watched.snapshot is not None
                stream.presenter.analysed(captured, watched.snapshot)
                self._analysed(stream.index, watched.snapshot)

    def _fresh(self) -> list[tuple[LiveStream, Captured]]:
        """The newest frame of every stream that has a new one; waits a little for the first."""
        wait = _IDLE if len(self.streams) == 1 else 0.0
        found = []
        for stream in self.streams:
            captured = stream.capture.newest(stream.analysed, wait)
            if captured is not None:
                found.append((stream, captured))
        if not found and all(stream.capture.over for stream in self.streams):
            self._stop.wait(_IDLE)  # none will come, until the owner ends the run
        elif not found and wait == 0.0:
            self._stop.wait(_POLL)
        return found


def check_networks(models: Models) -> None:
    """Run both networks once on nothing, so that the first frames do not wait for them."""
    import numpy as np

    blank = np.zeros((360, 640, 3), np.uint8)
    try:
        models.detector.detect([blank], 0.5)
        models.classifier.classify([blank], [np.array([[10, 10, 60, 60]], np.float32)])
    except RuntimeError as error:
        raise MoodstreamError(f"the networks do not run here ({error})") from error
