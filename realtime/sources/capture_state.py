"""The state of a live source, as its capture reports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from moodstream.realtime.sources.base import SourceInfo

Status = Literal["connecting", "live", "no signal", "ended", "failed"]


@dataclass(frozen=True)
class CaptureState:
    """The state of a live source.

    Attributes:
        status: In one word or two.
        since: Stream seconds at which the status began; for "no signal" those of the last frame.
        t: Stream seconds now.
        frames: Captured so far.
        fps: Measured over the last seconds, None without two frames.
        reconnects: How often a lost source gave pictures again.
        detail: Why there is no picture, safe to show; None while there are pictures.
        info: What the source is, None until it was opened.
    """

    status: Status
    since: float
    t: float
    frames: int
    fps: float | None
    reconnects: int
    detail: str | None
    info: SourceInfo | None


@dataclass(frozen=True)
class SignalGap:
    """A stretch of the stream without a picture.

    Attributes:
        start: Stream seconds.
        end: Stream seconds.
        reason: Why, safe to show.
    """

    start: float
    end: float
    reason: str
