"""Where live pictures come from: cameras, addresses on the network, files at their own pace."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import quote

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Frame, Image
from moodstream.realtime.redact import redact
from moodstream.realtime.sources import FileSource, SourceError, SourceInfo

SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "udp")
_HOST = re.compile(r"[^:]+(:\d+)?|\[[0-9A-Fa-f:.%]+\](:\d+)?")
_SLICE = 0.25  # longest wait without a sign of life, seconds


class EndOfSource(MoodstreamError):
    """A recording that has been read to its end."""


class SourceGone(MoodstreamError):
    """A source that does not answer now, but may do so later."""


class SourceRefused(MoodstreamError):
    """A source that will not work as it was given; ``denied``: for want of the right password."""

    def __init__(self, message: str, denied: bool = False) -> None:
        super().__init__(message)
        self.denied = denied


@dataclass(frozen=True)
class SourceSpec:
    """A source as the user named it; ``name`` is safe to show, ``address`` is not."""

    kind: Literal["camera", "network", "file"]
    address: str | int
    name: str

    def __repr__(self) -> str:
        return f"SourceSpec({self.kind}, {self.name})"


@dataclass(frozen=True)
class OpenSettings:
    """How sources are opened and read.

    open_timeout, read_timeout: seconds until a silent source counts as gone; transport: tcp or
    udp (RTSP only); loop, speed: files only; max_lag: seconds that decoding may fall behind.
    """

    open_timeout: float = 5.0
    read_timeout: float = 5.0
    transport: Literal["tcp", "udp"] = "tcp"
    loop: bool = False
    speed: float = 1.0
    max_lag: float = 1.0

    def __post_init__(self) -> None:
        for name in ("open_timeout", "read_timeout", "speed", "max_lag"):
            if not getattr(self, name) > 0:
                raise ValueError(f"expected {name} > 0, got {getattr(self, name)}")
        if self.transport not in ("tcp", "udp"):
            raise ValueError(f"expected transport tcp or udp, got {self.transport}")


class Control:
    """What ties a reader to its owner: the order to stop, and the reader's signs of life.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._stop, self._clock = threading.Event(), clock
        self._deadline = float("inf")

    def stop(self) -> None:
        """Tell the reader to leave."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether the reader is to leave."""
        return self._stop.is_set()

    @property
    def expired(self) -> bool:
        """Whether the reader is to leave what it is waiting for."""
        return self.stopped or self.overdue() > 0

    def expect(self, seconds: float) -> None:
        """A sign of life, and the promise of another one within ``seconds``."""
        self._deadline = self._clock() + seconds

    def overdue(self) -> float:
        """Seconds since that promise was broken; negative while it holds."""
        return self._clock() - self._deadline

    def wait(self, seconds: float) -> bool:
        """Wait, giving signs of life; False where the order to stop came first."""
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0:
            self.expect(2 * _SLICE)
            if self._stop.wait(min(left, _SLICE)):
                return False
        return not self.stopped


class LiveReader(Protocol):
    """An open source."""

    info: SourceInfo

    def read(self) -> tuple[Image, float | None]:
        """The next picture, (H, W, 3) uint8 BGR, and its media time in seconds, where it has one.

        Raises EndOfSource, SourceGone or SourceRefused.
        """
        ...

    def close(self) -> None:
        """Let go of the source."""
        ...


def parse_source(text: str) -> SourceSpec:
    """What a camera's number or device path, an address or a file name stands for.

    Raises MoodstreamError where it is none of these.
    """
    if text.isascii() and text.isdigit():
        return SourceSpec("camera", int(text), f"camera {int(text)}")
    if text.startswith("/dev/"):
        return SourceSpec("camera", text, text)
    scheme, mark, rest = text.partition("://")
    if mark:
        return _parse_address(scheme.lower(), rest, text)
    path = Path(text)
    if path.is_dir():
        raise MoodstreamError(f"{redact(text)}: is a folder, not a video file")
    if not path.exists():
        raise MoodstreamError(f"{redact(text)}: no such file, camera or address")
    return SourceSpec("file", text, path.name)


def _parse_address(scheme: str, typed: str, text: str) -> SourceSpec:
    if scheme not in SCHEMES:
        shown = scheme if re.fullmatch(r"[a-z0-9+.-]+", scheme) else "this"
        raise MoodstreamError(f"{shown}: unknown kind of address; known: {', '.join(SCHEMES)}")
    user, rest = _split_user(typed)
    if not re.match(r"[^/?#:]", rest):
        raise MoodstreamError(f"{redact(text)}: there is no host in this address")
    address = f"{scheme}://{_encoded(user)}@{rest}" if user else f"{scheme}://{rest}"
    shown = redact(f"{scheme}://{typed}").removesuffix("?***").rstrip("/")
    return SourceSpec("network", address, shown.replace("***@", "") if user else shown)


def _split_user(typed: str) -> tuple[str, str]:
    """User and password, and the rest, of what stands after ``://``."""
    authority = re.split(r"[/?#]", typed, maxsplit=1)[0]
    if "@" in authority:
        end = authority.rindex("@")
    elif "@" in typed and not _HOST.fullmatch(authority):
        end = typed.rindex("@")  # a password with / ? or # in it, as people type it
    else:
        return "", typed
    return typed[:end], typed[end + 1 :]


def _encoded(user: str) -> str:
    """FFmpeg finds the host only where odd characters before it are percent-encoded."""
    loose = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", user)
    return quote(loose, safe=":%!$&'()*+,;=~")


def open_reader(spec: SourceSpec, settings: OpenSettings, control: Control) -> LiveReader:
    """Open a source; it gives up what it waits for when ``control`` says so.

    Raises SourceGone where trying again may help, SourceRefused where it cannot.
    """
    if spec.kind == "file":
        return FileReader(spec, settings, control)
    if spec.kind == "camera":
        from moodstream.realtime.camera import CameraReader

        return CameraReader(spec, settings, control)
    from moodstream.realtime.network import NetworkReader

    return NetworkReader(spec, settings, control)


class FileReader:
    """A video file as if it were live: each picture when its time has come.

    With ``settings.loop`` it starts again at its end and its time goes on.
    """

    def __init__(self, spec: SourceSpec, settings: OpenSettings, control: Control) -> None:
        try:
            self._source = FileSource(Path(str(spec.address)))
        except SourceError as error:
            raise SourceRefused(redact(str(error))) from None
        self.info = self._source.info
        self._name, self._settings, self._control = spec.name, settings, control
        self._frames: Iterator[Frame] = self._source.frames()
        self._start = time.monotonic()
        self._offset = 0.0  # media seconds of the rounds before
        self._last: float | None = None  # of this round

    def read(self) -> tuple[Image, float | None]:
        """The next picture when it is due, and its media time.

        Raises EndOfSource at the end, SourceGone when stopped.
        """
        frame = next(self._frames, None)
        if frame is None:
            self._next_round()
            frame = next(self._frames, None)
            if frame is None:
                raise SourceGone(f"{self._name}: can no longer be read")
        self._last = frame.t
        t = self._offset + frame.t
        due = self._start + t / self._settings.speed
        if not self._control.wait(due - time.monotonic()):
            raise SourceGone(f"{self._name}: stopped")
        return frame.image, t

    def _next_round(self) -> None:
        if not self._settings.loop or self._last is None:
            raise EndOfSource(f"{self._name}: has been played to its end")
        self._offset += self._last + 1 / float(self.info.fps or 25)
        self._last = None
        self._frames = self._source.frames()

    def close(self) -> None:
        """Close the file."""
        self._frames = iter(())  # a suspended decoder must not outlive its file
        self._source.close()
