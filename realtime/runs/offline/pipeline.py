"""The threads of an offline run: decoding, analysis and drawing, wired together and stopped."""

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

_QUEUED_FRAMES = 8  # that wait between two threads


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        frames: Frames that are done.
        t: Seconds of media time of the last one.
    """

    frames: int = 0
    t: float = 0.0


class Pipeline:
    """Decodes frames on one thread, analyses them on the caller's and draws them on a third.

    Setting ``stop`` from any thread ends the run after the current frame, and what was processed
    is passed on completely. The first error of any thread is raised in ``run``.

    Args:
        analyzer: Detects, tracks and classifies the people in each frame.
        group: Sums them up.
        rows: Takes the rows of the timeline and the mood shifts.
        draw: Called with each frame on the third thread; None for no drawing.
        timer: Adds up the seconds of each stage; that of ``analyzer`` by default.
        view: What may be shown of a group, see ``Privacy.view``.
    """

    def __init__(
        self,
        analyzer: OfflineAnalyzer,
        group: GroupAggregator,
        rows: TimelineSink,
        draw: Callable[[AnnotatedFrame], None] | None = None,
        timer: StageTimer | None = None,
        view: Callable[[GroupState], GroupState] = lambda state: state,
    ) -> None:
        self.analyzer = analyzer
        self.timer = timer or analyzer.timer
        self.stop = threading.Event()
        self.progress = Progress()
        self.timeline = Timeline(group, rows, view, self.timer)
        self._draw = draw
        self._abort = threading.Event()
        self._errors: list[BaseException] = []

    def run(
        self, frames: Iterable[Frame], on_progress: Callable[[Progress], None] = lambda _: None
    ) -> Progress:
        """Process every frame.

        Args:
            frames: The frames in their order.
            on_progress: Called after each frame on the caller's thread.

        Returns:
            How far it came.
        """
        decoded: Link[Frame] = Link(_QUEUED_FRAMES, self._abort)
        to_draw: Link[AnnotatedFrame] = Link(_QUEUED_FRAMES, self._abort)
        threads = [OwnedThread(partial(self._decode_all, frames, decoded), "capture", self._fail)]
        if self._draw is not None:
            threads.append(OwnedThread(partial(self._draw_all, to_draw), "draw", self._fail))
        for thread in threads:
            thread.start()
        try:
            with closing(self.annotated(decoded)) as annotated:
                for frame in annotated:
                    if self._draw is not None and not to_draw.put(frame):
                        break
                    on_progress(self.progress)
                    if self.stop.is_set():
                        break
            self.timeline.finish()
            to_draw.end()
            if self._draw is not None:
                threads[1].join()
        finally:
            self._abort.set()
            for thread in threads:
                thread.join()
        if self._errors:
            raise self._errors[0]
        return self.progress

    def annotated(self, frames: Iterable[Frame]) -> Generator[AnnotatedFrame, None, None]:
        """Every frame with its people and group, on the caller's thread; close it to end early."""
        with closing(self.analyzer.analyze(frames)) as detected:
            for frame in detected:
                yield self._annotate(frame)

    def _decode_all(self, frames: Iterable[Frame], link: Link[Frame]) -> None:
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

    def _draw_all(self, link: Link[AnnotatedFrame]) -> None:
        for frame in link:
            assert self._draw is not None
            self._draw(frame)

    def _fail(self, error: BaseException) -> None:
        self._errors.append(error)
        self._abort.set()

    def _annotate(self, detected: DetectedFrame) -> AnnotatedFrame:
        frame, faces = detected.frame, detected.faces
        shifts = self.timeline.advance_to(frame.t)
        shifts += self.timeline.add(frame.t, faces, detected.fresh)
        self.progress.frames += 1
        self.progress.t = frame.t
        state = self.timeline.state
        return AnnotatedFrame(frame, faces, state, tuple(shifts), detected.all_boxes)
