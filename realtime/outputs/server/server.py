"""The HTTP server of a live stream, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.server.listen import (
    LOCAL,
    listen,
    names_of,
    url_of,
    uvicorn_config,
)
from moodstream.realtime.threads import OwnedThread

if TYPE_CHECKING:
    import uvicorn

    from moodstream.realtime.outputs.server.app import Web
    from moodstream.realtime.outputs.server.broadcaster import Broadcaster

logger = logging.getLogger(__name__)

_START_TIMEOUT_S = 20.0
_GRACE_S = 0.5  # in which open responses may end by themselves
_SEND_BUFFER_BYTES = (
    1 << 18
)  # what the kernel holds for a slow viewer is delay: a few pictures at most
_ADDRESS = re.compile(r"(?:(\[[0-9a-f:.]+\]|[^\[\]:\s]*):)?([0-9]{1,5})", re.IGNORECASE)


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, ``[HOST]:PORT``, ``:PORT`` or ``PORT``.

    Without a host it is 127.0.0.1, and port 0 means any free one.

    Raises:
        MoodstreamError: It is none of these.

    Example:
        >>> parse_address("8000")
        ('127.0.0.1', 8000)
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or int(match[2]) > 65535:
        raise MoodstreamError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000")
    return (match[1] or LOCAL).strip("[]"), int(match[2])


class Server:
    """Serves what a broadcaster holds while its context is open, or from ``start`` to ``stop``.

    Args:
        broadcaster: What there is to show.
        host: A name or address of this machine; only 0.0.0.0 and :: answer to whatever name a
            request gives.
        port: 0 for any free one.

    Example:
        >>> from moodstream.realtime.outputs.server.broadcaster import Broadcaster
        >>> with Server(Broadcaster(["camera 0"]), port=0) as server:
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    def __init__(self, broadcaster: Broadcaster, host: str = LOCAL, port: int = 8000) -> None:
        self.broadcaster, self.host = broadcaster, host
        self.address = (host, port)
        self._stopping = False
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._thread: OwnedThread | None = None
        self._uvicorn: uvicorn.Server
        self._web: Web

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        return url_of(*self.address)

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread is not None and self._thread.alive

    @property
    def problem(self) -> str | None:
        """One line once it has ended although nobody stopped it, None while all is well."""
        if self._thread is None or self._thread.alive or self._stopping:
            return None
        why = self.error
        reason = "" if why is None else f" ({str(why) or type(why).__name__})"
        return f"the server has stopped{reason}"

    @property
    def error(self) -> BaseException | None:
        """What has broken the thread."""
        return None if self._thread is None else self._thread.error

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen from now on.

        Raises:
            MoodstreamError: Host or port cannot be had.
            RuntimeError: It was started before.
        """
        if self._thread is not None:
            raise RuntimeError("the server was started already")
        listening = listen(*self.address)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        self.address = (self.host, listening.getsockname()[1])
        self._thread = OwnedThread(partial(self._run, listening), "server", self._failed)
        self._thread.start()
        self._loop.result(_START_TIMEOUT_S)

    def stop(self, timeout: float = 3.0) -> bool:
        """End every open stream and the thread; returns whether it ended within ``timeout`` s."""
        if self._thread is None:
            return True
        if self._thread.alive:
            self._stopping = True
            with suppress(RuntimeError):  # it has just ended by itself
                self._loop.result().call_soon_threadsafe(self._end)
        return self._thread.join(timeout)

    def _run(self, listening: socket.socket) -> None:
        with listening, ThreadPoolExecutor(1, "jpeg encoder") as encoder:
            asyncio.run(self._serve(listening, encoder))

    def _failed(self, error: BaseException) -> None:
        if not self._loop.done():
            self._loop.set_exception(error)  # ``start`` is waiting for it
        else:
            logger.warning("the server has stopped", exc_info=error)

    async def _serve(self, listening: socket.socket, encoder: ThreadPoolExecutor) -> None:
        import uvicorn

        from moodstream.realtime.outputs.server.app import Web

        self._web = Web(self.broadcaster, names_of(self.host), encoder, self._abort)
        config = uvicorn_config(self._web, lifespan="off")
        self._uvicorn = uvicorn.Server(config)
        self._loop.set_result(asyncio.get_running_loop())
        await self._uvicorn.serve([listening])

    def _end(self) -> None:
        self._web.ending.set()
        self._uvicorn.should_exit = True
        asyncio.get_running_loop().call_later(_GRACE_S, self._abort)

    def _abort(self, client: Any = None) -> None:
        """Cut the connection of a client, or all, whatever is still to be sent."""
        for connection in list(self._uvicorn.server_state.connections):
            if client is None or getattr(connection, "client", None) == client:
                connection.transport.abort()
