"""Where a live run's pictures, states and rows go: window, server, recording."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import file_names

if TYPE_CHECKING:
    from moodstream.realtime.outputs.recording.store import StoreWriter
    from moodstream.realtime.outputs.server.schemas import SessionState
    from moodstream.realtime.outputs.server.server import Server
    from moodstream.realtime.outputs.video_chunks import ChunkedVideo
    from moodstream.realtime.outputs.window import Window
    from moodstream.realtime.runs.live.rows import RecordingSink
    from moodstream.realtime.runs.live.session import LiveSession
    from moodstream.realtime.sources.base import SourceSpec


logger = logging.getLogger(__name__)

_TURN_S = 0.05  # the longest turn of the window


@dataclass(frozen=True)
class LiveSinkSettings:
    """Where the results of a live run go.

    Attributes:
        display: Show the pictures in a window.
        serve: Host and port of the page for browsers; port 0 for any free one; None for no page.
        record: Folder of the recording, None for no recording.
        record_video: Record the overlay, too.
        overwrite: Replace an earlier recording in ``record``.
    """

    display: bool = False
    serve: tuple[str, int] | None = None
    record: Path | None = None
    record_video: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.record_video and self.record is None:
            raise ValueError("expected a folder to record in with record_video")


class LiveOutputs:
    """Opens window, server and recording, and closes all of them again.

    Use as a context. Window and server open on entering, so that what cannot be had is known
    before the networks are loaded; an earlier recording is replaced only by ``begin``.

    Args:
        settings: What to open.
        specs: The sources of the run.

    Raises:
        MoodstreamError: On entering, where one of them cannot be had.
    """

    def __init__(self, settings: LiveSinkSettings, specs: Sequence[SourceSpec]) -> None:
        from moodstream.realtime.outputs.server.broadcaster import Broadcaster
        from moodstream.realtime.runs.live.state import starting_state

        self._settings, self._opened = settings, ExitStack()
        self.names = [spec.name for spec in specs]
        self.broadcaster = Broadcaster(self.names)
        self.broadcaster.state(starting_state(self.names))
        self._window: Window | None = None
        self._server: Server | None = None
        self._store: StoreWriter | None = None
        self._videos: list[ChunkedVideo] = []
        self._fresh = threading.Event()
        self._reported: str | None = None
        self._server_lost = False
        self._say: Callable[[str], None] = lambda line: None

    @property
    def server(self) -> Server | None:
        """What serves the pictures, None before entering and where nothing is served."""
        return self._server

    @property
    def draws(self) -> bool:
        """Whether pictures go anywhere."""
        settings = self._settings
        return bool(settings.display or settings.serve or settings.record_video)

    def __enter__(self) -> LiveOutputs:
        from moodstream.realtime.outputs.recording.store import prepare_store

        settings = self._settings
        with ExitStack() as opened:
            if settings.record is not None:
                prepare_store(settings.record, settings.overwrite)
            if settings.display:
                from moodstream.realtime.outputs.window import Window

                self._window = Window("moodstream")
                opened.callback(self._window.close)
            if settings.serve is not None:
                from moodstream.realtime.outputs.server.server import Server

                self._server = opened.enter_context(Server(self.broadcaster, *settings.serve))
            self._opened = opened.pop_all()
        return self

    def begin(
        self, meta: dict[str, Any], say: Callable[[str], None], individuals: bool = True
    ) -> None:
        """The networks are loaded: start recording.

        Args:
            meta: What the recording says of its making; anything JSON can hold.
            say: Takes lines for people.
            individuals: Whether the recording may hold anything about single people.
        """
        self._say = say
        if self._server is not None:
            say(f"serving at {self._server.url}")
            if self._server.host not in ("127.0.0.1", "localhost", "::1"):
                say("anyone who can reach this address sees the pictures; there is no password")
        settings = self._settings
        if settings.record is None:
            return
        from moodstream.realtime.outputs.recording.store import StoreWriter

        path, opened = settings.record / layout.STORE, self._opened
        self._store = opened.enter_context(
            StoreWriter(path, meta, self.names, individuals, overwrite=settings.overwrite)
        )
        if settings.record_video:
            from moodstream.realtime.outputs.video_chunks import ChunkedVideo

            stems = [f"{layout.OVERLAY_STEM}-{name}" for name in file_names(self.names)]
            self._videos = [
                opened.enter_context(ChunkedVideo(settings.record, stem)) for stem in stems
            ]
        opened.callback(self.finish, {"ended": "failed"})  # does nothing after a proper end

    def record(self, source: int) -> RecordingSink | None:
        """Where the rows of a source go."""
        return None if self._store is None else self._store.sink(source)

    def show(self, source: int, image: Image, t: float) -> None:
        """Take a finished picture; called on presenter threads."""
        self.broadcaster.picture(source, image)
        if self._videos:
            self._videos[source].offer(image, t)
        self._fresh.set()

    def notify(self, kind: str, content: dict[str, object]) -> None:
        """Take an event."""
        self.broadcaster.event(kind, content)

    def turn(self, session: LiveSession, seconds: float) -> None:
        """The main thread's turn, up to ``seconds``: the window, or only waiting."""
        seconds = min(seconds, _TURN_S)
        if self._window is None:
            time.sleep(seconds)
            return
        if self._fresh.wait(seconds):
            self._fresh.clear()
            self._draw(session)
        command = self._window.poll()
        if command == "quit":
            session.end("quit")
        elif command == "privacy":
            session.stricter_privacy()
        elif command == "hud":
            session.panel = not session.panel
        elif command == "pause":
            session.pause(not session.paused.is_set())

    def _draw(self, session: LiveSession) -> None:
        from moodstream.realtime.outputs.window import mosaic

        assert self._window is not None
        newest = [self.broadcaster.newest_picture(index) for index in range(len(self.names))]
        images = [picture.image for picture in newest if picture is not None]
        if images:
            self._window.show(images[0] if len(images) == 1 else mosaic(images))

    def state(self, session: LiveSession) -> SessionState:
        """The state of every source and the recording."""
        from moodstream.realtime.runs.live.state import session_state

        lost = 0 if self._store is None else self._store.lost
        return session_state(session, lost, self.recording_problem)

    @property
    def recording_problem(self) -> str | None:
        """One line while something cannot be recorded, None when all is well."""
        problems = [self._store.problem] if self._store is not None else []
        problems += [video.problem for video in self._videos]
        return next((problem for problem in problems if problem), None)

    @property
    def recorded_all(self) -> bool:
        """Whether all that was to be recorded is; certain only after ``finish``."""
        lost = 0 if self._store is None else self._store.lost
        return lost == 0 and self.recording_problem is None

    def publish(self, session: LiveSession) -> None:
        """Pass the newest state on, and say so where recording or serving has a problem.

        Raises:
            MoodstreamError: The server has stopped, and the run was for nobody else.
        """
        self.broadcaster.state(self.state(session))
        problem = self.recording_problem
        if problem != self._reported:
            self._say(f"recording: {problem}" if problem else "recording: goes on")
            self._reported = problem
        self._check_server()

    def _check_server(self) -> None:
        """A run that is seen or recorded elsewhere goes on without the page, and says so."""
        problem = None if self._server is None else self._server.problem
        if problem is None or self._server_lost:
            return
        self._server_lost = True
        if self._window is None and self._store is None:
            raise MoodstreamError(f"serving: {problem}")
        logger.warning("serving: %s", problem)
        self._say(f"serving: {problem}")

    def finish(self, summary: Mapping[str, object]) -> None:
        """The session has stopped: finish the recording."""
        for video in self._videos:
            video.close()
        if self._store is not None:
            self._store.close(summary)

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)
