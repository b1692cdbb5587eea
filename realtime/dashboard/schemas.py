"""What the dashboard's page is told, key by key: the other end of page.js."""

from __future__ import annotations

from typing import Any, TypedDict

from moodstream.realtime.outputs.schemas import ShiftEvent, StreamState
from moodstream.realtime.privacy import Privacy

LiveShift = TypedDict("LiveShift", {"t": float, "from": str, "to": str, "size": float})
"""A mood shift of a live run: when in seconds, from which mood to which, by how many nats."""

HistoryPoint = tuple[float | None, list[float] | None, float | None, int | None]
"""Time in s, probabilities (7), share of the entropy there can be, and people."""


class LiveRunState(TypedDict):
    """A live run; ``ended``: why, ``problem``: what went wrong; ``window``: seconds."""

    privacy: Privacy
    paused: bool
    source: StreamState
    browser: bool
    over: bool
    ended: str | None
    problem: str | None
    history: list[HistoryPoint]
    shifts: list[LiveShift]
    window: float


class VideoJobState(TypedDict):
    """The analysis of a video; ``share`` of it is done, ``left`` seconds are to go."""

    name: str
    stage: str
    share: float | None
    left: float | None
    problem: str | None
    privacy: Privacy


class VideoResults(TypedDict):
    """The results of a video; charts are plotly's.

    lines: label and text; nobody: no face was found; small: never three or more at once; files:
    name and label.
    """

    name: str
    lines: list[list[str]]
    notes: list[str]
    nobody: bool
    small: bool
    charts: dict[str, dict[str, Any]]
    moods: dict[str, str]
    shifts: list[ShiftEvent]
    files: list[list[str]]


class PhotoFace(TypedDict):
    """One face of a photo; ``adds``: its part of the group's figures."""

    number: int
    mood: str | None
    share: float | None
    bin: str
    quality: float
    weight: float
    adds: dict[str, float]


class PhotoFigures(TypedDict):
    """A photo; ``bins`` and ``people`` are None where only the group may be shown."""

    name: str
    privacy: Privacy
    faces: int
    used: int
    effective: float
    entropy: float | None
    entropy_share: float | None
    dominant: str | None
    weighted: dict[str, float] | None
    unweighted: dict[str, float] | None
    settled: dict[str, float] | None
    moods: dict[str, str]
    bins: dict[str, int] | None
    people: list[PhotoFace] | None
