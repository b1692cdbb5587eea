"""The capture thread: the newest picture of a live source, whatever happens to the source."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import (
    EndOfSourceError,
    MoodstreamError,
    SourceGoneError,
    SourceRefusedError,
)
from moodstream.realtime.frames import Frame
from moodstream.realtime.sources.base import (
    LiveReader,
    OpenSettings,
    ReaderWatchdog,
    SourceInfo,
    SourceSpec,
)
from moodstream.realtime.sources.readers import open_reader
from moodstream.realtime.sources.redact import redact
from moodstream.realtime.threads import OwnedThread

logger = logging.getLogger(__name__)

Opener = Callable[[SourceSpec, OpenSettings, ReaderWatchdog], LiveReader]
Status = Literal["connecting", "live", "no signal", "ended", "failed"]
_MOST_HUNG = 3
_FPS_SPAN = 3.0  # seconds over which the frame rate is measured
_TICK = 1e-6  # least distance of two frames, seconds


@dataclass(frozen=True)
class CaptureSettings(OpenSettings):
    """How a source is read and found again; all in seconds.

    silent: without a frame for this long there is "no signal"; first_wait, longest_wait: before
    the first and at most before a further attempt; refused_wait: the same once a password is no
    longer taken; good_after: frames for this long make the next wait a first one again;
    hang_grace: past a time-out, until a reader counts as hung.
    """

    silent: float = 2.0
    first_wait: float = 0.25
    longest_wait: float = 3.0
    refused_wait: float = 30.0
    good_after: float = 10.0
    hang_grace: float = 3.0


@dataclass(frozen=True)
class CapturedFrame:
    """A frame, the monotonic time of its capture in seconds, and its number: 1, 2, 3, …"""

    frame: Frame
    at: float
    number: int


@dataclass(frozen=True)
class SignalGap:
    """A stretch without a picture, in stream seconds, and why."""

    start: float
    end: float
    reason: str


@dataclass(frozen=True)
class CaptureState:
    """How a source is doing.

    since: stream seconds at which ``status`` began (for "no signal" the last frame's); t: stream
    seconds now; frames: captured so far; fps: measured over the last seconds, None without two
    frames; reconnects: how often a lost source gave pictures again; detail: why there is no
    picture, safe to show.
    """

    status: Status
    since: float
    t: float
    frames: int
    fps: float | None
    reconnects: int
    detail: str | None
    info: SourceInfo | None


class Backoff:
    """Waits that double from ``first`` to a ceiling, a little shorter at random."""

    def __init__(self, first: float) -> None:
        self._first = self._wait = first

    def next(self, longest: float) -> float:
        """Seconds to wait before the next attempt, at most ``longest``."""
        wait = min(self._wait, longest)
        self._wait = 2 * wait
        return wait * random.uniform(0.8, 1.0)

    def reset(self) -> None:
        """Start again from the first wait."""
        self._wait = self._first


class _Reader:
    """A reader thread and the tie to it."""

    def __init__(
        self,
        name: str,
        run: Callable[[ReaderWatchdog], None],
        on_error: Callable[[ReaderWatchdog, BaseException], None],
        clock: Callable[[], float],
    ) -> None:
        self.control = ReaderWatchdog(clock)
        self.thread = OwnedThread(partial(run, self.control), name, partial(on_error, self.control))
        self.thread.start()


class Capture:
    """Reads one live source on a thread of its own and holds its newest frame.

    Frame times: a file's media time, going on over its rounds; else monotonic seconds since
    ``origin`` at capture. Both strictly increase. ``check`` must be called about twice a second
    from outside: it replaces a hung reader. It reads while its context is open, or from ``start``
    to ``stop``.

    Args:
        spec: the source.
        settings: how it is read and found again.
        origin: the clock's seconds at stream time 0, the start of the capture if None.
        opener: what opens the source.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        spec: SourceSpec,
        settings: CaptureSettings | None = None,
        origin: float | None = None,
        opener: Opener = open_reader,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self.settings = spec, settings or CaptureSettings()
        self.error: BaseException | None = None
        self._opener, self._origin, self._clock = opener, origin, clock
        self._changed = threading.Condition()
        self._reader: _Reader | None = None
        self._hung: list[_Reader] = []
        self._backoff = Backoff(self.settings.first_wait)
        self._newest: CapturedFrame | None = None
        self._arrivals: deque[float] = deque(maxlen=1024)
        self._begun = self._live_since = self._good_since = self._media_base = 0.0
        self._lost = False  # between the loss of a reader and the next frame
        self._final: Literal["ended", "failed"] | None = None
        self._final_t = 0.0
        self._reconnects = 0
        self._detail: str | None = None
        self._info: SourceInfo | None = None
        self._gaps: list[SignalGap] = []

    # --- what the owner and the consumers call ---

    def __enter__(self) -> Capture:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start reading; once."""
        with self._changed:
            if self._reader is not None:
                raise RuntimeError("a capture can be started only once")
            now = self._clock()
            self._origin = now if self._origin is None else self._origin
            self._begun = self._stream_time(now)
            self._start_reader()

    def newest(self, after: int, timeout: float) -> CapturedFrame | None:
        """The newest frame if its number is above ``after``, waiting up to ``timeout`` seconds.

        None where none came; at once where none will come any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or bool(self._final), timeout)
            return self._newest if self._number > after else None

    @property
    def over(self) -> bool:
        """Whether no further frame will come."""
        return self._final is not None

    def state(self) -> CaptureState:
        """How the source is doing now."""
        with self._changed:
            now = self._clock()
            status = self._status(now)
            return CaptureState(
                status=status,
                since=self._since(status),
                t=self._final_t if self._final else self._stream_time(now),
                frames=self._number,
                fps=self._fps(now) if status == "live" else None,
                reconnects=self._reconnects,
                detail=self._why(status),
                info=self._info,
            )

    def gaps(self) -> list[SignalGap]:
        """The gaps that have ended since the last call."""
        with self._changed:
            done, self._gaps = self._gaps, []
            return done

    def check(self) -> None:
        """Replace a reader that hangs; to be called about twice a second."""
        with self._changed:
            if self._final or self._reader is None:
                return
            self._hung = [reader for reader in self._hung if reader.thread.alive]
            if self._reader in self._hung:  # given up, and no room for another one then
                self._start_reader()
            elif self._reader.control.overdue() > self.settings.hang_grace:
                self._reader.control.stop()
                self._hung.append(self._reader)
                logger.warning("%s: its reader hangs; %d left", self.spec.name, len(self._hung))
                self._lose(f"{self.spec.name}: does not answer; its reader hangs")
                self._start_reader()

    def stop(self, timeout: float = 3.0) -> bool:
        """Stop reading; whether every thread of it ended within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            readers = [r for r in (self._reader, *self._hung) if r is not None]
            for reader in readers:
                reader.control.stop()
            if self._final is None:
                self._finish("ended", self._detail if self._lost else None)
        for reader in readers:
            reader.thread.join(max(0.0, deadline - time.monotonic()))
        return not any(reader.thread.alive for reader in readers)

    # --- the state, under the lock ---

    @property
    def _number(self) -> int:
        return 0 if self._newest is None else self._newest.number

    def _stream_time(self, now: float) -> float:
        if self.spec.kind == "file":
            return self._newest.frame.t if self._newest else 0.0
        return 0.0 if self._origin is None else now - self._origin

    def _status(self, now: float) -> Status:
        if self._final is not None:
            return self._final
        if self._newest is None:
            return "no signal" if self._lost else "connecting"
        return "no signal" if self._lost or self._quiet_for(now) > self.settings.silent else "live"

    def _quiet_for(self, now: float) -> float:
        assert self._newest is not None
        if self.spec.kind == "file" and self._reader is not None:
            # two pictures of a file may lie far apart: waiting for the next is no silence
            return self._reader.control.overdue()
        return now - self._newest.at

    def _since(self, status: Status) -> float:
        if status == "live":
            return self._live_since
        if status in ("ended", "failed"):
            return self._final_t
        return self._begun if self._newest is None else self._newest.frame.t

    def _why(self, status: Status) -> str | None:
        if status == "no signal" and not self._lost:
            return f"{self.spec.name}: sends no pictures"
        return None if status in ("live", "connecting") else self._detail

    def _fps(self, now: float) -> float | None:
        recent = [at for at in self._arrivals if at > now - _FPS_SPAN]
        span = recent[-1] - recent[0] if recent else 0.0
        return (len(recent) - 1) / span if span > 0 else None

    def _start_reader(self) -> None:
        if len(self._hung) < _MOST_HUNG:
            name = f"capture {self.spec.name}"
            self._reader = _Reader(name, self._run, self._broke, self._clock)

    def _lose(self, reason: str) -> None:
        self._lost, self._detail = True, redact(reason)

    def _finish(self, status: Literal["ended", "failed"], detail: str | None) -> None:
        now = self._clock()
        self._note_gap(now, self._stream_time(now))
        self._final_t = self._stream_time(now)
        self._final, self._detail = status, detail
        self._changed.notify_all()

    def _note_gap(self, now: float, t: float) -> None:
        """A picture has come at ``t``, or none will any more: what lay without one before it?"""
        if self.spec.kind == "file" or self._origin is None:
            return  # nothing of a file is missed
        last = self._newest
        start = self._begun if last is None else last.frame.t
        if self._lost or t - start > self.settings.silent:
            reason = self._detail if self._lost else f"{self.spec.name}: sent no pictures"
            self._gaps.append(SignalGap(start, t, reason or "no pictures"))

    # --- the reader thread ---

    def _run(self, control: ReaderWatchdog) -> None:
        while not control.stopped:
            wait = self._session(control)
            if wait is None or not control.wait(wait):
                break

    def _broke(self, control: ReaderWatchdog, error: BaseException) -> None:
        with self._changed:
            if self._in_charge(control):
                self.error = error
                self._finish("failed", redact(f"{self.spec.name}: {error}"))

    def _session(self, control: ReaderWatchdog) -> float | None:
        """Open and read to the end; seconds until the next attempt, None where there is none."""
        try:
            control.expect(self.settings.open_timeout)
            reader = self._opener(self.spec, self.settings, control)
            try:
                self._opened(control, reader)
                self._read(control, reader)
            finally:
                reader.close()
        except EndOfSourceError:
            with self._changed:
                if self._in_charge(control):
                    self._finish("ended", None)
        except (SourceGoneError, SourceRefusedError) as error:
            return self._after(control, error)
        return None

    def _opened(self, control: ReaderWatchdog, reader: LiveReader) -> None:
        with self._changed:
            if self._in_charge(control):
                self._info = info = replace(reader.info, name=self.spec.name)
                self._good_since = float("inf")  # until this session's first frame
                logger.info("%s: open, %dx%d %s", info.name, info.width, info.height, info.codec)

    def _read(self, control: ReaderWatchdog, reader: LiveReader) -> None:
        while True:
            control.expect(self.settings.read_timeout)
            image, media = reader.read()
            if not self._take(control, image, media):
                return

    def _take(self, control: ReaderWatchdog, image: Image, media: float | None) -> bool:
        """Hold this picture as the newest; False where it is not wanted any more."""
        with self._changed:
            if not self._in_charge(control):
                return False
            now, last = self._clock(), self._newest
            t = self._frame_time(now, media)
            status = self._status(now)
            self._note_gap(now, t)
            if status != "live":
                self._live_since = t
            self._good_since = min(self._good_since, now)
            if now - self._good_since >= self.settings.good_after:
                self._backoff.reset()
            if self._lost and last is not None:
                self._reconnects += 1
                logger.info("%s: reconnected (%d)", self.spec.name, self._reconnects)
            self._lost, self._detail = False, None
            frame = Frame(image, t, 0 if last is None else last.frame.index + 1)
            self._newest = CapturedFrame(frame, now, self._number + 1)
            self._arrivals.append(now)
            self._changed.notify_all()
            return True

    def _frame_time(self, now: float, media: float | None) -> float:
        least = self._newest.frame.t + _TICK if self._newest else float("-inf")
        if self.spec.kind != "file" or media is None:
            return max(self._stream_time(now), least)
        if self._media_base + media < least:  # the file was opened again
            self._media_base = least - media
        return self._media_base + media

    def _after(self, control: ReaderWatchdog, error: MoodstreamError) -> float | None:
        """Take an error in; seconds until the next attempt, None where there is none."""
        with self._changed:
            if not self._in_charge(control):
                return None
            if isinstance(error, SourceRefusedError) and self._newest is None:
                self._finish("failed", redact(str(error)))
                return None
            self._lose(str(error))
            denied = isinstance(error, SourceRefusedError) and error.denied
            longest = self.settings.refused_wait if denied else self.settings.longest_wait
            wait = self._backoff.next(longest)
            logger.warning("%s; trying again in %.1f s", self._detail, wait)
            return wait

    def _in_charge(self, control: ReaderWatchdog) -> bool:
        """Whether this is the reader whose word counts."""
        reader = self._reader
        mine = reader is not None and reader.control is control
        return mine and not control.stopped and self._final is None
