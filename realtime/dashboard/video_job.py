"""One uploaded video of one browser session, processed on a thread of its own."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from moodstream.realtime.analysis.group.aggregator import GroupSettings
from moodstream.realtime.dashboard.live_run import LiveTuning
from moodstream.realtime.dashboard.schemas import VideoJobState
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.schemas import VideoSummary
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.offline.pipeline import Progress
from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings
from moodstream.realtime.threads import OwnedThread
from moodstream.trackers.smoothing import SmoothingSettings

Stage = Literal["starting", "reading", "report", "done", "failed", "cancelled"]
_MIN_WORK_S = 1.0  # from which the time left can be estimated
_REPORT_S = 0.1  # before the end of the video: what follows is the report


class _CancelledError(Exception):
    """The user does not want it any more."""


@dataclass(frozen=True)
class Upload:
    """A file to process.

    Attributes:
        name: What people call it.
        fetch: Brings it to this machine; returns its path.
        keep: It is not ours to delete.
    """

    name: str
    fetch: Callable[[], Path]
    keep: bool = False


class VideoJob:
    """Processes one file on a thread; the file is deleted in the end.

    Args:
        upload: The file.
        folder: Where the results go; it is removed where the job does not end well.
        models: The networks.
        privacy: What may be kept in the results.
        tuning: Window and smoothing.

    Attributes:
        stage: How far it is.
        problem: In one line, once ``stage`` is "failed".
        summary: That of the run, once ``stage`` is "done".
    """

    def __init__(
        self, upload: Upload, folder: Path, models: Models, privacy: Privacy, tuning: LiveTuning
    ) -> None:
        self.name, self.folder, self.privacy = upload.name, folder, privacy
        self.stage: Stage = "starting"
        self.problem: str | None = None
        self.summary: VideoSummary | None = None
        self._upload, self._models = upload, models
        self._settings = ProcessSettings(
            smoothing=SmoothingSettings(tau=tuning.smoothing),
            group=GroupSettings(window=tuning.window),
            # "group only" keeps no pictures, blurred or not
            video=privacy.keeps_individuals,
            privacy=privacy,
        )
        self._share: float | None = None
        self._began = time.monotonic()
        self._cancel = threading.Event()
        self._thread = OwnedThread(self._work, "dashboard video")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether it is still at work."""
        return self._thread.alive

    def cancel(self, timeout: float = 0.0) -> bool:
        """End early and keep nothing.

        Args:
            timeout: Seconds to wait for the end.

        Returns:
            Whether it has ended.
        """
        self._cancel.set()
        self._thread.join(timeout)
        return not self.busy

    def state(self) -> VideoJobState:
        """How far it is, ready for JSON."""
        share, took = self._share, time.monotonic() - self._began
        left = None
        if share and self.stage == "reading" and took > _MIN_WORK_S:
            left = round(took * (1 - share) / share, 1)
        return {
            "name": self.name,
            "stage": self.stage,
            "share": None if share is None else round(share, 4),
            "left": left,
            "problem": self.problem,
            "privacy": self.privacy,
        }

    def _work(self) -> None:
        path: Path | None = None
        try:
            path = self._upload.fetch()
            self._process(path)
            self.stage = "done"
        except _CancelledError:
            self.stage = "cancelled"
        except MoodstreamError as error:
            self._fail(str(error) if path is None else str(error).replace(str(path), self.name))
        except BaseException:  # reported by state()
            logging.getLogger(__name__).exception("a video could not be processed")
            self._fail(f"{self.name}: cannot be processed; the server's log says why")
        finally:
            if path is not None and not self._upload.keep:
                path.unlink(missing_ok=True)
            if self.stage != "done":
                shutil.rmtree(self.folder, ignore_errors=True)

    def _fail(self, line: str) -> None:
        self.problem, self.stage = " ".join(line.split()), "failed"

    def _process(self, path: Path) -> None:
        job = OfflineRun(path, self.folder, self._models, self._settings)
        last = job.source.info.duration
        self.stage, self._began = "reading", time.monotonic()

        def on_progress(progress: Progress) -> None:
            if self._cancel.is_set():
                raise _CancelledError
            if last:
                self._share = min(progress.t / last, 1.0)
                if last - progress.t < _REPORT_S:
                    self.stage = "report"

        self.summary = job.run(on_progress)
        if self._cancel.is_set():
            raise _CancelledError
