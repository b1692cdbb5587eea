"""The one place that wires threads together and stops them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from moodstream.realtime.frames import F32, Faces, Frame
from moodstream.realtime.group import GroupAggregator, GroupState, MoodShift
from moodstream.realtime.threads import OwnedThread
from moodstream.realtime.timeline import RowSink, Timeline
from moodstream.realtime.timing import StageTimer
from moodstream.realtime.worker import Looked, Worker

T = TypeVar("T")
_POLL = 0.1
_END = object()


class Link(Generic[T]):
    """A bounded queue between two threads that both leave when ``stop`` is set."""

    def __init__(self, size: int, stop: threading.Event) -> None:
        self._queue: queue.Queue[object] = queue.Queue(size)
        self._stop = stop

    def put(self, item: T) -> bool:
        """Wait for room; False where the stream was stopped instead."""
        return self._put(item)

    def end(self) -> None:
        """Say that nothing more will come."""
        self._put(_END)

    def _put(self, item: object) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_POLL)
            except queue.Full:
                continue
            return True
        return False

    def __iter__(self) -> Iterator[T]:
        while not self._stop.is_set():
            try:
                item = self._queue.get(timeout=_POLL)
            except queue.Empty:
                continue
            if item is _END:
                return
            yield item  # type: ignore[misc]


@dataclass(frozen=True)
class Moment:
    """A frame with the people in it and the group at its time.

    spotted: (M, 4) xyxy px, every box of the last look, also of those not followed; notice: a
    line to lay over the picture; instead: a word in place of the figures
    where the picture is an old one.
    """

    frame: Frame
    faces: Faces
    state: GroupState
    shifts: tuple[MoodShift, ...] = ()
    spotted: F32 | None = None
    notice: str | None = None
    instead: str | None = None


@dataclass
class Progress:
    """How far a run is: frames done and the media time of the last one."""

    frames: int = 0
    t: float = 0.0


class Pipeline:
    """Frames on one thread, faces and group on the caller's, pictures on a third.

    ``stop`` may be set from anywhere: the run ends after the frame in hand, and what was
    processed is passed on completely. The first error of any thread is raised in ``run``.
    """

    def __init__(
        self,
        worker: Worker,
        group: GroupAggregator,
        rows: RowSink,
        draw: Callable[[Moment], None] | None = None,
        timer: StageTimer | None = None,
        view: Callable[[GroupState], GroupState] = lambda state: state,
    ) -> None:
        self.worker = worker
        self.timer = timer or worker.timer
        self.stop = threading.Event()
        self.progress = Progress()
        self.timeline = Timeline(group, rows, view, self.timer)
        self._draw = draw
        self._abort = threading.Event()
        self._errors: list[BaseException] = []

    def run(
        self, frames: Iterable[Frame], tick: Callable[[Progress], None] = lambda _: None
    ) -> Progress:
        """Process every frame; ``tick`` is called after each on the caller's thread."""
        incoming: Link[Frame] = Link(8, self._abort)
        outgoing: Link[Moment] = Link(8, self._abort)
        read, paint = partial(self._read, frames, incoming), partial(self._paint, outgoing)
        threads = [OwnedThread(read, "capture", self._fail)]
        if self._draw is not None:
            threads.append(OwnedThread(paint, "draw", self._fail))
        for thread in threads:
            thread.start()
        try:
            with closing(self.moments(incoming)) as moments:
                for moment in moments:
                    if self._draw is not None and not outgoing.put(moment):
                        break
                    tick(self.progress)
                    if self.stop.is_set():
                        break
            self.timeline.finish()
            outgoing.end()
            if self._draw is not None:
                threads[1].join()
        finally:
            self._abort.set()
            for thread in threads:
                thread.join()
        if self._errors:
            raise self._errors[0]
        return self.progress

    def moments(self, frames: Iterable[Frame]) -> Generator[Moment, None, None]:
        """Every frame with what is known of it, on the caller's thread; close it to end early."""
        with closing(self.worker.follow(frames)) as looks:
            for look in looks:
                yield self._step(look)

    def _read(self, frames: Iterable[Frame], link: Link[Frame]) -> None:
        iterator = iter(frames)
        while not self._abort.is_set():
            with self.timer.stage("decode"):
                frame = next(iterator, None)
            if frame is not None and self._draw is not None:
                with self.timer.stage("convert"):
                    _ = frame.image  # made here, beside the drawing of others
            if frame is None or not link.put(frame):
                break
        link.end()

    def _paint(self, link: Link[Moment]) -> None:
        for moment in link:
            assert self._draw is not None
            self._draw(moment)

    def _fail(self, error: BaseException) -> None:
        self._errors.append(error)
        self._abort.set()

    def _step(self, look: Looked) -> Moment:
        frame = look.frame
        shifts = self.timeline.reach(frame.t)
        shifts += self.timeline.take(frame.t, look.faces, look.fresh)
        self.progress.frames += 1
        self.progress.t = frame.t
        return Moment(frame, look.faces, self.timeline.state, tuple(shifts), look.spotted)
