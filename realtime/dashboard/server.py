"""The dashboard's HTTP server, in a thread of its own."""

from __future__ import annotations

import time
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.server.listen import listen, url_of, uvicorn_config
from moodstream.realtime.threads import OwnedThread

_START_TIMEOUT_S = 30.0
_START_POLL_S = 0.02


class DashboardServer:
    """Serves an ASGI application until it is stopped.

    Args:
        app: The application.
        host: The address to listen on.
        port: 0 for any that is free; the attribute ``port`` then has it.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._socket = listen(host, port)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self._server = uvicorn.Server(uvicorn_config(app))
        run = partial(self._server.run, [self._socket])
        self._thread = OwnedThread(run, "dashboard server")

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        return url_of(self.host, self.port)

    def start(self) -> None:
        """Listen from now on.

        Raises:
            MoodstreamError: The application does not start.
        """
        self._thread.start()
        until = time.monotonic() + _START_TIMEOUT_S
        while not self._server.started:
            if not self._thread.alive or time.monotonic() > until:
                raise MoodstreamError("the dashboard's server does not start")
            time.sleep(_START_POLL_S)

    def stop(self, timeout: float = 10.0) -> bool:
        """End every connection and the thread.

        Args:
            timeout: Seconds to wait for the end.

        Returns:
            Whether it has ended.
        """
        self._server.should_exit = True
        ended = self._thread.join(timeout)
        self._socket.close()
        return ended

    def wait(self, seconds: float) -> bool:
        """Wait for the end, so many seconds at most; returns whether it has ended."""
        return self._thread.join(seconds)
