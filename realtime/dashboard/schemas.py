"""What the dashboard's page gets, key by key: what page/*.js draws."""

from __future__ import annotations

from typing import Any, TypedDict

from moodstream.realtime.outputs.schemas import ShiftEvent
from moodstream.realtime.outputs.server.schemas import StreamState

LiveShift = TypedDict(
    "LiveShift",
    {"number": int, "t": float, "from": str, "to": str, "size": float, "status": str},
)
"""A mood shift of a live run: when in seconds, from which mood to which, by how many nats, and
whether it is provisional, confirmed, withdrawn or unconfirmed."""

HistoryPoint = tuple[float | None, list[float] | None, float | None, int | None]
"""Time in s, probabilities (7), share of the entropy there can be, and people."""


class LiveRunState(TypedDict):
    """A live run.

    Attributes:
        privacy: The mode it runs with: off, blur or group.
        paused: The analysis rests.
        source: State of the source.
        browser: The source is the browser's camera.
        over: It has ended.
        ended: Why.
        problem: What went wrong, in one line.
        history: Points of the chart that are new.
        shifts: The newest mood shifts, oldest first.
        window: Seconds that are summed up.
    """

    privacy: str
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
    """The analysis of a video.

    Attributes:
        name: What people call it.
        stage: One of ``video_job.Stage``.
        share: How much of the video is done, 0 to 1.
        left: Seconds to go.
        problem: What went wrong, in one line.
        privacy: The mode it is analysed with: off, blur or group.
    """

    name: str
    stage: str
    share: float | None
    left: float | None
    problem: str | None
    privacy: str


class VideoResults(TypedDict):
    """The results of a video.

    Attributes:
        name: What people call it.
        lines: The summary, as label and text.
        notes: What to bear in mind.
        nobody: No face was detected.
        small: There never were so many people at once that they are a group.
        charts: Data and layout for plotly, by the name of the chart.
        moods: Colour of each emotion.
        shifts: The mood shifts, in the order of time.
        files: What can be downloaded, as name and label.
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
    """One face of a photo.

    Attributes:
        number: As drawn in the picture.
        mood: Its most probable emotion, None where it was not classified.
        share: The probability of that.
        bin: Of its quality: high, mid or low.
        quality: 0 to 1.
        weight: In the group's distribution.
        adds: What it adds to each share of the group's distribution.
    """

    number: int
    mood: str | None
    share: float | None
    bin: str
    quality: float
    weight: float
    adds: dict[str, float]


class PhotoFigures(TypedDict):
    """A photo.

    Attributes:
        name: What people call it.
        privacy: The mode it was analysed with: off, blur or group.
        faces: How many were detected.
        used: How many of them count in the distribution.
        effective: Kish size of their weights.
        entropy: Of the distribution, in nats.
        entropy_share: Of the entropy there can be, 0 to 1.
        dominant: The emotion with the largest share.
        probs: Distribution of the group, as in a video or a stream of it.
        interval: Lower and upper end of the 90 % interval of each share in ``probs``.
        weighted: Mean weighted by face quality.
        unweighted: The same with all faces alike.
        moods: Colour of each emotion.
        bins: Faces in each bin of quality, None where only the group may be shown.
        people: The faces, None where only the group may be shown.
    """

    name: str
    privacy: str
    faces: int
    used: int
    effective: float
    entropy: float | None
    entropy_share: float | None
    dominant: str | None
    probs: dict[str, float] | None
    interval: dict[str, tuple[float, float]] | None
    weighted: dict[str, float] | None
    unweighted: dict[str, float] | None
    moods: dict[str, str]
    bins: dict[str, int] | None
    people: list[PhotoFace] | None
