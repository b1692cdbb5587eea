"""What a run over photos writes, key by key: the rows of its tables, and its summary."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, final

from moodstream.realtime.networks.models import ModelEntry
from moodstream.realtime.outputs.schemas import Averages, GroupShares, Intervals


class _FaceName(TypedDict):
    photo: str
    face: int  # from 1, in the order of the detections


class _Box(TypedDict):
    x1: float  # px
    y1: float
    x2: float
    y2: float


class _Landmarks(TypedDict):
    """Px, None where the detector finds none."""

    left_eye_x: float | None
    left_eye_y: float | None
    right_eye_x: float | None
    right_eye_y: float | None
    nose_x: float | None
    nose_y: float | None
    left_mouth_x: float | None
    left_mouth_y: float | None
    right_mouth_x: float | None
    right_mouth_y: float | None


class _Quality(TypedDict):
    detector_score: float
    min_side: float  # px
    blur: float  # variance of the Laplacian
    bin: str
    quality: float
    weight: float  # 0 where the face does not count


class _Prediction(TypedDict):
    """None where the face was not classified."""

    label: str | None
    confidence: float | None
    p_angry: float | None
    p_disgust: float | None
    p_fear: float | None
    p_happy: float | None
    p_sad: float | None
    p_surprise: float | None
    p_neutral: float | None
    valence: float | None
    arousal: float | None
    disagreement: float | None  # nats


class FaceRow(_FaceName, _Box, _Landmarks, _Quality, _Prediction):
    """A row of faces.parquet."""


class _Photo(TypedDict):
    photo: str
    width: int  # px
    height: int


class _Group(TypedDict):
    """None where there are no figures."""

    faces: int
    faces_used: int
    effective_people: float
    dominant: str | None
    peak: float | None
    entropy: float | None  # nats
    entropy_share: float | None  # of the largest that there can be


class _Distributions(GroupShares, Averages):
    """The distribution of the group, and the means beside it."""


class _Text(TypedDict):
    text: str | None  # "" without any words, None where none were looked for


class PhotoRow(_Photo, _Group, _Distributions, Intervals, _Text):
    """A row of photos.parquet."""


class _Counts(TypedDict):
    photos: int
    failed: int
    without_faces: int
    with_figures: int
    faces: int
    faces_used: int


@final
class PhotoCounts(_Counts, total=False):
    """How much of what there was; ``with_text``: photos with words, where they were looked for."""

    with_text: int


@final
class EntropySpread(TypedDict):
    """Entropies of the photos with figures, in nats."""

    mean: float
    sd: float
    max: float


@final
class SizeBinEntry(TypedDict):
    """The photos with ``low`` to ``high`` faces that count; ``reference``: entropy, sd, peak."""

    label: str
    low: int
    high: int
    photos: int
    entropy: float | None
    spread: float | None
    peak: float | None
    reference: tuple[float, float, float]


@final
class StabilityEntry(TypedDict):
    """The JSD (nats) of so many faces to their whole group, and its standard errors."""

    faces: int
    groups: int
    weighted: float
    unweighted: float
    weighted_error: float | None  # None for one group
    unweighted_error: float | None


@final
class QualityBinEntry(TypedDict):
    """A quality bin: its faces, and their share of all."""

    faces: int
    share: float


@final
class TargetEntry(TypedDict):
    """An emotion's share of all ``faces`` that count."""

    weighted: float
    unweighted: float
    faces: int


@final
class QualityEntry(TypedDict):
    """What quality was measured against: 5th and 95th percentiles of px and blur scores."""

    kind: Literal["fixed", "dataset"]
    side: tuple[float, float]
    blur: tuple[float, float]


@final
class PhotosSpeed(TypedDict):
    """How long a run took."""

    photos_read: int
    wall_seconds: float
    seconds_per_photo: float | None  # None where all were done before
    peak_memory_mb: float | None


@final
class PhotosSummary(TypedDict):
    """The summary.json of a set of photos.

    ``mix``: the mean distributions of the photos by kind, None without figures; ``bins`` and
    ``targets`` are empty with privacy group.
    """

    source: str
    counts: PhotoCounts
    mix: dict[str, dict[str, float] | None]
    entropy: EntropySpread | None
    by_size: list[SizeBinEntry]
    stability: list[StabilityEntry]
    bins: dict[str, QualityBinEntry]
    targets: dict[str, TargetEntry]
    quality: QualityEntry
    settings: dict[str, Any]
    models: dict[str, ModelEntry]
    notice: str | None
    speed: PhotosSpeed
    versions: dict[str, str]
