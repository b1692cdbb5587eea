"""Live streams: captured, analysed, drawn and recorded on threads that never wait for each other.

One capture and one presenter thread a source, and one analysis thread for all of them. The newest
frame wins everywhere: a presenter draws it with the people of the last detection pass moved on, so
that what is shown does not wait for the networks.
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
from moodstream.realtime.networks.detectors.base import FaceFilter
from moodstream.realtime.networks.models import Models
from moodstream.realtime.privacy import HIDE_FROM_CONFIDENCE, Privacy
from moodstream.realtime.runs.live.analyzer import LiveAnalyzer
from moodstream.realtime.runs.live.presenter import Presenter, PresenterControls, Show
from moodstream.realtime.runs.live.rows import Notify, PrivacyFilteredSink, RecordingSink
from moodstream.realtime.runs.live.snapshot import Snapshot, StreamAnalysis
from moodstream.realtime.runs.live.stream import LiveSettings, LiveStream
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import Capture, CapturedFrame, Opener
from moodstream.realtime.sources.readers import open_reader
from moodstream.realtime.threads import OwnedThread

logger = logging.getLogger(__name__)

Reason = Literal["duration", "ended", "quit", "interrupted", "gave up", "failed"]

_IDLE_S = 0.1  # to wait at most for the first new frame
_POLL_S = 0.005  # between two questions to several sources
_HIDING_INTERVALS_S = (1 / 30, 0.5)  # with faces to hide only frames with a pass can be shown


class LiveSession:
    """Runs some sources until they end, give up, or ``end`` is called; the owner calls ``tick``.

    It runs while its context is open, or from ``start`` to ``stop``.

    Args:
        specs: The sources.
        models: The networks.
        settings: All that the run depends on besides.
        record: Gives the recording of a source by its index, None for none.
        show: Takes the index of a source, each finished picture of it and its stream time;
            called on the source's presenter thread, or on that of ``set_privacy``.
        notify: Takes events.
        say: Takes lines for people, on the owner's thread.
        opener: Opens a source.
        clock: Monotonic seconds.
        analysed: Takes the index of a source and what is known of it after each frame that was
            analysed, or was black, on the analysis thread.

    Example:
        >>> from moodstream.realtime.networks.models import Models
        >>> from moodstream.realtime.sources.base import SourceSpec
        >>> from moodstream.testing import PaintedFaceClassifier, PaintedFaceDetector
        >>> from moodstream.testing import Person, ScriptedSource
        >>> source = ScriptedSource([Person((20, 20, 80, 90), "sad")], seconds=1.0)
        >>> models = Models(PaintedFaceDetector(), PaintedFaceClassifier(), {})
        >>> camera = SourceSpec("camera", 0, "camera 0")
        >>> with LiveSession([camera], models, LiveSettings(), opener=source) as session:
        ...     while session.tick():
        ...         time.sleep(0.05)
        >>> session.reason
        'ended'
    """

    def __init__(
        self,
        specs: Sequence[SourceSpec],
        models: Models,
        settings: LiveSettings,
        record: Callable[[int], RecordingSink | None] = lambda source: None,
        show: Callable[[int, Image, float], None] | None = None,
        notify: Notify | None = None,
        say: Callable[[str], None] = lambda line: None,
        opener: Opener = open_reader,
        clock: Callable[[], float] = time.monotonic,
        analysed: Callable[[int, Snapshot], None] = lambda source, snapshot: None,
    ) -> None:
        settings = replace(settings, group=replace(settings.group, prior=models.prior))
        self.settings, self._say, self._analysed = settings, say, analysed
        self.reason: Reason | None = None
        self.privacy: Privacy = settings.privacy
        self.panel = True
        self.paused = threading.Event()
        self.clock, self.origin = clock, clock()
        self._stop = threading.Event()
        self._switching = threading.RLock()
        self._errors: list[BaseException] = []
        self._reported: dict[int, str] = {}  # status of each source that its owner knows
        self._paused_at: dict[int, float] = {}
        self.analyzer = LiveAnalyzer(
            models.detector,
            models.classifier,
            settings.schedule,
            settings.worker.min_confidence,
            settings.capture.speed,
            clock,
        )
        self._controls = PresenterControls(
            self._stop, self.paused, lambda: self.privacy, lambda: self.panel, self.failed
        )
        self.streams = [
            self._stream(
                index,
                spec,
                models.filters,
                PrivacyFilteredSink(index, spec.name, record(index), lambda: self.privacy, notify),
                Capture(spec, settings.capture, self.origin, opener, clock),
                None if show is None else partial(show, index),
            )
            for index, spec in enumerate(specs)
        ]
        self._thread = OwnedThread(self._analyse, "analysis", self.failed)
        self.set_privacy(settings.privacy)

    def _stream(
        self,
        index: int,
        spec: SourceSpec,
        filters: Sequence[FaceFilter],
        rows: PrivacyFilteredSink,
        capture: Capture,
        show: Show | None,
    ) -> LiveStream:
        presenter = Presenter(
            capture,
            self._controls,
            self.settings.group.window,
            self.settings.max_latency,
            show,
            self.clock,
        )
        return LiveStream(index, spec, self.settings, capture, rows, presenter, filters)

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
        """Take what broke a thread, for ``tick`` to raise; may be called from anywhere."""
        self._errors.append(error)

    def stricter_privacy(self) -> None:
        """The next privacy mode; never less strict than the one the session began with."""
        self.set_privacy(self.privacy.next(self.settings.privacy))

    def pause(self, on: bool) -> None:
        """Stop analysing, drawing and recording for a while; the sources stay open."""
        (self.paused.set if on else self.paused.clear)()

    def set_privacy(self, privacy: Privacy) -> None:
        """Switch what may be shown of a person.

        When it returns nothing is shown any more that was captured with less privacy.
        """
        with self._switching:
            stricter = privacy.stricter_than(self.privacy)
            self.privacy = privacy
            self._configure_detection(privacy)
            if stricter:  # the last step: what comes from here on was detected as it must be
                for stream in self.streams:
                    stream.presenter.forget()

    def _configure_detection(self, privacy: Privacy) -> None:
        schedule, min_confidence = self.settings.schedule, self.settings.worker.min_confidence
        if privacy.hides_faces:
            schedule = replace(schedule, detection_intervals=_HIDING_INTERVALS_S)
            min_confidence = min(min_confidence, HIDE_FROM_CONFIDENCE)
        self.analyzer.settings, self.analyzer.min_confidence = schedule, min_confidence

    def tune(self, window: float, smoothing: float) -> None:
        """Let the stages work with these seconds; they read their settings at each step."""
        for stream in self.streams:
            stream.tune(window, smoothing)

    def tick(self) -> bool:
        """The owner's duty, some times a second: watch over the threads.

        Returns:
            False when the run is over.

        Raises:
            BaseException: The first error of any thread.
        """
        if self._errors:
            raise self._errors[0]
        for stream in self.streams:
            stream.capture.check()
            self._watch_over(stream)
            if stream.capture.error is not None:
                raise stream.capture.error
        self._maybe_end()
        return self.reason is None

    def _watch_over(self, stream: LiveStream) -> None:
        """Report changes of a source's status, and give it up when its time has come."""
        state = stream.capture.state()
        before = self._reported.get(stream.index)
        if state.status != before:
            self._reported[stream.index] = state.status
            stream.rows.status(state.status, state.t, state.detail)
            logger.info("%s: %s", stream.spec.name, state.status)
            if state.status in ("no signal", "failed"):
                name = stream.spec.name
                detail = (state.detail or "").removeprefix(f"{name}: ")  # said once
                why = f" ({detail})" if detail else ""
                again = "; trying again" if state.status == "no signal" else ""
                self._say(f"{name}: {state.status}{why}{again}")
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
        while not self._stop.is_set():
            self.analyse_next()

    def analyse_next(self) -> None:
        """One turn of the analysis thread: all streams that have a new frame."""
        fresh = self._fresh()
        if self.paused.is_set():
            for stream, captured in fresh:
                stream.analysed = captured.number
                self._paused_at.setdefault(stream.index, captured.frame.t)
            return
        work: list[tuple[LiveStream, CapturedFrame, StreamAnalysis]] = []
        for stream, captured in fresh:
            if stream.index in self._paused_at:
                stream.skipped(self._paused_at.pop(stream.index), captured.frame.t, "paused")
            analysis = stream.take(captured)
            if analysis is not None:
                work.append((stream, captured, analysis))
            elif stream.snapshot is not None:  # black
                self._analysed(stream.index, stream.snapshot)
        if not work:
            return
        self.analyzer.step([(w, captured.frame) for _, captured, w in work], len(self.streams))
        for stream, captured, analysis in work:
            assert analysis.snapshot is not None
            stream.presenter.update(captured, analysis.snapshot)
            self._analysed(stream.index, analysis.snapshot)

    def _fresh(self) -> list[tuple[LiveStream, CapturedFrame]]:
        """The newest frame of every stream that has a new one; waits a little for the first."""
        wait = _IDLE_S if len(self.streams) == 1 else 0.0
        fresh = []
        for stream in self.streams:
            captured = stream.capture.newest(stream.analysed, wait)
            if captured is not None:
                fresh.append((stream, captured))
        if not fresh and all(stream.capture.over for stream in self.streams):
            self._stop.wait(_IDLE_S)  # none will come, until the owner ends the run
        elif not fresh and wait == 0.0:
            self._stop.wait(_POLL_S)
        return fresh
