"""The one place that wires threads together and stops them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.group.timeline import Timeline, TimelineSink
from moodstream.realtime.frames import Frame, GroupState
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.runs.offline.analyzer import DetectedFrame, OfflineAnalyzer
from moodstream.realtime.runs.offline.link import Link
from moodstream.realtime.threads import OwnedThread
from moodstream.realtime.timing import StageTimer


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
        worker: OfflineAnalyzer,
        group: GroupAggregator,
        rows: TimelineSink,
        draw: Callable[[AnnotatedFrame], None] | None = None,
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
        self, frames: Iterable[Frame], on_progress: Callable[[Progress], None] = lambda _: None
    ) -> Progress:
        """Process every frame; ``on_progress`` is called after each on the caller's thread."""
        incoming: Link[Frame] = Link(8, self._abort)
        outgoing: Link[AnnotatedFrame] = Link(8, self._abort)
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
                    on_progress(self.progress)
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

    def moments(self, frames: Iterable[Frame]) -> Generator[AnnotatedFrame, None, None]:
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

    def _paint(self, link: Link[AnnotatedFrame]) -> None:
        for moment in link:
            assert self._draw is not None
            self._draw(moment)

    def _fail(self, error: BaseException) -> None:
        self._errors.append(error)
        self._abort.set()

    def _step(self, look: DetectedFrame) -> AnnotatedFrame:
        frame = look.frame
        shifts = self.timeline.reach(frame.t)
        shifts += self.timeline.take(frame.t, look.faces, look.fresh)
        self.progress.frames += 1
        self.progress.t = frame.t
        return AnnotatedFrame(frame, look.faces, self.timeline.state, tuple(shifts), look.all_boxes)
