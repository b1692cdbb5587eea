"""The capture thread: the newest frame of a live source, which is opened again when it is lost."""

from __future__ import annotations

import logging
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
    require,
)
from moodstream.realtime.frames import Frame
from moodstream.realtime.sources.backoff import Backoff
from moodstream.realtime.sources.base import (
    LiveReader,
    OpenSettings,
    ReaderWatchdog,
    SourceInfo,
    SourceSpec,
)
from moodstream.realtime.sources.capture_state import CaptureState, SignalGap, Status
from moodstream.realtime.sources.readers import open_reader
from moodstream.realtime.sources.redact import redact
from moodstream.realtime.threads import OwnedThread

logger = logging.getLogger(__name__)

Opener = Callable[[SourceSpec, OpenSettings, ReaderWatchdog], LiveReader]
_MAX_HUNG_READERS = 3
_FPS_SPAN_S = 3.0  # over which the frame rate is measured
_MIN_FRAME_INTERVAL_S = 1e-6


@dataclass(frozen=True)
class CaptureSettings(OpenSettings):
    """How a live source is read, and opened again when it is lost; all in seconds.

    Attributes:
        silent: Without a frame for so long the status is "no signal".
        first_wait: Before the first attempt to open the source again; it doubles with each.
        longest_wait: Before any attempt at most.
        refused_wait: The same once the password is no longer accepted.
        good_after: After frames for so long the next wait is ``first_wait`` again.
        hang_grace: Past its time-out, until a reader counts as hung and is replaced.
    """

    silent: float = 2.0
    first_wait: float = 0.25
    longest_wait: float = 3.0
    refused_wait: float = 30.0
    good_after: float = 10.0
    hang_grace: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("silent", "first_wait", "longest_wait", "refused_wait"):
            require(getattr(self, name) > 0, f"{name} > 0", getattr(self, name))
        require(self.good_after >= 0 and self.hang_grace >= 0, "good_after, hang_grace ≥ 0", self)


@dataclass(frozen=True)
class CapturedFrame:
    """A frame from a live source.

    Attributes:
        frame: The frame.
        at: Monotonic seconds of its capture.
        number: 1, 2, 3, …
    """

    frame: Frame
    at: float
    number: int


class _Reader:
    """A reader thread and its watchdog."""

    def __init__(
        self,
        name: str,
        run: Callable[[ReaderWatchdog], None],
        on_error: Callable[[ReaderWatchdog, BaseException], None],
        clock: Callable[[], float],
    ) -> None:
        self.watchdog = ReaderWatchdog(clock)
        self.thread = OwnedThread(
            partial(run, self.watchdog), name, partial(on_error, self.watchdog)
        )
        self.thread.start()


class Capture:
    """Reads one live source on a thread of its own and holds its newest frame.

    It reads while its context is open, or from ``start`` to ``stop``. Its owner must call ``check``
    about twice a second, which replaces a hung reader. Frame times of a file are its media time,
    which goes on when the file is repeated; those of other sources are monotonic seconds since
    ``origin`` at capture. Both strictly increase.

    Args:
        spec: The source.
        settings: How it is read, and opened again when it is lost.
        origin: The clock's seconds at stream time 0; by default the start of the capture.
        opener: Opens the source.
        clock: Monotonic seconds.

    Attributes:
        error: What broke the reader thread, other than the errors of sources; None without.

    Example:
        >>> import numpy as np
        >>> class Grey:  # a source of one grey picture
        ...     def __init__(self, spec, settings, watchdog):
        ...         self.info, self.pictures = SourceInfo("grey", 8, 6, None, None, "raw", False), 1
        ...     def read(self):
        ...         if not self.pictures:
        ...             raise EndOfSourceError
        ...         self.pictures -= 1
        ...         return np.full((6, 8, 3), 127, np.uint8), None
        ...     def close(self):
        ...         pass
        >>> with Capture(SourceSpec("camera", 0, "camera 0"), opener=Grey) as capture:
        ...     captured = capture.newest(after=0, timeout=10)
        >>> captured.number, captured.frame.shape
        (1, (6, 8, 3))
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
        self._started = self._live_since = self._good_since = self._media_base = 0.0
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
        """Start reading; raises RuntimeError the second time."""
        with self._changed:
            if self._reader is not None:
                raise RuntimeError("a capture can be started only once")
            now = self._clock()
            self._origin = now if self._origin is None else self._origin
            self._started = self._stream_time(now)
            self._start_reader()

    def newest(self, after: int, timeout: float) -> CapturedFrame | None:
        """Wait for a frame that is newer than one.

        Args:
            after: The number of that one, 0 for any frame.
            timeout: Seconds to wait at most.

        Returns:
            The newest frame; None where none came in time, at once where none will come any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or bool(self._final), timeout)
            return self._newest if self._number > after else None

    @property
    def over(self) -> bool:
        """Whether no further frame will come."""
        return self._final is not None

    def state(self) -> CaptureState:
        """The state of the source now."""
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
                detail=self._status_detail(status),
                info=self._info,
            )

    def gaps(self) -> list[SignalGap]:
        """The gaps in the signal that have ended since the last call."""
        with self._changed:
            done, self._gaps = self._gaps, []
            return done

    def check(self) -> None:
        """Replace a reader that hangs; to be called about twice a second."""
        with self._changed:
            if self._final or self._reader is None:
                return
            self._hung = [reader for reader in self._hung if reader.thread.alive]
            if self._reader in self._hung:  # there was no room for another one
                self._start_reader()
            elif self._reader.watchdog.seconds_overdue() > self.settings.hang_grace:
                self._reader.watchdog.stop()
                self._hung.append(self._reader)
                logger.warning("%s: its reader hangs; %d left", self.spec.name, len(self._hung))
                self._mark_lost(f"{self.spec.name}: does not answer; its reader hangs")
                self._start_reader()

    def stop(self, timeout: float = 3.0) -> bool:
        """Stop reading; returns whether all of its threads ended within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            readers = [r for r in (self._reader, *self._hung) if r is not None]
            for reader in readers:
                reader.watchdog.stop()
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
        return "no signal" if self._lost or self._silent_for(now) > self.settings.silent else "live"

    def _silent_for(self, now: float) -> float:
        """Seconds since the last sign of the source."""
        assert self._newest is not None
        if self.spec.kind == "file" and self._reader is not None:
            # two frames of a file may lie far apart, and the reader waits for the next
            return self._reader.watchdog.seconds_overdue()
        return now - self._newest.at

    def _since(self, status: Status) -> float:
        if status == "live":
            return self._live_since
        if status in ("ended", "failed"):
            return self._final_t
        return self._started if self._newest is None else self._newest.frame.t

    def _status_detail(self, status: Status) -> str | None:
        if status == "no signal" and not self._lost:
            return f"{self.spec.name}: sends no pictures"
        return None if status in ("live", "connecting") else self._detail

    def _fps(self, now: float) -> float | None:
        recent = [at for at in self._arrivals if at > now - _FPS_SPAN_S]
        span = recent[-1] - recent[0] if recent else 0.0
        return (len(recent) - 1) / span if span > 0 else None

    def _start_reader(self) -> None:
        if len(self._hung) < _MAX_HUNG_READERS:
            name = f"capture {self.spec.name}"
            self._reader = _Reader(name, self._run, self._reader_broke, self._clock)

    def _mark_lost(self, reason: str) -> None:
        self._lost, self._detail = True, redact(reason)

    def _finish(self, status: Literal["ended", "failed"], detail: str | None) -> None:
        now = self._clock()
        self._note_gap(now, self._stream_time(now))
        self._final_t = self._stream_time(now)
        self._final, self._detail = status, detail
        self._changed.notify_all()

    def _note_gap(self, now: float, t: float) -> None:
        """Note the gap before ``t``, if there is one: a picture came then, or the stream ended."""
        if self.spec.kind == "file" or self._origin is None:
            return  # a file waits
        last = self._newest
        start = self._started if last is None else last.frame.t
        if self._lost or t - start > self.settings.silent:
            reason = self._detail if self._lost else f"{self.spec.name}: sent no pictures"
            self._gaps.append(SignalGap(start, t, reason or "no pictures"))

    # --- the reader thread ---

    def _run(self, watchdog: ReaderWatchdog) -> None:
        while not watchdog.stopped:
            wait = self._open_and_read(watchdog)
            if wait is None or not watchdog.wait(wait):
                break

    def _reader_broke(self, watchdog: ReaderWatchdog, error: BaseException) -> None:
        with self._changed:
            if self._is_current_reader(watchdog):
                self.error = error
                self._finish("failed", redact(f"{self.spec.name}: {error}"))

    def _open_and_read(self, watchdog: ReaderWatchdog) -> float | None:
        """Read to the end; returns seconds until the next attempt, None where there is none."""
        try:
            watchdog.heartbeat(self.settings.open_timeout)
            reader = self._opener(self.spec, self.settings, watchdog)
            try:
                self._opened(watchdog, reader)
                self._read(watchdog, reader)
            finally:
                reader.close()
        except EndOfSourceError:
            with self._changed:
                if self._is_current_reader(watchdog):
                    self._finish("ended", None)
        except (SourceGoneError, SourceRefusedError) as error:
            return self._retry_after(watchdog, error)
        return None

    def _opened(self, watchdog: ReaderWatchdog, reader: LiveReader) -> None:
        with self._changed:
            if self._is_current_reader(watchdog):
                self._info = info = replace(reader.info, name=self.spec.name)
                self._good_since = float("inf")  # until the first frame
                logger.info("%s: open, %dx%d %s", info.name, info.width, info.height, info.codec)

    def _read(self, watchdog: ReaderWatchdog, reader: LiveReader) -> None:
        while True:
            watchdog.heartbeat(self.settings.read_timeout)
            image, media = reader.read()
            if not self._take(watchdog, image, media):
                return

    def _take(self, watchdog: ReaderWatchdog, image: Image, media: float | None) -> bool:
        """Hold this picture as the newest; False where this reader has been replaced or stopped."""
        with self._changed:
            if not self._is_current_reader(watchdog):
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
        earliest = float("-inf")
        if self._newest is not None:
            earliest = self._newest.frame.t + _MIN_FRAME_INTERVAL_S
        if self.spec.kind != "file" or media is None:
            return max(self._stream_time(now), earliest)
        if self._media_base + media < earliest:  # the file was opened again
            self._media_base = earliest - media
        return self._media_base + media

    def _retry_after(self, watchdog: ReaderWatchdog, error: MoodstreamError) -> float | None:
        """Handle an error; returns seconds until the next attempt, None where there is none."""
        with self._changed:
            if not self._is_current_reader(watchdog):
                return None
            if isinstance(error, SourceRefusedError) and self._newest is None:
                self._finish("failed", redact(str(error)))
                return None
            self._mark_lost(str(error))
            denied = isinstance(error, SourceRefusedError) and error.denied
            longest = self.settings.refused_wait if denied else self.settings.longest_wait
            wait = self._backoff.next(longest)
            logger.warning("%s; trying again in %.1f s", self._detail, wait)
            return wait

    def _is_current_reader(self, watchdog: ReaderWatchdog) -> bool:
        """Whether this reader has neither been replaced nor stopped."""
        reader = self._reader
        current = reader is not None and reader.watchdog is watchdog
        return current and not watchdog.stopped and self._final is None
