"""A photo of one browser session: read, analysed, and kept in memory only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moodstream.overlays.palette import hex_of
from moodstream.realtime import errors
from moodstream.realtime.analysis.people.quality import QUALITY_BINS
from moodstream.realtime.arrays import F64, Image
from moodstream.realtime.dashboard.schemas import PhotoFace, PhotoFigures
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.jpeg import encode_jpeg
from moodstream.realtime.outputs.recording.rows import named_ends
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos.analyse import (
    PhotoResult,
    PhotoSettings,
    analyse_photo,
    view_group,
)
from moodstream.realtime.runs.photos.draw import annotated
from moodstream.realtime.sources import images

MAX_PIXELS = 60_000_000
_FORMATS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF"]


@dataclass(frozen=True)
class Photo:
    """What is known of a photo.

    Attributes:
        figures: What the page shows, ready for JSON.
        jpeg: The annotated picture, None where privacy keeps no pictures.
        privacy: The mode that both were made with.
    """

    figures: PhotoFigures
    jpeg: bytes | None
    privacy: Privacy


def read_picture(content: bytes, name: str) -> Image:
    """The picture in a file's bytes, turned as its camera recorded.

    Args:
        content: Of the file.
        name: What people call the file, for messages.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        MoodstreamError: It is no picture that can be read.
    """
    if not content:
        raise MoodstreamError(f"{name}: the file is empty")
    try:
        return images.read_picture(
            content, background=images.WHITE, max_pixels=MAX_PIXELS, formats=_FORMATS
        )
    except errors.NotAnImageError:
        raise MoodstreamError(f"{name}: not a picture that can be read (JPEG, PNG, WebP)") from None
    except errors.ImageTooLargeError:
        raise MoodstreamError(f"{name}: more than {MAX_PIXELS // 1_000_000} megapixels") from None
    except errors.UnreadableImageError:
        raise MoodstreamError(f"{name}: the picture is damaged") from None


def photo_of(content: bytes, name: str, models: Models, privacy: Privacy) -> Photo:
    """Analyse a photo; in privacy mode ``group`` nothing about single people is kept.

    Args:
        content: Of its file.
        name: What people call the file.
        models: The networks.
        privacy: What may be kept.

    Raises:
        MoodstreamError: It is no picture that can be read.
    """
    image = read_picture(content, name)
    result = analyse_photo(image, models, PhotoSettings())
    individuals = privacy.keeps_individuals
    group = view_group(result.group, privacy)
    figures: PhotoFigures = {
        "name": name,
        "privacy": privacy,
        "faces": len(result.faces),
        "used": group.faces_used,
        "effective": round(group.effective_people, 2),
        "entropy": group.entropy,
        "entropy_share": group.entropy_share,
        "dominant": group.dominant,
        "probs": _named(group.probs),
        "interval": None if group.interval is None else named_ends(group.interval),
        "weighted": _named(group.weighted),
        "unweighted": _named(group.unweighted),
        "moods": {mood: hex_of(mood) for mood in EMOTIONS},
        "bins": _bins(result) if individuals else None,
        "people": _people(result) if individuals else None,
    }
    jpeg = encode_jpeg(annotated(image, result, privacy), "page") if individuals else None
    return Photo(figures, jpeg, privacy)


def _named(shares: F64 | None) -> dict[str, float] | None:
    if shares is None:
        return None
    return {mood: round(float(p), 4) for mood, p in zip(EMOTIONS, shares, strict=True)}


def _bins(result: PhotoResult) -> dict[str, int]:
    counts = np.bincount(result.faces.bins, minlength=len(QUALITY_BINS)).tolist()
    return dict(zip(QUALITY_BINS, counts, strict=True))


def _people(result: PhotoResult) -> list[PhotoFace]:
    """One entry a face, numbered as in the picture."""
    adds, faces = result.adds, result.faces
    predicted = set(faces.classified.tolist())
    return [
        {
            "number": k + 1,
            "mood": EMOTIONS[int(faces.probs[k].argmax())] if k in predicted else None,
            "share": round(float(faces.probs[k].max()), 4) if k in predicted else None,
            "bin": QUALITY_BINS[int(faces.bins[k])],
            "quality": round(float(result.quality[k]), 3),
            "weight": round(float(result.weights[k]), 4),
            "adds": {m: round(float(v), 4) for m, v in zip(EMOTIONS, adds[k], strict=True)},
        }
        for k in range(len(faces))
    ]
