"""Where the frames of a stream come from: a file's pipeline, or a live session."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.networks.load import check_networks
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.runs.live.annotate import black_picture
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.runs.offline.process import ProcessSettings
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import Opener

if TYPE_CHECKING:
    from moodstream.realtime.networks.models import Models
    from moodstream.realtime.runs.live.snapshot import Snapshot

_TICK_S = 0.25  # between two checks of a session while nothing comes


class _ShiftCollector:
    """Collects mood shifts from whichever thread detects them, and drops all else."""

    def __init__(self) -> None:
        self._shifts: list[MoodShift] = []
        self._lock = threading.Lock()

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        """Rows are not kept."""

    def gap(self, start: float, end: float, reason: str) -> None:
        """Gaps are not kept."""

    def event(self, shift: MoodShift) -> None:
        with self._lock:
            self._shifts.append(shift)

    def take(self) -> tuple[MoodShift, ...]:
        with self._lock:
            taken, self._shifts = tuple(self._shifts), []
            return taken


class FileFrames:
    """Every frame of a file in its order, as fast as they are asked for."""

    def __init__(self, path: Path, models: Models, settings: ProcessSettings) -> None:
        from moodstream.realtime.runs.offline.pipeline import Pipeline as OfflinePipeline
        from moodstream.realtime.runs.offline.process import analyzer_for
        from moodstream.realtime.sources.files import FileSource

        group = replace(settings.group, prior=models.prior)
        self._shifts = _ShiftCollector()
        self._source = FileSource(path, settings.start, settings.end)
        self._pipeline = OfflinePipeline(
            analyzer_for(self._source.info, models, settings),
            GroupAggregator(group),
            self._shifts,
            view=settings.privacy.view,
        )
        self._frames = self._pipeline.annotated(self._source.frames())

    def next(self) -> AnnotatedFrame | None:
        """The next frame of the file; None at its end."""
        frame = next(self._frames, None)
        return None if frame is None else replace(frame, shifts=self._shifts.take())

    def close(self) -> Sequence[MoodShift]:
        """Close the file; returns the mood shifts that were part of no frame."""
        self._frames.close()
        self._source.close()
        self._pipeline.timeline.finish()
        return self._shifts.take()


class LiveFrames:
    """The newest analysed frame of a live source; those between two calls are left out."""

    def __init__(
        self, spec: SourceSpec, models: Models, settings: LiveSettings, opener: Opener
    ) -> None:
        check_networks(models)
        self._hides = settings.privacy.hides_faces
        self._shifts = _ShiftCollector()
        self._changed = threading.Condition()
        self._newest: Snapshot | None = None
        self._over = False
        self._session = LiveSession(
            [spec],
            models,
            settings,
            record=lambda source: self._shifts,
            opener=opener,
            analysed=self._take,
        )
        self._session.start()

    def _take(self, source: int, snapshot: Snapshot) -> None:
        if self._hides and not snapshot.detected and snapshot.black_since is None:
            return  # a face that has just come would not be hidden
        with self._changed:
            self._newest = snapshot
            self._changed.notify_all()

    def _waited(self, seconds: float) -> Snapshot | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None, seconds)
            newest, self._newest = self._newest, None
            return newest

    def next(self) -> AnnotatedFrame | None:
        """Wait for a frame that was analysed after the one before; None at the end."""
        while not self._over:
            snapshot = self._waited(_TICK_S)
            if not self._session.tick():
                self._over = True
                self._session.stop()
                snapshot = snapshot or self._waited(0.0)  # of the step that was going on
            if snapshot is not None:
                return self._annotated(snapshot)
        self._raise_unless_over()
        return None

    def _annotated(self, snapshot: Snapshot) -> AnnotatedFrame:
        shifts = self._shifts.take()
        if snapshot.black_since is not None:
            black = black_picture(snapshot.frame, snapshot.black_since, self._hides)
            return replace(black, shifts=shifts)
        return AnnotatedFrame(
            snapshot.frame, snapshot.faces, snapshot.state, shifts, snapshot.all_boxes
        )

    def _raise_unless_over(self) -> None:
        stream = self._session.streams[0]
        if self._session.reason == "failed":
            raise MoodstreamError(stream.capture.state().detail or f"{stream.spec.name}: failed")
        if self._session.reason == "gave up":
            limit = self._session.settings.give_up
            raise MoodstreamError(f"{stream.spec.name}: no signal for {limit:g} s")

    def close(self) -> Sequence[MoodShift]:
        """End the session; returns the mood shifts that were part of no frame."""
        self._over = True
        self._session.end("quit")
        self._session.stop()
        return self._shifts.take()
