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
from moodstream.realtime.runs.live.black_frames import is_black
from moodstream.realtime.runs.live.presenter import Presenter
from moodstream.realtime.runs.live.rows import PrivacyFilteredSink
from moodstream.realtime.runs.live.scheduler import ScheduleSettings
from moodstream.realtime.runs.live.snapshot import Snapshot, StreamAnalysis
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import Capture, CapturedFrame, CaptureSettings
from moodstream.trackers.smoothing import SmoothingSettings

logger = logging.getLogger(__name__)

_TILE_BUDGET = 1.0
"""As ``SmallFaces.budget``: small faces make a detection pass at most about twice as long."""


@dataclass(frozen=True)
class LiveSettings:
    """All that a run depends on besides the sources and networks; written into its recording.

    Attributes:
        worker: Which faces count, and how they are tracked.
        smoothing: How each person's estimate is smoothed.
        group: How people are summed up.
        schedule: How often faces are detected and classified.
        capture: How sources are read.
        privacy: What may be shown of people; a run may become stricter, never less strict.
        max_latency: Seconds after its capture from which a frame is dropped; None for never.
        give_up: Seconds without a signal after which a source is left; None for never.
        duration: Seconds to run; None for ever.
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
    """One source of a session with all that belongs to it.

    Args:
        index: Of the source in its session.
        spec: The source.
        settings: Of the session.
        capture: Reads it.
        rows: Takes its rows, mood shifts and gaps.
        presenter: Draws it.
        filters: Decide which faces count.
    """

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
        self.analysis: StreamAnalysis | None = None
        self.analysed = 0  # number of the last frame that was
        self.gave_up = False
        self.gaps = 0

    def take(self, captured: CapturedFrame) -> StreamAnalysis | None:
        """Make a frame the newest one: what is to analyse it, None where it is black."""
        self.analysed = captured.number
        frame = captured.frame
        if self.analysis is None:
            self.analysis = self._begin(frame.image)
        # a face that is to be hidden must be found at once, however small it is
        hides, resolution = self.rows.hides_faces, self.analysis.people.resolution
        resolution.full_size_every = 0.0 if hides else self._settings.worker.full_size_every
        resolution.small_faces.least_side = 0.0 if hides else self._settings.worker.min_face
        for gap in self.capture.gaps():
            self._gap(gap.start, gap.end, gap.reason)
        black_since = self.analysis.black_since
        if self.spec.kind != "file" and is_black(frame.image):
            if black_since is None:
                logger.info("%s: black picture", self.spec.name)
            self.presenter.update(captured, self.analysis.black(frame))
            return None
        if black_since is not None:
            logger.info("%s: no longer black", self.spec.name)
            self._gap(black_since, frame.t, "black picture")
        return self.analysis

    def skipped(self, start: float, end: float, reason: str) -> None:
        """Nothing was analysed from ``start`` to ``end`` stream seconds."""
        if self.analysis is not None:
            self._gap(start, end, reason)

    def _gap(self, start: float, end: float, reason: str) -> None:
        self.gaps += 1
        self.rows.gap(start, end, reason)
        assert self.analysis is not None
        self.analysis.timeline.skip_to(end)

    def tune(self, window: float, smoothing: float) -> None:
        """Seconds of the group's window and of the smoothing, from the first frame on."""
        if self.analysis is None:
            return
        group, smoother = self.analysis.timeline.group, self.analysis.people.smoother
        if group.settings.window != window:
            group.settings = replace(group.settings, window=window)
        if smoother.settings.tau != smoothing:
            smoother.settings = replace(smoother.settings, tau=smoothing)

    @property
    def snapshot(self) -> Snapshot | None:
        """What is known of it now, None before the first frame."""
        return None if self.analysis is None else self.analysis.snapshot

    def _begin(self, image: Image) -> StreamAnalysis:
        settings = self._settings
        side = float(max(image.shape[:2]))
        people = PeopleTracker(
            settings.worker, settings.smoothing, picture_side=side, filters=self._filters
        )
        people.resolution.small_faces.budget = _TILE_BUDGET
        timeline = Timeline(GroupAggregator(settings.group), self.rows, self.rows.view)
        return StreamAnalysis(people, timeline, self.fps)

    def fps(self) -> float | None:
        """Frames per second of stream time, as they come in; None while it is not known."""
        measured = self.capture.state().fps
        return None if measured is None else measured / self._settings.capture.speed

    def finish(self) -> None:
        """The stream has ended and nobody analyses it any more."""
        for gap in self.capture.gaps():
            self.skipped(gap.start, gap.end, gap.reason)
        if self.analysis is not None:
            self.analysis.timeline.finish()
