"""The keys of what is served: the state of a session and of its sources."""

from __future__ import annotations

from typing import TypedDict


class Signal(TypedDict):
    """The state of a source; ``since`` and ``t`` in seconds of its stream."""

    name: str
    status: str
    since: float | None
    detail: str | None
    t: float | None


class GroupFigures(TypedDict):
    """The group now; None where there is no signal, which is not the same as nobody.

    ``interval``: lower and upper end of the 90 % interval of each share in ``probs``.
    """

    people: int | None
    effective_people: float | None
    probs: dict[str, float] | None
    interval: dict[str, tuple[float, float]] | None
    dominant: str | None
    entropy: float | None
    entropy_share: float | None
    shift: float | None
    valence: float | None
    arousal: float | None
    disagreement: float | None


class Throughput(TypedDict):
    """Frames per second that arrive and are shown, delays from capture to screen, and losses."""

    fps_in: float | None
    fps_shown: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    dropped: int | None
    frames: int | None
    reconnects: int | None
    gaps: int | None


class Freshness(TypedDict):
    """How often faces are detected and classified.

    Attributes:
        refresh_hz: Predictions per visible face and second.
        oldest_s: Age of the oldest prediction in seconds.
        looks_hz: Detection passes per second.
        look_every: Frames from one detection pass to the next.
    """

    refresh_hz: float | None
    oldest_s: float | None
    looks_hz: float | None
    look_every: int | None


class StreamState(Signal, GroupFigures, Throughput, Freshness):
    """A source in ``/state``; all but name and status is None while it is not known."""


class RecordingState(TypedDict):
    """The recording of a session: rows that were lost, and its problem in one line."""

    lost_rows: int
    problem: str | None


class StartingState(TypedDict):
    """What ``/state`` answers before there is a session."""

    notice: str
    sources: list[StreamState]


class SessionState(StartingState):
    """What ``/state`` answers.

    Attributes:
        privacy: The mode: off, blur or group.
        paused: Whether pictures are held.
        uptime_s: Seconds since the session began.
        look_ms: Milliseconds of a detection pass of one picture.
        read_ms: Milliseconds of the prediction of one face.
        recording: The recording; without losses or problems also where there is none.
    """

    privacy: str
    paused: bool
    uptime_s: float
    look_ms: float
    read_ms: float
    recording: RecordingState
