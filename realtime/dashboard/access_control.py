"""Who may ask for what: host names, origins, the password, and the few routes of Gradio in use."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import secrets
from collections.abc import Set
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moodstream.realtime.outputs.server.listen import host_name

COOKIE = "moodstream"
OURS = "/moodstream/"
_COOKIE_VALUE = re.compile(r"[\w-]{20,64}")
_WRONG_PASSWORD_DELAY_S = 0.5
_MAX_BODY_BYTES = 100_000  # of a request to Gradio: choices, never files

# Gradio has some forty routes, among them its file cache, a proxy and a code editor.
_READABLE = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt"
    r"|/(?:static|assets|svelte)/[\w./@+-]+"
    r"|/gradio_api/(?:theme\.css|info/?|app_id/?|startup-events|heartbeat/\w+|queue/data)"
)
_WRITABLE = re.compile(r"/gradio_api/(?:queue/join/?|cancel|reset/?)")

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self' data: blob:; worker-src 'self' blob:; font-src 'self' data:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


class AccessControl:
    """Stands before every route, and refuses what is not allowed.

    Args:
        app: Answers what is allowed.
        hosts: The names that a request may call this machine by, None for any.
        auth: ``user:password``, None where nobody is asked for it.
    """

    def __init__(self, app: ASGIApp, hosts: Set[str] | None, auth: str | None) -> None:
        self._app, self._hosts = app, hosts
        self._auth = None if auth is None else auth.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope)
        new = (
            None
            if _COOKIE_VALUE.fullmatch(request.cookies.get(COOKIE, ""))
            else _new_cookie(request)
        )

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if new is not None:
                    headers.append("Set-Cookie", new)
            await send(message)

        refusal = self._refusal(request)
        if (
            refusal is not None
            and refusal.status_code == 401
            and "authorization" in request.headers
        ):
            await asyncio.sleep(_WRONG_PASSWORD_DELAY_S)
        await (refusal or self._app)(scope, receive, with_headers)

    def _refusal(self, request: Request) -> Response | None:
        # A page of another site can point its own name at this machine (DNS rebinding), and the
        # browser then takes it for ours: only the Host header shows it.
        if self._hosts is not None and host_name(request) not in self._hosts:
            return _refuse(403, "this server does not answer to that host name")
        if not self._is_known(request):
            ask = {"WWW-Authenticate": 'Basic realm="moodstream", charset="UTF-8"'}
            return _refuse(401, "user and password, please", ask)
        if not _is_own_page(request):
            return _refuse(403, "other sites may not ask for this")
        return None if _is_open(request) else _refuse(404, "there is nothing here")

    def _is_known(self, request: Request) -> bool:
        if self._auth is None:
            return True
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            known = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            return False
        return kind.lower() == "basic" and secrets.compare_digest(known, self._auth)


def _is_own_page(request: Request) -> bool:
    """Whether a request comes from a page of this server, or from no page at all."""
    origin = request.headers.get("origin")
    if origin is not None and origin != "null":
        return urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    site = request.headers.get("sec-fetch-site", "none")
    if request.method in ("GET", "HEAD"):
        # a link from elsewhere may open the page, but nothing else
        return site in ("none", "same-origin") or request.url.path == "/"
    return origin is None and site in ("none", "same-origin")


def _is_open(request: Request) -> bool:
    path, method = request.scope["path"], request.method
    if ".." in path or "\\" in path or "//" in path or "\0" in path:
        return False
    if path.startswith(OURS):
        return True
    if method in ("GET", "HEAD"):
        return _READABLE.fullmatch(path) is not None
    length = request.headers.get("content-length", "")
    small = length.isdigit() and int(length) <= _MAX_BODY_BYTES
    return method == "POST" and small and _WRITABLE.fullmatch(path) is not None


def _new_cookie(request: Request) -> str | None:
    """Only with the page itself: what it loads at the same time must not get cookies of its own."""
    if request.url.path != "/":
        return None
    secure = "; Secure" if request.url.scheme == "https" else ""
    value = secrets.token_urlsafe(24)
    return f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{secure}"


def _refuse(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{text}\n", status, headers)
