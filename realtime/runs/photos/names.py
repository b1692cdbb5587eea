"""Names of the pictures that are written."""

from __future__ import annotations

import hashlib
from pathlib import Path

from moodstream.realtime.arrays import Image
from moodstream.realtime.outputs.folders import finished
from moodstream.realtime.outputs.jpeg import encode_jpeg
from moodstream.realtime.runs.photos.files import HEIC
from moodstream.realtime.sources.images import IMAGE_SUFFIXES

_MAX_NAME_BYTES = 200


def picture_name(name: str) -> str:
    """The name of a photo's annotated picture, unique to the photo: JPEG files keep their own."""
    path = Path(name)
    if len(path.name.encode()) > _MAX_NAME_BYTES:  # no file system takes more than 255
        number = hashlib.sha256(name.encode()).hexdigest()[:16]
        return path.with_name(f"{path.name[:40]}-{number}.jpg").as_posix()
    is_jpeg = path.suffix.casefold() in (".jpg", ".jpeg")
    twice = Path(path.stem).suffix.casefold() in IMAGE_SUFFIXES | HEIC  # as of a.png
    return name if is_jpeg and not twice else f"{name}.jpg"


def save_picture(path: Path, picture: Image) -> None:
    """Write a picture (H, W, 3) uint8 BGR as JPEG, with its folder, at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with finished(path) as part:
        part.write_bytes(encode_jpeg(picture, "file"))
