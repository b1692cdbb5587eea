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
from moodstream.samples.fetch import FetchError
from moodstream.trackers.smoothing import SmoothingSettings

Stage = Literal["starting", "reading", "report", "done", "failed", "cancelled"]
_BEFORE_A_GUESS = 1.0  # seconds of work from which the time left can be told


class _CancelledError(Exception):
    """The user does not want it any more."""


@dataclass(frozen=True)
class Upload:
    """A file to process: how people call it, and what fetches it to this machine.

    keep: it is not ours to delete.
    """

    name: str
    fetch: Callable[[], Path]
    keep: bool = False


class VideoJob:
    """Processes one file into ``folder``; the upload itself is deleted once it has been read."""

    def __init__(
        self, upload: Upload, folder: Path, models: Models, privacy: Privacy, figures: LiveTuning
    ) -> None:
        self.name, self.folder, self.privacy = upload.name, folder, privacy
        self.stage: Stage = "starting"
        self.problem: str | None = None
        self.summary: VideoSummary | None = None
        self._upload, self._models = upload, models
        self._settings = ProcessSettings(
            smoothing=SmoothingSettings(tau=figures.smoothing),
            group=GroupSettings(window=figures.window),
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
        """End early and keep nothing; whether it ended within ``timeout`` seconds."""
        self._cancel.set()
        self._thread.join(timeout)
        return not self.busy

    def state(self) -> VideoJobState:
        """Where it stands, ready for JSON; share is of the video, left in seconds."""
        share, took = self._share, time.monotonic() - self._began
        left = None
        if share and self.stage == "reading" and took > _BEFORE_A_GUESS:
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
        except (MoodstreamError, FetchError) as error:
            self._fail(str(error) if path is None else str(error).replace(str(path), self.name))
        except BaseException:  # whatever it is, the page must hear of it
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

        def tick(progress: Progress) -> None:
            if self._cancel.is_set():
                raise _CancelledError
            if last:
                self._share = min(progress.t / last, 1.0)
                if last - progress.t < 0.1:
                    self.stage = "report"

        self.summary = job.run(tick)
        if self._cancel.is_set():
            raise _CancelledError
