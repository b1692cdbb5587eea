"""Where a server of this program listens, and how: the same for live streams and the dashboard."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any, Literal

from starlette.requests import Request

from moodstream.realtime.errors import MoodstreamError

if TYPE_CHECKING:
    import uvicorn

LOCAL = "127.0.0.1"
LOCAL_NAMES = frozenset((LOCAL, "localhost", "::1"))
EVERYWHERE = ("0.0.0.0", "::")


def url_of(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens at ``host``."""
    host = "localhost" if host in EVERYWHERE else host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def names_of(host: str) -> set[str] | None:
    """The names that requests may call this machine by; None for any, where all can reach it."""
    return None if host in EVERYWHERE else {*LOCAL_NAMES, host.lower()}


def listen(host: str, port: int) -> socket.socket:
    """Listen at an address.

    Args:
        host: A name or address of this machine; ``::`` is IPv4, too.
        port: 0 for any free one.

    Returns:
        A listening socket.

    Raises:
        MoodstreamError: Host or port cannot be had.
    """
    try:
        offers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = min(offers, key=lambda offer: offer[0] != socket.AF_INET)
        dual = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address[:2], family=family, backlog=128, dualstack_ipv6=dual)
    except (OSError, UnicodeError, OverflowError) as error:
        raise MoodstreamError(f"{host}:{port}: cannot be listened on: {_reason(error)}") from None


def uvicorn_config(app: Any, lifespan: Literal["auto", "off"] = "auto") -> uvicorn.Config:
    """How an ASGI application is served: plain HTTP, nothing logged, nothing trusted."""
    import uvicorn

    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan=lifespan,
        log_config=None,
        log_level="error",  # a broken request is the sender's fault and no news here
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )


def _reason(error: Exception) -> str:
    code = getattr(error, "errno", None)
    if code == errno.EADDRINUSE:
        return "the port is taken; choose another one"
    if code == errno.EACCES:
        return "the port is not allowed to you; choose one from 1024 up"
    if isinstance(error, (socket.gaierror, UnicodeError)) or code == errno.EADDRNOTAVAIL:
        return "the host is not a name or address of this machine"
    return os.strerror(code) if code else str(error)


def host_name(request: Request) -> str:
    """The host that a request asks for, without port or brackets, in lower case."""
    host = request.headers.get("host", "").lower()
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return name.rstrip(".")
