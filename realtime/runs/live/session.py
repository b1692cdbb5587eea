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
from dataclasses import replace
from functools import partial
from typing import Literal

from moodstream.realtime.arrays import Image
from moodstream.realtime.networks.models import Models
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.analyzer import LiveAnalyzer
from moodstream.realtime.runs.live.presenter import Presenter, PresenterControls
from moodstream.realtime.runs.live.rows import PrivacyFilteredSink, RecordingSink
from moodstream.realtime.runs.live.snapshot import Snapshot
from moodstream.realtime.runs.live.stream import LiveSettings, LiveStream
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import Capture, CapturedFrame, Opener
from moodstream.realtime.sources.readers import open_reader
from moodstream.realtime.threads import OwnedThread

logger = logging.getLogger(__name__)

Reason = Literal["duration", "ended", "quit", "interrupted", "gave up", "failed"]

_IDLE = 0.1  # seconds to wait at most for the first new frame
_POLL = 0.005  # seconds between two looks at several sources
_SEEN_LOOKS = (1 / 30, 0.5)  # with faces to hide, only frames that were looked at can be shown


class LiveSession:
    """Runs some sources until they end, give up, or ``end`` is called; the owner calls ``tick``.

    It runs while its context is open, or from ``start`` to ``stop``.
    """

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        models: Models,
        settings: LiveSettings,
        record: Callable[[int], RecordingSink | None] = lambda source: None,
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
        self.analyst = LiveAnalyzer(
            models.detector,
            models.classifier,
            settings.schedule,
            settings.worker.min_confidence,
            settings.capture.speed,
            clock,
        )
        self.streams: list[LiveStream] = []
        switches = PresenterControls(
            self._stop, self.paused, lambda: self.privacy, lambda: self.panel, self.failed
        )
        for index, spec in enumerate(specs):
            rows = PrivacyFilteredSink(
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
        self.set_privacy(self.privacy.next(self.settings.privacy))

    def pause(self, on: bool) -> None:
        """Stop looking, drawing and recording for a while; the sources stay open."""
        (self.paused.set if on else self.paused.clear)()

    def set_privacy(self, privacy: Privacy) -> None:
        """Switch what may be shown of a person.

        When it returns nothing is shown any more that was seen with less privacy.
        """
        stricter = privacy.stricter_than(self.privacy)
        self.privacy = privacy
        if stricter:
            for stream in self.streams:
                stream.presenter.forget()
        schedule = self.settings.schedule
        if privacy.hides_faces:
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

    def _fresh(self) -> list[tuple[LiveStream, CapturedFrame]]:
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
