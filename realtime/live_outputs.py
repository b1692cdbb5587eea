"""Where a live run's pictures, states and rows go: window, server, recording."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moodstream.realtime import layout
from moodstream.realtime.frames import Image
from moodstream.realtime.outputs import file_names

if TYPE_CHECKING:
    from moodstream.realtime.chunks import ChunkedVideo
    from moodstream.realtime.live import LiveSession
    from moodstream.realtime.live_rows import RecordSink
    from moodstream.realtime.live_sources import SourceSpec
    from moodstream.realtime.schemas import SessionState
    from moodstream.realtime.server import Server
    from moodstream.realtime.store import StoreWriter
    from moodstream.realtime.window import Window


class LiveOutputs:
    """Opens what the command line asks for, and closes all of it again.

    Use as a context; raises MoodstreamError on entering where something cannot be had.
    """

    def __init__(self, args: argparse.Namespace, specs: Sequence[SourceSpec]) -> None:
        from moodstream.realtime.hub import Hub
        from moodstream.realtime.live_state import starting_state

        self._args = args
        self.names = [spec.name for spec in specs]
        self.hub = Hub(self.names)
        self.hub.state(starting_state(self.names))
        self._window: Window | None = None
        self._server: Server | None = None
        self._store: StoreWriter | None = None
        self._videos: list[ChunkedVideo] = []
        self._fresh = threading.Event()
        self._said: str | None = None
        self._say: Callable[[str], None] = lambda line: None

    @property
    def draws(self) -> bool:
        """Whether anybody may look at pictures."""
        args = self._args
        return bool(args.display or args.serve or args.record_video)

    def __enter__(self) -> LiveOutputs:
        from moodstream.realtime.store import prepare_store

        args = self._args
        if args.record is not None:
            prepare_store(args.record, args.overwrite)
        if args.display:
            from moodstream.realtime.window import Window

            self._window = Window("moodstream")
        if args.serve:
            from moodstream.realtime.server import Server, parse_address

            self._server = Server(self.hub, *parse_address(args.serve))
            self._server.start()
        return self

    def begin(self, meta: dict[str, Any], say: Callable[[str], None]) -> None:
        """The networks are loaded: start recording."""
        self._say = say
        if self._server is not None:
            say(f"serving at {self._server.url}")
            if self._server.host not in ("127.0.0.1", "localhost", "::1"):
                say("anyone who can reach this address sees the pictures; there is no password")
        args = self._args
        if args.record is None:
            return
        from moodstream.realtime.store import StoreWriter

        self._store = StoreWriter(
            args.record / layout.STORE, meta, self.names, individuals=args.privacy != "group"
        )
        if args.record_video:
            from moodstream.realtime.chunks import ChunkedVideo

            stems = [f"{layout.OVERLAY_STEM}-{name}" for name in file_names(self.names)]
            self._videos = [ChunkedVideo(args.record, stem) for stem in stems]

    def record(self, source: int) -> RecordSink | None:
        """Where the rows of a source go."""
        return None if self._store is None else self._store.sink(source)

    def show(self, source: int, image: Image, t: float) -> None:
        """Take a finished picture; called on presenter threads."""
        self.hub.picture(source, image)
        if self._videos:
            self._videos[source].offer(image, t)
        self._fresh.set()

    def notify(self, kind: str, content: dict[str, object]) -> None:
        """Take an event."""
        self.hub.event(kind, content)

    def turn(self, session: LiveSession, seconds: float) -> None:
        """The main thread's turn, up to ``seconds``: the window, or only waiting."""
        if self._window is None:
            time.sleep(min(seconds, 0.05))
            return
        if self._fresh.wait(min(seconds, 0.05)):
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
        from moodstream.realtime.window import mosaic

        assert self._window is not None
        found = [self.hub.newest_picture(index) for index in range(len(self.names))]
        images = [picture.image for picture in found if picture is not None]
        if images:
            self._window.show(images[0] if len(images) == 1 else mosaic(images))

    def state(self, session: LiveSession) -> SessionState:
        """What there is to tell of every source and the recording."""
        from moodstream.realtime.live_state import session_state

        store = self._store
        if store is None:
            return session_state(session)
        return session_state(session, store.lost, store.problem)

    def publish(self, session: LiveSession) -> None:
        """Pass the newest state on, and say where the recording has a problem."""
        self.hub.state(self.state(session))
        problems = [self._store.problem] if self._store is not None else []
        problems += [video.problem for video in self._videos]
        now = next((p for p in problems if p), None)
        if now != self._said:
            self._say(f"recording: {now}" if now else "recording: goes on")
            self._said = now

    def finish(self, summary: Mapping[str, object]) -> None:
        """The session has stopped: finish the recording."""
        for video in self._videos:
            video.close()
        if self._store is not None:
            self._store.close(summary)

    def __exit__(self, *_: object) -> None:
        self.finish({"ended": "failed"})  # does nothing after a proper end
        if self._server is not None:
            self._server.stop()
        if self._window is not None:
            self._window.close()
