"""One recorded video in, its folder of results out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import cast

from moodstream.realtime import environment
from moodstream.realtime.analysis.group.aggregator import GroupAggregator, GroupSettings
from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.environment import peak_memory_mb
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import clean_up, finished, prepare_folder, write_json
from moodstream.realtime.outputs.overlay_writer import OverlayWriter
from moodstream.realtime.outputs.recording.writer import TimelineWriter
from moodstream.realtime.outputs.report import summary as summaries
from moodstream.realtime.outputs.report.parts import mood_by_part
from moodstream.realtime.outputs.schemas import (
    ShiftEvent,
    Speed,
    VideoCounts,
    VideoSource,
    VideoSummary,
)
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.offline.analyzer import OfflineAnalyzer
from moodstream.realtime.runs.offline.pipeline import Pipeline, Progress
from moodstream.realtime.sources.base import SourceInfo
from moodstream.realtime.sources.files import FileSource
from moodstream.realtime.timing import StageTimer
from moodstream.trackers.smoothing import SmoothingSettings

OUTPUTS = (
    layout.TIMELINE,
    layout.TIMELINE_CSV,
    layout.PEOPLE,
    layout.EVENTS,
    layout.OVERLAY,
    layout.REPORT,
    layout.SUMMARY,
)


_DEFAULT_FPS = 25.0  # where a file does not state its rate


@dataclass(frozen=True)
class ProcessSettings:
    """All that a run depends on besides the networks; written into its summary.

    Attributes:
        worker: How often faces are detected and classified, and which of them count.
        smoothing: Of each person's predictions over time.
        group: How people are summed into the group.
        start: Seconds of media time at which the run begins.
        end: Seconds of media time at which it ends; None for the end of the file.
        every_frame: Whether faces are detected and classified in every frame.
        video: Whether overlay.mp4 is written.
        overwrite: Whether earlier results may be replaced.
        privacy: ``blur`` and ``group`` hide every face that is shown; ``group`` writes nothing
            about single people.
    """

    worker: AnalysisSettings = field(default_factory=AnalysisSettings)
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    group: GroupSettings = field(default_factory=GroupSettings)
    start: float = 0.0
    end: float | None = None
    every_frame: bool = False
    video: bool = True
    overwrite: bool = False
    privacy: Privacy = Privacy.OFF

    @property
    def detect_full_size(self) -> bool:
        """Whether every detection pass is at full size: no face to be hidden may be missed."""
        return self.every_frame or self.privacy.hides_faces

    def analysis_settings(self, fps: float | None) -> AnalysisSettings:
        """How the frames of a video are analysed.

        Where faces are hidden, each frame that is shown is searched for them, whatever its time:
        no rate would do, for frames need not come at the rate that a file states.

        Args:
            fps: Frames per second of the video; None where unknown.
        """
        settings = self.worker
        if self.detect_full_size:
            settings = replace(settings, full_size_every=0.0)
        if self.every_frame:
            rate = min(max(fps or _DEFAULT_FPS, 1.0), 240.0)
            settings = replace(settings, rate=rate, every_frame=True, refresh=0.0)
        hides = self.video and self.privacy.hides_faces
        return replace(settings, detect_every_frame=settings.detect_every_frame or hides)

    def __post_init__(self) -> None:
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise ValueError(f"expected 0 ≤ start < end, got {self.start} and {self.end}")


def analyzer_for(
    info: SourceInfo, models: Models, settings: ProcessSettings, timer: StageTimer | None = None
) -> OfflineAnalyzer:
    """The analyzer of a file, with the given networks and settings."""
    return OfflineAnalyzer(
        models.detector,
        models.classifier,
        settings.analysis_settings(None if info.fps is None else float(info.fps)),
        settings.smoothing,
        picture_side=float(max(info.width, info.height)),
        timer=timer,
        streams=models.streams,
        filters=models.filters,
    )


class OfflineRun:
    """Processes one file; ``stop`` ends it early and keeps what is done.

    The file is opened at once, so that what cannot be read or written is reported before the work.

    Args:
        path: The video.
        folder: Where its results go; made where it is missing.
        models: The networks.
        settings: All else.

    Raises:
        MoodstreamError: The file cannot be read, or the folder cannot be written or holds
            results already.

    Example:
        >>> import tempfile
        >>> import moodstream
        >>> from moodstream.testing import PaintedFaceClassifier, PaintedFaceDetector
        >>> from moodstream.testing import Person, ScriptedSource
        >>> parts = {"detector": PaintedFaceDetector(), "classifiers": PaintedFaceClassifier()}
        >>> models = moodstream.Pipeline(**parts).load()
        >>> source = ScriptedSource([Person((20, 20, 80, 90), "sad")], seconds=1.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     clip = source.write(Path(folder) / "clip.mp4")
        ...     settings = ProcessSettings(video=False)
        ...     summary = OfflineRun(clip, Path(folder) / "results", models, settings).run()
        >>> summary["counts"]["people_at_once"]
        1
    """

    def __init__(self, path: Path, folder: Path, models: Models, settings: ProcessSettings) -> None:
        settings = replace(settings, group=replace(settings.group, prior=models.prior))
        self.folder, self.models, self.settings = folder, models, settings
        self.timer = StageTimer()
        self.source = FileSource(path, settings.start, settings.end)
        with ExitStack() as opened:
            opened.enter_context(self.source)
            self._new_folder = prepare_folder(folder, OUTPUTS, settings.overwrite)
            opened.pop_all()
        self._stopped = threading.Event()
        self._pipeline: Pipeline | None = None

    def stop(self) -> None:
        """End after the current frame."""
        self._stopped.set()
        if self._pipeline is not None:
            self._pipeline.stop.set()

    def run(self, on_progress: Callable[[Progress], None] = lambda _: None) -> VideoSummary:
        """Process the file and write every result.

        On every way out all files are closed, and whatever fails, no half-written one is left.

        Args:
            on_progress: Called after each frame.

        Returns:
            What summary.json holds.

        Raises:
            MoodstreamError: The results cannot be written.
        """
        try:
            with self.source:
                return self._process(on_progress)
        except BaseException as error:
            clean_up(self.folder, OUTPUTS, self._new_folder)
            if isinstance(error, OSError):
                raise MoodstreamError(f"{self.folder}: cannot be written ({error})") from error
            raise

    def _process(self, on_progress: Callable[[Progress], None]) -> VideoSummary:
        settings, began = self.settings, time.perf_counter()
        with (
            TimelineWriter(self.folder, individuals=settings.privacy.keeps_individuals) as rows,
            self._overlay() as overlay,
        ):
            pipeline = self._pipeline_to(rows, overlay)
            pipeline.run(self.source.frames(), on_progress)
            interrupted = self._stopped.is_set()
            self.source.notes += overlay.close()
            wall = time.perf_counter() - began
            rows.close()
        summary = self._summary(pipeline, rows, interrupted, wall)
        write_json(self.folder / layout.SUMMARY, summary)
        self._report(summary, rows.events)
        self._remove_stale(overlay)
        return summary

    def _overlay(self) -> OverlayWriter:
        path, window = self.folder / layout.OVERLAY, self.settings.group.window
        return OverlayWriter(path, self.source, window, self.settings.privacy, self.timer)

    def _pipeline_to(self, rows: TimelineWriter, overlay: OverlayWriter) -> Pipeline:
        settings = self.settings
        pipeline = Pipeline(
            analyzer_for(self.source.info, self.models, settings, self.timer),
            GroupAggregator(settings.group),
            rows,
            overlay.draw if settings.video else None,
            view=settings.privacy.view,
        )
        self._pipeline = pipeline
        if self._stopped.is_set():  # before there was anything to stop
            pipeline.stop.set()
        return pipeline

    def _summary(
        self, pipeline: Pipeline, rows: TimelineWriter, interrupted: bool, wall: float
    ) -> VideoSummary:
        settings, source = self.settings, self.source
        progress, events = pipeline.progress, rows.events
        fps = float(source.info.fps or _DEFAULT_FPS)
        end = progress.t + 1 / fps if progress.frames else settings.start
        seconds = max(0.0, end - settings.start)
        notes = list(source.notes)
        if interrupted:
            notes.append(f"stopped by the user at {progress.t:.1f} s")
        if not summaries.stopped_at_once(interrupted, rows.rows):
            notes += summaries.people_notes(rows.people, rows.people_at_once)
        parts = mood_by_part(self.folder, events, settings.group.window, end)
        return {
            "source": self._source_entry(),
            "counts": self._counts(pipeline, rows, seconds),
            "mood": {
                "parts": parts,
                "shifts": len(events),
                "biggest_shift": max(events, key=lambda e: e["size"], default=None),
                **summaries.mean_extras(self.folder),
            },
            "notes": notes,
            "interrupted": interrupted,
            "stopped_at": source.stopped_at,
            "settings": asdict(settings),
            "models": self.models.as_dict(),
            "notice": self.models.fallback_reason,
            "speed": self._speed(progress, wall, seconds),
            "versions": environment.versions(),
        }

    def _source_entry(self) -> VideoSource:
        info = self.source.info
        fps = None if info.fps is None else str(info.fps)
        return cast(VideoSource, {**asdict(info), "fps": fps})

    def _counts(self, pipeline: Pipeline, rows: TimelineWriter, seconds: float) -> VideoCounts:
        analyzer, people = pipeline.analyzer, pipeline.analyzer.people
        return {
            "frames": pipeline.progress.frames,
            "seconds": round(seconds, 3),
            "rows": rows.rows,
            "frames_searched": analyzer.frames_searched,
            "detection_passes": people.detection_passes,
            "faces": people.faces_detected,
            "predictions": people.predictions,
            "people": rows.people,
            "people_at_once": rows.people_at_once,
            "track_ids": people.tracker.count,
        }

    def _speed(self, progress: Progress, wall: float, seconds: float) -> Speed:
        stages = sorted(self.timer.seconds.items(), key=lambda item: -item[1])
        return {
            "wall_seconds": round(wall, 3),
            "frames_per_second": round(progress.frames / wall, 2),
            "times_real_time": round(seconds / wall, 3),
            "stages": {name: round(took, 3) for name, took in stages},
            "peak_memory_mb": peak_memory_mb(),
        }

    def _report(self, summary: VideoSummary, events: list[ShiftEvent]) -> None:
        from moodstream.realtime.outputs.report.page import write_report
        from moodstream.realtime.outputs.report.stills import key_stills

        stills = []
        if self.settings.privacy.keeps_individuals:
            hide_by = self.models.detector if self.settings.privacy.hides_faces else None
            stills = key_stills(self.source, self.folder, summary, events, hide_by)
        with finished(self.folder / layout.REPORT) as part:
            write_report(self.folder, part, stills)

    def _remove_stale(self, overlay: OverlayWriter) -> None:
        """Remove what an earlier run left and this one did not make."""
        if overlay.empty:
            (self.folder / layout.OVERLAY).unlink(missing_ok=True)
        if not self.settings.privacy.keeps_individuals:
            (self.folder / layout.PEOPLE).unlink(missing_ok=True)
