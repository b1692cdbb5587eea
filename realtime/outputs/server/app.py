"""What the server answers: the page, pictures as MJPEG, the state, and events as they come."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Set
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from moodstream.overlays.palette import hex_of
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.outputs.server.broadcaster import Broadcaster, Picture
from moodstream.realtime.outputs.server.listen import host_name

MAX_VIEWERS = 64
"""Open streams, pictures and events together, of all viewers."""

RESEND_AFTER_S = 2.0
"""Seconds after which the last picture is sent again, so that proxies keep the connection."""

STATE_INTERVAL_S = 1.0
"""Seconds between two states in an event stream."""

KEEPALIVE_S = 10.0
"""Seconds after which a comment keeps a silent event stream alive."""

STALL_TIMEOUT_S = 20.0
"""Seconds of not taking anything after which a viewer is cut off."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",  # no other site may show the pictures either
    "Cache-Control": "no-store",
}
_BOUNDARY = b"--picture\r\n"

Write = Callable[[bytes], Awaitable[None]]
Pump = Callable[[Write], Awaitable[None]]


class Web:
    """The ASGI application; it belongs to one event loop.

    Args:
        broadcaster: What there is to show.
        hosts: The names that a request may call this machine by, None for any.
        encoder: Where JPEGs are made.
        abort: Cuts the connection of an ASGI ``client``.

    Attributes:
        ending: Once it is set, every stream ends.
        streams: How many streams are open.
    """

    def __init__(
        self,
        broadcaster: Broadcaster,
        hosts: Set[str] | None,
        encoder: Executor,
        abort: Callable[[Any], None],
    ) -> None:
        self.broadcaster, self.hosts = broadcaster, hosts
        self.encoder, self.abort = encoder, abort
        self.ending = asyncio.Event()
        self.streams = 0
        loader = jinja2.FileSystemLoader(Path(__file__).parent)
        self._template = jinja2.Environment(
            loader=loader, autoescape=True, undefined=jinja2.StrictUndefined
        ).get_template("live.html")
        self._routes = Starlette(
            routes=[
                Route("/", self._page),
                Route("/video", self._video),
                Route("/state", self._state),
                Route("/events", self._events),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = self._refusal(Request(scope)) or self._routes
        await app(scope, receive, with_headers)

    def _refusal(self, request: Request) -> Response | None:
        # A page of another site can point its own name at this machine (DNS rebinding), and the
        # browser then takes it for ours: only the Host header tells.
        if self.hosts is not None and host_name(request) not in self.hosts:
            return _line(403, "this server does not answer to that host name")
        if request.method != "GET":
            return _line(405, "only GET", {"Allow": "GET"})
        return None

    async def _page(self, request: Request) -> Response:
        nonce = secrets.token_urlsafe(16)
        page = self._template.render(
            nonce=nonce,
            sources=self.broadcaster.sources,
            moods={name: hex_of(name) for name in EMOTIONS},
        )
        policy = (
            "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
            f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    async def _state(self, request: Request) -> Response:
        return Response(self.broadcaster.newest_state()[1], media_type="application/json")

    async def _video(self, request: Request) -> Response:
        source = self._source(request.query_params.get("source", "0"))
        if source is None:
            there = ", ".join(f"{k} ({name})" for k, name in enumerate(self.broadcaster.sources))
            return _line(404, f"no such source; there are {there}")
        kind = "multipart/x-mixed-replace; boundary=picture"
        return _Stream(self, partial(self._send_pictures, source), kind)

    async def _events(self, request: Request) -> Response:
        return _Stream(self, self._send_events, "text/event-stream")

    def _source(self, text: str) -> int | None:
        names = [*map(str, range(len(self.broadcaster.sources))), *self.broadcaster.sources]
        return names.index(text) % len(self.broadcaster.sources) if text in names else None

    async def _send_pictures(self, source: int, write: Write) -> None:
        loop, newer = asyncio.get_running_loop(), asyncio.Event()
        number, sent = 0, loop.time()
        with self.broadcaster.subscribe_frames(
            source, partial(loop.call_soon_threadsafe, newer.set)
        ):
            await write(_BOUNDARY)
            while True:
                newer.clear()
                picture = self.broadcaster.newest_picture(source)
                due = loop.time() >= sent + RESEND_AFTER_S
                if picture is not None and (due or picture.number != number):
                    await write(await self._part(picture))
                    number, sent = picture.number, loop.time()
                await _set_within(newer, RESEND_AFTER_S)

    async def _part(self, picture: Picture) -> bytes:
        loop = asyncio.get_running_loop()
        jpeg = await loop.run_in_executor(self.encoder, picture.jpeg)
        head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        # Browsers show a part when they see its end, so the boundary comes with it, not with the
        # next picture.
        return b"".join((head.encode(), jpeg, b"\r\n", _BOUNDARY))

    async def _send_events(self, write: Write) -> None:
        loop, new, number = asyncio.get_running_loop(), asyncio.Event(), 0
        next_state = written = loop.time()
        with self.broadcaster.subscribe_events(
            partial(loop.call_soon_threadsafe, new.set)
        ) as subscription:
            await write(b"retry: 2000\n\n")
            while True:
                new.clear()
                lines = [f"event: {kind}\ndata: {text}\n\n" for kind, text in subscription.take()]
                now = loop.time()
                if now >= next_state:
                    next_state = max(next_state + STATE_INTERVAL_S, now)
                    before, (number, text) = number, self.broadcaster.newest_state()
                    if number != before:
                        lines.append(f"event: state\ndata: {text}\n\n")
                if now - written >= KEEPALIVE_S:
                    lines.append(": keep-alive\n\n")
                if lines:
                    await write("".join(lines).encode())
                    written = loop.time()
                await _set_within(new, next_state - loop.time())


class _Stream(Response):
    """A response without an end: it ends with the viewer, with the server, or with a stall."""

    def __init__(self, web: Web, pump: Pump, kind: str) -> None:
        super().__init__(media_type=kind)
        del self.headers["content-length"]
        self.web, self.pump = web, pump

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.web.streams >= MAX_VIEWERS:
            await _line(503, f"there are {MAX_VIEWERS} viewers already")(scope, receive, send)
            return
        self.web.streams += 1
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            await self._pump_until_the_end(receive, send, lambda: self.web.abort(scope["client"]))
            await send({"type": "http.response.body", "body": b""})
        finally:
            self.web.streams -= 1

    async def _pump_until_the_end(
        self, receive: Receive, send: Send, abort: Callable[[], None]
    ) -> None:
        async def write(data: bytes) -> None:
            with _later(STALL_TIMEOUT_S, abort):
                await send({"type": "http.response.body", "body": data, "more_body": True})

        tasks = [
            asyncio.ensure_future(one)
            for one in (self.pump(write), self.web.ending.wait(), _gone(receive))
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()  # raises what a pump has raised


def _line(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{text}\n", status, headers)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@contextmanager
def _later(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    """Act when the block takes longer than that."""
    # Not asyncio.wait_for: up to Python 3.11 it may swallow the cancelling of its task.
    timer = asyncio.get_running_loop().call_later(seconds, act)
    try:
        yield
    finally:
        timer.cancel()


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait until it is set, but no longer than that."""
    with _later(seconds, event.set):
        await event.wait()
