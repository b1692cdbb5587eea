"""One source of a live session with all that belongs to it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from moodstream.realtime.analysis.group.aggregator import GroupAggregator, GroupSettings
from moodstream.realtime.analysis.group.timeline import Timeline
from moodstream.realtime.analysis.people.tracker import AnalysisSettings, PeopleTracker
from moodstream.realtime.arrays import Image
from moodstream.realtime.networks.detectors.base import FaceFilter
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.black_frames import is_dark
from moodstream.realtime.runs.live.presenter import Presenter
from moodstream.realtime.runs.live.rows import PrivacyFilteredSink
from moodstream.realtime.runs.live.scheduler import ScheduleSettings
from moodstream.realtime.runs.live.snapshot import Snapshot, StreamAnalysis
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import Capture, CapturedFrame, CaptureSettings
from moodstream.trackers.smoothing import SmoothingSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LiveSettings:
    """All that a run depends on besides the sources and networks; written into its recording.

    max_latency: frames older than this many seconds are dropped, not shown; give_up: seconds
    without a signal after which a source is left, None for never; duration: seconds to run, None
    for ever.
    """

    worker: AnalysisSettings = field(default_factory=AnalysisSettings)
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    group: GroupSettings = field(default_factory=GroupSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    capture: CaptureSettings = field(default_factory=CaptureSettings)
    privacy: Privacy = Privacy.OFF
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
        rows: PrivacyFilteredSink,
        presenter: Presenter,
        filters: Sequence[FaceFilter] = (),
    ) -> None:
        self.index, self.spec, self.capture = index, spec, capture
        self.rows, self.presenter = rows, presenter
        self._settings, self._filters = settings, filters
        self.watched: StreamAnalysis | None = None
        self.analysed = 0
        self.gave_up = False
        self.gaps = 0

    def take(self, captured: CapturedFrame) -> StreamAnalysis | None:
        """Who watches this frame; None where there is nothing to be seen in it."""
        self.analysed = captured.number
        frame = captured.frame
        if self.watched is None:
            self.watched = self._begin(frame.image)
        # a face that is to be hidden must be found at once, however small it is
        every = 0.0 if self.rows.hides else self._settings.worker.full_size_every
        self.watched.follower.zoom.full_size_every = every
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

    def _begin(self, image: Image) -> StreamAnalysis:
        settings = self._settings
        side = float(max(image.shape[:2]))
        follower = PeopleTracker(
            settings.worker, settings.smoothing, picture_side=side, filters=self._filters
        )
        timeline = Timeline(GroupAggregator(settings.group), self.rows, self.rows.view)
        return StreamAnalysis(follower, timeline, self.fps)

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
