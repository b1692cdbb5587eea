"""What is written and served, key by key: rows, mood shifts, summaries, and the state of a run."""

from __future__ import annotations

from typing import Any, TypedDict, final

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.networks.models import ModelEntry

PROBS = tuple(f"p_{name}" for name in EMOTIONS)
"""The columns of the seven probabilities, in every table."""

BOX = ("x1", "y1", "x2", "y2")
"""The columns of a face's box in px, in every table."""


class _Probabilities(TypedDict):
    """A distribution over the emotions, None where it is not known."""

    p_angry: float | None
    p_disgust: float | None
    p_fear: float | None
    p_happy: float | None
    p_sad: float | None
    p_surprise: float | None
    p_neutral: float | None


class _Mixes(TypedDict):
    """Shares of the people in view now, by what each weighs and with everyone counting alike."""

    w_angry: float | None
    w_disgust: float | None
    w_fear: float | None
    w_happy: float | None
    w_sad: float | None
    w_surprise: float | None
    w_neutral: float | None
    u_angry: float | None
    u_disgust: float | None
    u_fear: float | None
    u_happy: float | None
    u_sad: float | None
    u_surprise: float | None
    u_neutral: float | None


class _Extras(TypedDict):
    """What some classifiers read besides the classes: both in [-1, 1], and nats."""

    valence: float | None
    arousal: float | None
    disagreement: float | None


class _Time(TypedDict):
    t: float  # seconds of media time


class _Group(TypedDict):
    entropy: float | None  # nats
    entropy_share: float | None  # of the most there can be
    people: int
    effective_people: float
    dominant: str | None
    shift: float | None  # nats: from the window before to this one


class TimelineRow(_Time, _Probabilities, _Group, _Mixes, _Extras):
    """A row of timeline.parquet and timeline.csv: the group at a step of media time."""


class _Track(TypedDict):
    track_id: int


class _Face(TypedDict):
    label: str | None
    quality: float
    x1: float
    y1: float
    x2: float
    y2: float


class PersonRow(_Track, _Time, _Probabilities, _Face, _Extras):
    """A row of people.parquet: one person at a step of media time."""


TIMELINE_COLUMNS = tuple(TimelineRow.__annotations__)
PEOPLE_COLUMNS = tuple(PersonRow.__annotations__)

ShiftEvent = TypedDict(
    "ShiftEvent", {"t": float, "from": str, "to": str, "size": float, "noticed": float}
)
"""An entry of events.json: when the mood moved, in seconds, from which to which, by how many nats
(JSD), and when that was noticed."""


class Gap(TypedDict):
    """An entry of gaps.json: seconds from which to which there was no picture, and why."""

    start: float
    end: float
    reason: str


class _Stretch(TypedDict):
    start: float
    end: float
    dominant: str | None


class MoodPart(_Stretch, total=False):
    """The mood shown most from ``start`` to ``end`` seconds; ``share`` only where there is one."""

    share: float


class _Shifts(TypedDict):
    parts: list[MoodPart]
    shifts: int
    biggest_shift: ShiftEvent | None


class MeanExtras(TypedDict, total=False):
    """Means over a run; those that were not read are not there."""

    valence: float
    arousal: float
    disagreement: float


class Mood(_Shifts, MeanExtras):
    """How the mood went."""


class SourceName(TypedDict):
    """Where a recording's rows come from."""

    name: str


class VideoSource(SourceName):
    """What a video file says of itself."""

    width: int
    height: int
    fps: str | None  # a fraction
    duration: float | None
    codec: str
    audio: bool


class _Counts(TypedDict):
    seconds: float
    rows: int
    people: int | None  # None where individuals were not recorded
    people_at_once: int


@final
class VideoCounts(_Counts):
    """How much of what there was in a video."""

    frames: int
    searched: int
    looks: int
    faces: int
    readings: int
    track_ids: int


@final
class RecordingCounts(_Counts):
    """How much of what there was in a recording."""

    gaps: int
    gap_seconds: float


class Speed(TypedDict):
    """How long a run took, and on what."""

    wall_seconds: float
    frames_per_second: float
    times_real_time: float
    stages: dict[str, float]
    peak_memory_mb: float | None


class _Summary(TypedDict):
    mood: Mood
    notes: list[str]
    interrupted: bool
    settings: dict[str, Any]
    notice: str | None


@final
class VideoSummary(_Summary):
    """The summary.json of a processed video; ``stopped_at``: seconds, None where it came whole."""

    source: VideoSource
    counts: VideoCounts
    stopped_at: float | None
    models: dict[str, ModelEntry]
    speed: Speed
    versions: dict[str, str]


@final
class RecordingSummary(_Summary):
    """The summary.json of an exported recording; ``live``: the last state of its session."""

    source: SourceName
    counts: RecordingCounts
    started: str | None
    ended: str | None
    models: dict[str, ModelEntry] | None
    live: dict[str, Any] | None
    versions: dict[str, str] | None


Summary = VideoSummary | RecordingSummary


class Signal(TypedDict):
    """The state of a source: since and t in seconds of its clock."""

    name: str
    status: str
    since: float | None
    detail: str | None
    t: float | None


class GroupFigures(TypedDict):
    """The group now, None where there is no signal: that is not nobody."""

    people: int | None
    effective_people: float | None
    probs: dict[str, float] | None
    dominant: str | None
    entropy: float | None
    entropy_share: float | None
    shift: float | None
    valence: float | None
    arousal: float | None
    disagreement: float | None


class Throughput(TypedDict):
    """How much comes in, and how much of it is shown how fast."""

    fps_in: float | None
    fps_shown: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    dropped: int | None
    frames: int | None
    reconnects: int | None
    gaps: int | None


class Freshness(TypedDict):
    """How often faces are looked for and each one is read, and how old the oldest reading is."""

    refresh_hz: float | None
    oldest_s: float | None
    looks_hz: float | None
    look_every: int | None


class StreamState(Signal, GroupFigures, Throughput, Freshness):
    """What ``/state`` tells of a source; all but name and status is None while it is not known."""


class RecordingState(TypedDict):
    """How the recording of a session goes: rows that were lost, and its problem in one line."""

    lost_rows: int
    problem: str | None


class StartingState(TypedDict):
    """What ``/state`` tells before there is a session."""

    notice: str
    sources: list[StreamState]


class SessionState(StartingState):
    """What ``/state`` tells."""

    privacy: str
    paused: bool
    uptime_s: float
    look_ms: float
    read_ms: float
    recording: RecordingState
