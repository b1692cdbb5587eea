"""One recorded video in, its folder of results out."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from moodstream.overlays.scene import Privacy
from moodstream.realtime import summary as summaries
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.group import GroupAggregator, GroupSettings, without_small_groups
from moodstream.realtime.models import Models
from moodstream.realtime.outputs import clean_up, finished, prepare_folder, write_json
from moodstream.realtime.pipeline import Moment, Pipeline, Progress
from moodstream.realtime.recorder import TimelineWriter
from moodstream.realtime.sources import FileSource, SourceInfo
from moodstream.realtime.timing import StageTimer
from moodstream.realtime.worker import Worker, WorkerSettings
from moodstream.trackers.smoothing import SmoothingSettings

OUTPUTS = (
    "timeline.parquet",
    "timeline.csv",
    "people.parquet",
    "events.json",
    "overlay.mp4",
    "report.html",
    "summary.json",
)


@dataclass(frozen=True)
class ProcessSettings:
    """All that a run depends on besides the networks; written into its summary.

    start, end: seconds of media time; every_frame: find and read faces in every frame; video:
    write overlay.mp4; privacy: ``group`` writes nothing about single people.
    """

    worker: WorkerSettings = field(default_factory=WorkerSettings)
    smoothing: SmoothingSettings = field(default_factory=SmoothingSettings)
    group: GroupSettings = field(default_factory=GroupSettings)
    start: float = 0.0
    end: float | None = None
    every_frame: bool = False
    video: bool = True
    overwrite: bool = False
    privacy: Privacy = "off"

    @property
    def full_looks(self) -> bool:
        """Whether every look is at full size: a face must be hidden wherever it is."""
        return self.every_frame or self.privacy != "off"

    def __post_init__(self) -> None:
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise ValueError(f"expected 0 ≤ start < end, got {self.start} and {self.end}")


def peak_memory_mb() -> float | None:
    """The largest resident memory of this process so far in MB, where the system tells."""
    try:  # Linux's getrusage tells of the parent where that was larger
        status = Path("/proc/self/status").read_text()
        kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        return round(int(kib) / 1024, 1)
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 1024), 1)


def worker_for(
    info: SourceInfo, models: Models, settings: ProcessSettings, timer: StageTimer | None = None
) -> Worker:
    """Who finds, follows and reads the faces of a file, as often as ``settings`` ask for."""
    looks = settings.worker
    if settings.full_looks:
        looks = replace(looks, full_every=0.0)
    if settings.privacy != "off" and info.fps:
        # a face must be hidden in every frame, not only where its mood is read
        rate = max(looks.rate, min(float(info.fps), 60.0))
        looks = replace(looks, rate=rate)
    if settings.every_frame:
        fps = min(max(float(info.fps or 25), 1.0), 240.0)
        looks = replace(looks, rate=fps, every_frame=True, refresh=0.0)
    return Worker(
        models.detector,
        models.classifier,
        looks,
        settings.smoothing,
        picture_side=float(max(info.width, info.height)),
        timer=timer,
        streams=models.streams,
        filters=models.filters,
    )


class Run:
    """Processes one file; ``stop`` ends it early and keeps what is done."""

    def __init__(self, path: Path, folder: Path, models: Models, settings: ProcessSettings) -> None:
        settings = replace(settings, group=replace(settings.group, prior=models.prior))
        self.folder, self.models, self.settings = folder, models, settings
        self.timer = StageTimer()
        self.source = FileSource(path, settings.start, settings.end)
        try:
            self._new_folder = prepare_folder(folder, OUTPUTS, settings.overwrite)
        except MoodstreamError:
            self.source.close()
            raise
        worker = worker_for(self.source.info, models, settings, self.timer)
        self._rows = TimelineWriter(folder, individuals=settings.privacy != "group")
        self._video: Any = None
        self._painter: Any = None
        self._pipeline = Pipeline(
            worker,
            GroupAggregator(settings.group),
            self._rows,
            self._draw if settings.video else None,
            view=without_small_groups if settings.privacy == "group" else lambda state: state,
        )

    def stop(self) -> None:
        """End after the frame in hand."""
        self._pipeline.stop.set()

    def go(self, tick: Callable[[Progress], None] = lambda _: None) -> dict[str, Any]:
        """Process the file and write every result; returns the summary.

        Whatever fails, no half-written file is left. Raises MoodstreamError where the disk does.
        """
        began = time.perf_counter()
        try:
            progress = self._pipeline.run(self.source.frames(), tick)
            if self._video is not None:
                with self.timer.stage("encode"):
                    self._video.close()
                self.source.notes += self._video.notes
            wall = time.perf_counter() - began
            self._rows.close()
            summary = self._summary(progress, wall)
            write_json(self.folder / "summary.json", summary)
            self._report(summary)
        except BaseException as error:
            clean_up(self.folder, OUTPUTS, self._new_folder)
            if isinstance(error, OSError):
                raise MoodstreamError(f"{self.folder}: cannot be written ({error})") from error
            raise
        finally:
            self.source.close()
        return summary

    def _draw(self, moment: Moment) -> None:
        # imported and opened on the first frame: a run without video needs neither
        from moodstream.realtime.painter import Painter
        from moodstream.realtime.video import VideoWriter

        if self._painter is None:
            self._painter = Painter(self.settings.group.window, self.settings.privacy)
        with self.timer.stage("draw"):
            picture = self._painter.paint(moment)
        with self.timer.stage("encode"):
            if self._video is None:
                info, source = self.source.info, self.source
                self._video = VideoWriter(
                    self.folder / "overlay.mp4",
                    (picture.shape[1], picture.shape[0]),
                    info.fps,
                    source.path if info.audio else None,
                    moment.frame.t if source.start > 0 else 0.0,
                    source.end,
                )
            self._video.write(picture, moment.frame.t)

    def _summary(self, progress: Progress, wall: float) -> dict[str, Any]:
        settings, source = self.settings, self.source
        info = source.info
        end = progress.t + 1 / float(info.fps or 25) if progress.frames else settings.start
        seconds = max(0.0, end - settings.start)
        follower, events = self._pipeline.worker.follower, self._rows.events
        notes = list(source.notes)
        interrupted = self._pipeline.stop.is_set()
        if interrupted:
            notes.append(f"stopped by the user at {progress.t:.1f} s")
        if self._rows.people == 0:
            notes.append("no faces were found")
        parts = summaries.mood_by_part(self.folder, events, settings.group.window, end)
        return {
            "source": {**asdict(info), "fps": None if info.fps is None else str(info.fps)},
            "counts": {
                "frames": progress.frames,
                "seconds": round(seconds, 3),
                "rows": self._rows.rows,
                "looks": follower.looks,
                "faces": follower.faces_found,
                "readings": follower.readings,
                "people": self._rows.people,
                "people_at_once": self._rows.people_at_once,
                "track_ids": follower.tracker.count,
            },
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
            "notice": self.models.notice,
            "speed": self._speed(progress, wall, seconds),
            "versions": summaries.versions(),
        }

    def _speed(self, progress: Progress, wall: float, seconds: float) -> dict[str, Any]:
        stages = sorted(self.timer.seconds.items(), key=lambda item: -item[1])
        return {
            "wall_seconds": round(wall, 3),
            "frames_per_second": round(progress.frames / wall, 2),
            "times_real_time": round(seconds / wall, 3),
            "stages": {name: round(took, 3) for name, took in stages},
            "peak_memory_mb": peak_memory_mb(),
        }

    def _report(self, summary: dict[str, Any]) -> None:
        from moodstream.realtime.moments import key_moments
        from moodstream.realtime.report import write_report

        stills = []
        if self.settings.privacy != "group":
            hide_by = self.models.detector if self.settings.privacy == "blur" else None
            stills = key_moments(self.source, self.folder, summary, self._rows.events, hide_by)
        with finished(self.folder / "report.html") as part:
            write_report(self.folder, part, stills)
        for name in OUTPUTS:  # what an earlier run left and this one did not make
            stale = (name == "overlay.mp4" and self._video is None) or (
                name == "people.parquet" and self.settings.privacy == "group"
            )
            if stale:
                (self.folder / name).unlink(missing_ok=True)
