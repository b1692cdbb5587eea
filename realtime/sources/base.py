"""What all live sources have in common: description, settings, watchdog, the reader's protocol."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import require

_HEARTBEAT_INTERVAL_S = 0.25  # during waits


@dataclass(frozen=True)
class SourceSpec:
    """A source as the user named it.

    Attributes:
        kind: Of what kind it is.
        address: Number or device path, address with its password, or path of the file; secret.
        name: The same without secrets, to be shown.
    """

    kind: Literal["camera", "network", "file"]
    address: str | int
    name: str

    def __repr__(self) -> str:
        return f"SourceSpec({self.kind}, {self.name})"


@dataclass(frozen=True)
class OpenSettings:
    """How sources are opened and read.

    Attributes:
        open_timeout: Seconds until a source that does not open counts as gone.
        read_timeout: Seconds until an open source that sends nothing counts as gone.
        transport: Of RTSP, tcp or udp.
        loop: Whether a file starts again at its end.
        speed: Of a file; 2 plays it in half its time.
        max_lag: Seconds by which decoding a network stream may fall behind before it skips.
    """

    open_timeout: float = 5.0
    read_timeout: float = 5.0
    transport: Literal["tcp", "udp"] = "tcp"
    loop: bool = False
    speed: float = 1.0
    max_lag: float = 1.0

    def __post_init__(self) -> None:
        for name in ("open_timeout", "read_timeout", "speed", "max_lag"):
            require(getattr(self, name) > 0, f"{name} > 0", getattr(self, name))
        require(self.transport in ("tcp", "udp"), "transport tcp or udp", self.transport)


class ReaderWatchdog:
    """Between a reader and its owner: the order to stop, and the reader's heartbeat.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._stop, self._clock = threading.Event(), clock
        self._deadline = float("inf")

    def stop(self) -> None:
        """Order the reader to stop."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether the reader is to stop."""
        return self._stop.is_set()

    @property
    def expired(self) -> bool:
        """Whether the reader is to give up what it is waiting for: stopped, or overdue."""
        return self.stopped or self.seconds_overdue() > 0

    def heartbeat(self, seconds: float) -> None:
        """The reader is alive, and will say so again within ``seconds``."""
        self._deadline = self._clock() + seconds

    def seconds_overdue(self) -> float:
        """Seconds by which the next heartbeat is overdue; negative until it is due."""
        return self._clock() - self._deadline

    def wait(self, seconds: float) -> bool:
        """Wait with regular heartbeats; False where the order to stop came first."""
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0:
            self.heartbeat(2 * _HEARTBEAT_INTERVAL_S)
            if self._stop.wait(min(left, _HEARTBEAT_INTERVAL_S)):
                return False
        return not self.stopped


class LiveReader(Protocol):
    """An open source.

    Attributes:
        info: What it is.
    """

    info: SourceInfo

    def read(self) -> tuple[Image, float | None]:
        """The next picture, (H, W, 3) uint8 BGR, and its media time in seconds, None without one.

        Raises:
            EndOfSourceError: A recording has been played to its end.
            SourceGoneError: Nothing comes; opening it again later may help.
            SourceRefusedError: Opening it again cannot help.
        """
        ...

    def close(self) -> None:
        """Close the source."""
        ...


@dataclass(frozen=True)
class SourceInfo:
    """What a source is.

    Attributes:
        name: To be shown.
        width: px as shown, rotation applied.
        height: px as shown, rotation applied.
        fps: Average frame rate, None where it is not known.
        duration: Seconds, None where there is no end or it is not known.
        codec: Its name.
        audio: Whether there is sound.
    """

    name: str
    width: int
    height: int
    fps: Fraction | None
    duration: float | None
    codec: str
    audio: bool
