"""Where live pictures come from: cameras, addresses on the network, files at their own pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

from moodstream.realtime.arrays import Image

_SLICE = 0.25  # longest wait without a sign of life, seconds


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


class ReaderWatchdog:
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


@dataclass(frozen=True)
class SourceInfo:
    """What a source says of itself.

    width, height: px as shown (rotation applied); fps: average rate or None; duration: seconds or
    None; codec: name; audio: whether there is sound.
    """

    name: str
    width: int
    height: int
    fps: Fraction | None
    duration: float | None
    codec: str
    audio: bool
