"""Who has the page open, what runs for each of them, and that all of it goes away with them."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from moodstream.realtime.dashboard.limits import Limits
from moodstream.realtime.dashboard.live_run import LiveRun, LiveTuning, browser_run
from moodstream.realtime.dashboard.memory import release_free_memory
from moodstream.realtime.dashboard.photo import Photo
from moodstream.realtime.dashboard.source_policy import AllowedSources
from moodstream.realtime.dashboard.video_job import Upload, VideoJob
from moodstream.realtime.errors import (
    BusyError,
    MoodstreamError,
    PageClosedError,
    SourceRefusedError,
)
from moodstream.realtime.networks.models import Models
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.sources.base import LiveReader, OpenSettings, ReaderWatchdog, SourceSpec
from moodstream.realtime.sources.capture import Opener
from moodstream.realtime.sources.readers import open_reader
from moodstream.realtime.threads import OwnedThread

_PREFIX = "moodstream-dashboard-"
_JANITOR_INTERVAL_S = 1.0
_CANCEL_TIMEOUT_S = 10.0  # for a video to end


@dataclass
class UserSession:
    """One open page; token and cookie together are the key to all that belongs to it.

    Attributes:
        token: The secret part of the page's addresses.
        cookie: Of the browser that opened it.
        page: Gradio's session hash.
        folder: For its files; made when the first of them comes.
        deadline: Time (monotonic) at which it is gone unless it asks for something before.
        privacy: What may be shown and kept for it.
        tuning: Window and smoothing.
        live: The live view, None where there is none.
        runs: Live views so far; the page tells them apart by it.
        upload: A video that waits to be analysed.
        video: The video that is or was analysed last.
        video_at: Time (monotonic) at which that began.
        videos: Videos so far.
        photo: The photo that was analysed last.
        photos: Photos so far.
        gone: The page was closed, and all that belonged to it is removed.
        uploading: A video is coming in.
    """

    token: str
    cookie: str
    page: str
    folder: Path
    deadline: float
    privacy: Privacy = Privacy.OFF
    tuning: LiveTuning = field(default_factory=LiveTuning)
    live: LiveRun | None = None
    runs: int = 0
    upload: Upload | None = None
    video: VideoJob | None = None
    video_at: float = 0.0
    videos: int = 0
    photo: Photo | None = None
    photos: int = 0
    gone: bool = False
    uploading: bool = False


class Registry:
    """Every open page; a thread of its own ends what belongs to pages that are gone.

    Args:
        models: The networks that all of them share.
        allowed: Sources that pages may open besides their browser's camera.
        limits: How much there is room for.
    """

    def __init__(
        self,
        models: Models,
        allowed: AllowedSources | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.models, self.limits = models, limits or Limits()
        self.allowed = allowed or AllowedSources()
        self.photos = threading.BoundedSemaphore(self.limits.photos)
        _remove_leftovers()
        self.root = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self._lock = threading.RLock()
        self._sessions: dict[str, UserSession] = {}
        self._freed_memory = False  # since it was last given back to the system
        self._stop = threading.Event()
        self._janitor = OwnedThread(self._tidy, "dashboard janitor")
        self._janitor.start()

    # --- pages ---

    def open(self, page: str, cookie: str) -> UserSession:
        """A session for a page.

        Args:
            page: Gradio's session hash.
            cookie: Of the browser.

        Raises:
            BusyError: Too many pages are open.
        """
        with self._lock:
            if len(self._sessions) >= self.limits.pages:
                raise BusyError("too many pages are open here; try again in a minute")
            token = secrets.token_urlsafe(24)
            deadline = time.monotonic() + self.limits.silence_s
            session = UserSession(token, cookie, page, self.root / secrets.token_hex(8), deadline)
            self._sessions[token] = session
            return session

    @property
    def sessions(self) -> dict[str, UserSession]:
        """Those that are open, by their tokens."""
        with self._lock:
            return dict(self._sessions)

    def find(self, token: str, cookie: str | None) -> UserSession | None:
        """The session with this token, if it belongs to this browser; keeps it alive."""
        with self._lock:
            session = self._sessions.get(token)
            if session is None or not _same(session.cookie, cookie):
                return None
            session.deadline = time.monotonic() + self.limits.silence_s
            return session

    def of_page(self, page: str | None, cookie: str | None) -> UserSession | None:
        """The session of a Gradio page, if it belongs to this browser; keeps it alive."""
        with self._lock:
            tokens = [s.token for s in self._sessions.values() if s.page == page]
            return self.find(tokens[0], cookie) if tokens else None

    def leaving(self, session: UserSession | None) -> None:
        """The page's connection broke off: it has little time left to come back."""
        if session is not None:
            session.deadline = min(session.deadline, time.monotonic() + self.limits.leaving_s)

    def page_left(self, page: str | None) -> None:
        """Gradio reports that this page was closed."""
        with self._lock:
            for session in self._sessions.values():
                if session.page == page:
                    self.leaving(session)

    def __len__(self) -> int:
        with self._lock:
            return len(self._sessions)

    def still_there(self, session: UserSession) -> None:
        """Check that a page was not closed while something was done for it.

        Raises:
            PageClosedError: It was.
        """
        if session.gone:
            raise PageClosedError("this page was closed; reload it")

    # --- what pages ask for ---

    def start_live(self, session: UserSession, source: str) -> None:
        """Start a live view, in place of the one that is there.

        Args:
            session: The page.
            source: ``browser``, or what ``AllowedSources.spec`` takes.

        Raises:
            MoodstreamError: The source is not allowed, or there is no room.
        """
        spec = None if source == "browser" else self.allowed.spec(source)
        while True:
            self.stop_live(session)  # takes seconds at worst, so nobody else has to wait for it
            with self._lock:
                self.still_there(session)
                if session.live is None:  # else another start came first, and is to be stopped
                    self._begin_live(session, spec)
                    return

    def _begin_live(self, session: UserSession, spec: SourceSpec | None) -> None:
        """Start a run, of the browser's camera where ``spec`` is None; call it with the lock."""
        lives = [s.live for s in self._sessions.values() if s.live and not s.live.over]
        if len(lives) >= self.limits.streams:
            raise BusyError(
                f"the server is busy: live views, as many as fit ({len(lives)}); try later"
            )
        tuning, privacy = session.tuning, session.privacy
        if spec is None:
            run = browser_run(self.models, privacy, tuning)
        else:
            run = LiveRun(spec, self.models, privacy, tuning, opener=self._opener())
        session.live, session.runs = run, session.runs + 1
        run.start()

    def stop_live(self, session: UserSession) -> None:
        """End the live view of a page, if it has one."""
        with self._lock:
            run, session.live = session.live, None
        if run is not None:
            run.stop()
            self.ended()

    def start_video(self, session: UserSession, upload: Upload) -> None:
        """Process a file.

        Raises:
            MoodstreamError: A video of this page is at work, too many of others are, or the file
                is gone.
        """
        with self._lock:
            self.still_there(session)
            if session.video is not None and session.video.busy:
                raise BusyError("a video of yours is being analysed; cancel it first")
            if not upload.keep and upload is not session.upload:  # its file is gone by now
                raise MoodstreamError("this video was analysed already; choose it once more")
            jobs = [s.video for s in self._sessions.values() if s.video and s.video.busy]
            if len(jobs) >= self.limits.videos:
                raise BusyError(
                    f"the server is busy: videos, as many as fit ({len(jobs)}); try later"
                )
            self.drop_video(session)  # it is not at work, so this does not wait
            session.videos += 1
            folder = session.folder / f"results-{session.videos}"
            session.upload = None
            session.video = VideoJob(upload, folder, self.models, session.privacy, session.tuning)
            session.video_at = time.monotonic()
            session.video.start()

    def ended(self) -> None:
        """Note that something has ended whose memory can be given back to the system."""
        self._freed_memory = True

    def drop_video(self, session: UserSession) -> None:
        """Forget the results of a video, and its upload."""
        with self._lock:
            video, session.video = session.video, None
        _discard(video)

    def keep_upload(self, session: UserSession, upload: Upload) -> None:
        """Make a file that has come in whole the one to analyse.

        Raises:
            PageClosedError: The page was closed in the meantime.
        """
        with self._lock:
            self.still_there(session)
            session.upload = upload

    def keep_photo(self, session: UserSession, photo: Photo) -> bool:
        """Make a photo the one to show; False where it has less privacy than is wanted by now.

        Raises:
            PageClosedError: The page was closed in the meantime.
        """
        with self._lock:
            self.still_there(session)
            if _weaker(photo.privacy, session.privacy):
                return False
            session.photo, session.photos = photo, session.photos + 1
            return True

    def set_privacy(self, session: UserSession, privacy: Privacy) -> None:
        """What may be shown and kept from now on; results with less privacy are removed."""
        video = None
        with self._lock:  # so that what is being started now is there, and gets the new mode, too
            session.privacy = privacy
            if session.live is not None:
                session.live.set_privacy(privacy)
            if session.video is not None and _weaker(session.video.privacy, privacy):
                video, session.video = session.video, None
            if session.photo is not None and _weaker(session.photo.privacy, privacy):
                session.photo = None
        _discard(video)

    def set_tuning(self, session: UserSession, tuning: LiveTuning) -> None:
        """Window and smoothing; a live view goes on with them."""
        with self._lock:
            session.tuning = tuning
            if session.live is not None:
                session.live.tuning = tuning

    def _opener(self) -> Opener:
        def checked(
            spec: SourceSpec, settings: OpenSettings, control: ReaderWatchdog
        ) -> LiveReader:
            try:
                self.allowed.check(spec)  # again: a name may stand for another address by now
            except MoodstreamError as error:
                raise SourceRefusedError(str(error)) from None
            return open_reader(spec, settings, control)

        return checked

    # --- the end ---

    def close(self) -> None:
        """End everything and remove every file."""
        self._stop.set()
        self._janitor.join()
        for session in self.sessions.values():
            self.end(session)
        shutil.rmtree(self.root, ignore_errors=True)

    def _tidy(self) -> None:
        while not self._stop.wait(min(_JANITOR_INTERVAL_S, self.limits.leaving_s)):
            self._end_those_gone()
            if self._freed_memory:
                self._freed_memory = False
                release_free_memory()

    def _end_those_gone(self) -> None:
        now = time.monotonic()
        for session in self.sessions.values():
            if now > session.deadline:
                self.end(session)
            elif session.video and now - session.video_at > self.limits.max_age_s:
                self.drop_video(session)

    def end(self, session: UserSession) -> None:
        """End all that a page has at work and remove its files."""
        with self._lock:
            session.gone = True
            self._sessions.pop(session.token, None)
            session.photo = session.upload = None
        self.stop_live(session)
        self.drop_video(session)
        shutil.rmtree(session.folder, ignore_errors=True)
        self.ended()


def _discard(video: VideoJob | None) -> None:
    """End a job and remove its results; may take seconds, so never call it with the lock."""
    if video is not None:
        video.cancel(_CANCEL_TIMEOUT_S)
        shutil.rmtree(video.folder, ignore_errors=True)


def _same(one: str, other: str | None) -> bool:
    return secrets.compare_digest(one.encode(), (other or "").encode())


def _weaker(before: Privacy, now: Privacy) -> bool:
    return now.stricter_than(before)


def _remove_leftovers() -> None:
    """Remove the folders of dashboards that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        match = re.match(rf"{_PREFIX}(\d+)-", folder.name)
        if match and not folder.is_symlink() and not _is_running(int(match[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
