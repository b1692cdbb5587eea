"""One file over https: resumed where it was cut off, checked before it gets its name."""

from __future__ import annotations

import http.client
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from moodstream.realtime.errors import WeightsError

_CHUNK_BYTES = 1 << 20
_ATTEMPTS = 3
_RETRY_PAUSE_S = 1.0  # before the second attempt, twice that before the third
_LOCK_TIMEOUT_S = 900.0  # for another process that fetches the same file
_LOCK_POLL_S = 0.1
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _BrokenTransferError(Exception):
    """A transfer that failed and may be tried again."""


@dataclass(frozen=True)
class Limits:
    """Time-outs of a download.

    Attributes:
        connect: Seconds to wait for a connection.
        read: Seconds to wait for the next bytes.
    """

    connect: float
    read: float


def fetch(
    url: str, target: Path, check: Callable[[Path], object], limits: Limits, show: bool
) -> None:
    """Download to ``NAME.part``, check it, and only then give it its name.

    A transfer that was cut off is resumed, in this process and in later ones.

    Args:
        url: Where from; https, or http of this machine.
        target: The file that is written.
        check: Called with the downloaded file; raises WeightsError for a wrong one.
        limits: Time-outs.
        show: Whether to draw a progress bar on stderr.

    Raises:
        WeightsError: The file cannot be had, or is not the right one.
    """
    part = target.with_name(target.name + ".part")
    for attempt in range(1, _ATTEMPTS + 1):
        resumed = part.exists()
        try:
            _transfer(url, part, limits, show)
        except _BrokenTransferError as error:
            if attempt == _ATTEMPTS:
                raise WeightsError(_failure(url, target, str(error))) from error
            time.sleep(_RETRY_PAUSE_S * attempt)
            continue
        try:
            check(part)
        except WeightsError:
            part.unlink(missing_ok=True)
            # The beginning may have come from another version of the file: once from scratch.
            if resumed and attempt < _ATTEMPTS:
                continue
            raise
        part.replace(target)
        return


def _failure(url: str, target: Path, reason: str) -> str:
    return (
        f"cannot fetch {target.name}: {reason}; try again later, or put the file from "
        f"{url} into {target.parent} yourself"
    )


def _transfer(url: str, part: Path, limits: Limits, show: bool) -> None:
    done = part.stat().st_size if part.exists() else 0
    try:
        with _open(url, done, limits) as response, _bar(part.stem, show) as moved:
            _save(response, part, done, moved)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the part is longer than the file
            part.unlink(missing_ok=True)
        if error.code in (408, 416, 429) or error.code >= 500:
            raise _BrokenTransferError(
                f"the server answered {error.code} {error.reason}"
            ) from error
        reason = f"the server answered {error.code} {error.reason}"
        raise WeightsError(_failure(url, part.with_suffix(""), reason)) from error
    except urllib.error.URLError as error:
        host = urllib.parse.urlsplit(url).hostname
        raise WeightsError(
            _failure(url, part.with_suffix(""), f"no way to {host} ({error.reason})")
        ) from error
    except TimeoutError as error:
        raise _BrokenTransferError(f"nothing came for {limits.read:g} s") from error
    except (ConnectionError, http.client.HTTPException) as error:
        raise _BrokenTransferError(
            f"the connection broke ({error or type(error).__name__})"
        ) from error


def _save(
    response: http.client.HTTPResponse, part: Path, done: int, moved: Callable[[int, int], None]
) -> None:
    if response.status == 206 and not (response.headers["Content-Range"] or "").startswith(
        f"bytes {done}-"
    ):
        part.unlink(missing_ok=True)
        raise _BrokenTransferError("the server resumed at another place than was asked")
    if response.status != 206:
        done = 0  # the server sends the whole file again
    length = response.headers["Content-Length"]
    total = done + int(length) if length and length.isdigit() else 0
    with part.open("ab" if done else "wb") as file:
        # read1 hands over what has come, so that a break loses nothing.
        while chunk := response.read1(_CHUNK_BYTES):
            file.write(chunk)
            done += len(chunk)
            moved(done, total)
    if total and done < total:
        raise _BrokenTransferError(f"the transfer stopped at {done} of {total} bytes")


def _open(url: str, start: int, limits: Limits) -> http.client.HTTPResponse:
    _check_address(url)
    headers = {"User-Agent": "moodstream", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    handlers: list[urllib.request.BaseHandler] = [
        _Redirects(),
        _Plain(limits.read),
        _Secure(limits.read),
    ]
    if urllib.parse.urlsplit(url).hostname in _LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(*handlers)
    answer: http.client.HTTPResponse = opener.open(request, timeout=limits.connect)
    return answer


def _check_address(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return
    raise WeightsError(f"weights are fetched over https only, got {parts.scheme}://{parts.netloc}")


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, hdrs: Any, url: str) -> Any:
        _check_address(url)
        return super().redirect_request(req, fp, code, msg, hdrs, url)


# urllib has one time-out for everything; connecting should give up sooner than reading.
class _ReadTimeout:
    def __init__(self, host: str, *, read_timeout: float, **options: Any) -> None:
        super().__init__(host, **options)  # type: ignore[call-arg]
        self._read_timeout = read_timeout

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self.sock.settimeout(self._read_timeout)  # type: ignore[attr-defined]


class _PlainConnection(_ReadTimeout, http.client.HTTPConnection):
    pass


class _SecureConnection(_ReadTimeout, http.client.HTTPSConnection):
    pass


class _Plain(urllib.request.HTTPHandler):
    def __init__(self, read_timeout: float) -> None:
        super().__init__()
        self._read_timeout = read_timeout

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        connection: Any = _PlainConnection  # typeshed knows only the options of its own class
        return self.do_open(connection, req, read_timeout=self._read_timeout)


class _Secure(urllib.request.HTTPSHandler):
    def __init__(self, read_timeout: float) -> None:
        super().__init__()
        self._read_timeout = read_timeout

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        connection: Any = _SecureConnection  # typeshed knows only the options of its own class
        return self.do_open(connection, req, read_timeout=self._read_timeout)


@contextmanager
def _bar(name: str, show: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, or nothing: yields a function of (done, total) bytes."""
    if not show:
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, TransferSpeedColumn(), console=Console(stderr=True)) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total or None)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` as a lock, which the system frees when its holder ends, however it does.

    Raises:
        WeightsError: Another process has held it for too long.
    """
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    with path.open("a+b") as file:
        while not _try_lock(file):
            if time.monotonic() > deadline:
                raise WeightsError(f"another process has held {path} for {_LOCK_TIMEOUT_S:g} s")
            time.sleep(_LOCK_POLL_S)
        yield


def _try_lock(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
