"""How much a dashboard takes on, and for how long it keeps what belongs to a page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a dashboard has room for, and when a page counts as gone.

    Attributes:
        streams: Live views at a time, of all users.
        videos: Videos that are analysed at a time, of all users.
        photos: Photos that are analysed at a time, of all users.
        pages: Pages open at a time.
        upload_mb: Size of a video, in MB.
        photo_mb: Size of a photo, in MB.
        silence_s: Seconds without a request after which a page is gone.
        leaving_s: The same once its connection broke off.
        max_age_s: Seconds for which the results of a video are kept while their page stays open.
    """

    streams: int = 4
    videos: int = 2
    photos: int = 2
    pages: int = 200
    upload_mb: float = 500.0
    photo_mb: float = 40.0
    silence_s: float = 90.0
    leaving_s: float = 5.0
    max_age_s: float = 6 * 3600.0
