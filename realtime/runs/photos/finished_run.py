"""A run whose photos are all analysed, as its results are written from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from moodstream.realtime.networks.models import Models
from moodstream.realtime.runs.photos.checkpoint import Checkpoint
from moodstream.realtime.runs.photos.files import Photo
from moodstream.realtime.runs.photos.settings import PhotoRunSettings


@dataclass(frozen=True)
class FinishedRun:
    """What the results of a run are written from.

    Attributes:
        folder: Where the results go.
        photos: All photos of the run, at least one.
        checkpoint: The rows of every photo.
        file_states: By photo the ``Photo.file_state``; rows of another state are stale.
        settings: What the run depended on.
        models: The networks that ran.
        photos_read: Photos that were analysed by this call, without those of an earlier one.
        seconds: How long that took.
    """

    folder: Path
    photos: Sequence[Photo]
    checkpoint: Checkpoint
    file_states: Mapping[str, str]
    settings: PhotoRunSettings
    models: Models
    photos_read: int
    seconds: float
