"""The keys of what is written: rows, mood shifts, summaries; what is served is in server/."""

from __future__ import annotations

from typing import Any, TypedDict, final

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.networks.models import ModelEntry

PROBS = tuple(f"p_{name}" for name in EMOTIONS)
"""The columns of the seven probabilities, in every table."""

INTERVALS = tuple(f"{end}_{name}" for end in ("lo", "hi") for name in EMOTIONS)
"""The columns of the 90 % intervals of a group's shares: the lower ends, then the upper ones."""

BOX = ("x1", "y1", "x2", "y2")
"""The columns of a face's box in px, in every table."""


class GroupShares(TypedDict):
    """A distribution over the emotions, None where it is not known."""

    p_angry: float | None
    p_disgust: float | None
    p_fear: float | None
    p_happy: float | None
    p_sad: float | None
    p_surprise: float | None
    p_neutral: float | None


class Averages(TypedDict):
    """Means over the window, weighted by face quality (w) and plain (u)."""

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


class Intervals(TypedDict):
    """Lower (lo) and upper (hi) ends of the 90 % intervals of the shares, None if not known."""

    lo_angry: float | None
    lo_disgust: float | None
    lo_fear: float | None
    lo_happy: float | None
    lo_sad: float | None
    lo_surprise: float | None
    lo_neutral: float | None
    hi_angry: float | None
    hi_disgust: float | None
    hi_fear: float | None
    hi_happy: float | None
    hi_sad: float | None
    hi_surprise: float | None
    hi_neutral: float | None


class _Extras(TypedDict):
    """What some classifiers predict besides the classes, None where this one does not.

    Attributes:
        valence: In [-1, 1].
        arousal: In [-1, 1].
        disagreement: Of the networks of an ensemble, in nats.
    """

    valence: float | None
    arousal: float | None
    disagreement: float | None


class _Time(TypedDict):
    t: float  # seconds of media time


class _Group(TypedDict):
    """The group over the window.

    Attributes:
        entropy: Of the distribution, in nats.
        entropy_share: The same as a share of the largest possible.
        people: Present now.
        effective_people: Kish size of the weights.
        dominant: The emotion with the largest share.
        shift: JSD of this window to the one before, in nats.
    """

    entropy: float | None
    entropy_share: float | None
    people: int
    effective_people: float
    dominant: str | None
    shift: float | None


class TimelineRow(_Time, GroupShares, _Group, Averages, Intervals, _Extras):
    """A row of timeline.parquet and timeline.csv: the group at a step of media time."""


class _Track(TypedDict):
    track_id: int


class _Face(TypedDict):
    """A face: its most likely emotion, its quality in [0, 1] and its box in px."""

    label: str | None
    quality: float
    x1: float
    y1: float
    x2: float
    y2: float


class PersonRow(_Track, _Time, GroupShares, _Face, _Extras):
    """A row of people.parquet: one person at a step of media time."""


TIMELINE_COLUMNS = tuple(TimelineRow.__annotations__)
PEOPLE_COLUMNS = tuple(PersonRow.__annotations__)

ShiftEvent = TypedDict(
    "ShiftEvent",
    {
        "t": float,
        "from": str,
        "to": str,
        "size": float,
        "noticed": float,
        "before": float | None,
        "after": float | None,
        "status": str,
    },
)
"""An entry of events.json.

``t``: seconds of media time at which the mood changed most; ``from``, ``to``: the emotions that
lost and gained most; ``size``: JSD in nats from before to after; ``noticed``: seconds at which it
was first told; ``before``, ``after``: the share of ``to`` on either side, None in recordings of
earlier versions; ``status``: ``confirmed``, or ``unconfirmed`` where the stream ended or everyone
left too soon after it.
"""


class Gap(TypedDict):
    """An entry of gaps.json: seconds between which there was no picture, and why."""

    start: float
    end: float
    reason: str


class _MoodSpan(TypedDict):
    start: float
    end: float
    dominant: str | None


class MoodPart(_MoodSpan, total=False):
    """The dominant emotion between ``start`` and ``end`` seconds.

    Attributes:
        share: Its mean share of the group; missing where nobody was classified.
        low: Mean of the lower ends of its 90 % intervals; missing where they are not known.
        high: Mean of the upper ends.
    """

    share: float
    low: float
    high: float


class _MoodHistory(TypedDict):
    parts: list[MoodPart]
    shifts: int
    biggest_shift: ShiftEvent | None


class MeanExtras(TypedDict, total=False):
    """Means over a run; those that the classifier does not predict are missing."""

    valence: float
    arousal: float
    disagreement: float


class Mood(_MoodHistory, MeanExtras):
    """The mood over a run: the parts between mood shifts, how many shifts, and the largest."""


class SourceName(TypedDict):
    """The source of a recording, by its name."""

    name: str


class VideoSource(SourceName):
    """A video file as it describes itself; ``duration`` in seconds."""

    width: int
    height: int
    fps: str | None  # a fraction
    duration: float | None
    codec: str
    audio: bool


class _Counts(TypedDict):
    """What was counted in any run.

    Attributes:
        seconds: Of media time.
        rows: Of the timeline.
        people: Tracked for a second or more; None where individuals were not recorded.
        people_at_once: The most present at a time.
    """

    seconds: float
    rows: int
    people: int | None
    people_at_once: int


@final
class VideoCounts(_Counts):
    """What was counted in a video.

    Attributes:
        frames: Frames of the video.
        frames_searched: Frames in which faces were detected, be it only to hide them.
        detection_passes: Frames in which faces were detected and people tracked.
        faces: Faces detected in these.
        predictions: Faces classified.
        track_ids: Tracks, however short.
    """

    frames: int
    frames_searched: int
    detection_passes: int
    faces: int
    predictions: int
    track_ids: int


@final
class RecordingCounts(_Counts):
    """What was counted in a recording; ``gap_seconds`` in all, overlaps counted once."""

    gaps: int
    gap_seconds: float


class Speed(TypedDict):
    """How long a run took; ``stages``: seconds of each, which overlap."""

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
    """The summary.json of a processed video.

    ``stopped_at``: seconds at which a damaged file ended; None where it could be read whole.
    """

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


class _StoreMeta(TypedDict):
    sources: list[str]
    individuals: bool
    started: str
    versions: dict[str, str]


@final
class StoreMeta(_StoreMeta, total=False):
    """What a recording holds about the whole of it.

    Attributes:
        sources: Names, in the order of their numbers.
        individuals: Whether single people were recorded.
        started: Local time, ISO 8601.
        versions: Of moodstream and what it runs on.
        settings: Of the session.
        models: Its networks.
        notice: What its user was told about them.
        lost: Rows that are missing; there only where some are.
        ended: Local time, ISO 8601; missing where there was no proper end.
        summary: The last state of the session; missing like ``ended``.
    """

    settings: dict[str, Any]
    models: dict[str, ModelEntry]
    notice: str | None
    lost: int
    ended: str
    summary: dict[str, Any] | None
