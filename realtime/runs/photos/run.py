"""Thousands of photos in, a folder of results out; a kill costs at most one batch."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import UnreadableError
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import prepare_folder, writing
from moodstream.realtime.runs.photos.analyse import judge, view_group
from moodstream.realtime.runs.photos.checkpoint import Checkpoint
from moodstream.realtime.runs.photos.columns import face_rows, photo_row
from moodstream.realtime.runs.photos.draw import annotated
from moodstream.realtime.runs.photos.faces import PhotoFaces, detect_and_classify
from moodstream.realtime.runs.photos.files import Photo, read_photo, shape_of
from moodstream.realtime.runs.photos.names import picture_name, save_picture
from moodstream.realtime.runs.photos.settings import OUTPUTS, SHEETS, PhotoRunSettings, Tick
from moodstream.realtime.runs.photos.text import TextReader

BATCH = 32
"""Photos that are kept together: what a kill costs at most."""

_TOGETHER = 8  # photos that the networks see at once
_MOST_PIXELS = 40_000_000  # of those, for memory
_SIZE_STEP = 32  # px: networks are made for sizes in such steps
_NETWORK_SIDE = 1280


class PhotoRun:
    """Reads every photo of a listing and writes the results of all of them."""

    def __init__(
        self, photos: Sequence[Photo], folder: Path, models: Models, settings: PhotoRunSettings
    ) -> None:
        self.photos, self.folder = photos, folder
        photo = replace(settings.photo, prior=models.prior)
        self.models, self.settings = models, replace(settings, photo=photo)
        self.stamps = {photo.name: photo.stamp for photo in photos}
        self.parts = Checkpoint(folder)
        self.reader = TextReader() if settings.text else None
        self.read_now = 0
        self.seconds = 0.0

    def run(
        self,
        on_progress: Tick = lambda *_: None,
        failed: Callable[[str, str], None] = lambda *_: None,
    ) -> dict[str, Any]:
        """Do what is not done yet and write every result; returns the summary.

        ``failed`` is told the name of each photo that cannot be read, and why. Raises
        MoodstreamError where the folder cannot be used or no photo can be read.
        """
        from moodstream.realtime.runs.photos.write import write_results

        began = time.monotonic()
        with writing(self.folder):
            self._open()
            pending = self._pending()
            total = len(self.photos)
            done = total - len(pending)
            on_progress("photos", done, total)
            with ThreadPoolExecutor(1, "photos-read") as reader:
                for batch in _batches(pending, BATCH):
                    self._batch(batch, reader, failed)
                    done += len(batch)
                    on_progress("photos", done, total)
            self.seconds = time.monotonic() - began
            self.read_now = len(pending)
            return write_results(self, on_progress)

    def _open(self) -> None:
        if self.settings.overwrite:
            _clear(self.folder)
        resumes = self.parts.exist() and not (self.folder / layout.SUMMARY).exists()
        prepare_folder(self.folder, OUTPUTS, overwrite=resumes)
        self.parts.begin(self.fingerprint())

    def fingerprint(self) -> dict[str, Any]:
        """What must be the same for results to be put together."""
        settings, photo = self.settings, self.settings.photo
        found: dict[str, Any] = {
            "quality": settings.quality,
            "privacy": settings.privacy,
            "pictures": settings.pictures,
            "text": settings.text,
            "min_face": photo.min_face,
            "min_confidence": photo.min_confidence,
            "max_faces": photo.max_faces,
            "prior_people": photo.prior_people,
            "prior": list(photo.prior),
            "scale": asdict(photo.scale),
        }
        for part, info in self.models.info.items():
            found[part] = f"{info.name} {info.sha256[:12]} {info.engine} {info.temperature or 1:g}"
            if info.face_preprocessing:
                found[part] += f" {info.face_preprocessing}"
        return found

    def _pending(self) -> list[Photo]:
        """What is left, pictures of a size together: networks are made for one size at a time."""
        done = self.parts.stamps()
        left = [p for p in self.photos if done.get(p.name) != self.stamps[p.name]]
        keys = {photo.name: _size_key(photo) for photo in left}
        return sorted(left, key=lambda photo: (keys[photo.name], photo.name))

    def _batch(
        self, batch: Sequence[Photo], reader: ThreadPoolExecutor, failed: Callable[[str, str], None]
    ) -> None:
        faces: list[dict[str, Any]] = []
        photos: list[dict[str, Any]] = []
        # one is read while the networks are at the ones before it, so memory holds few
        for group in _together(batch, reader):
            whole = []
            for photo, image in group:
                if isinstance(image, str):
                    failed(photo.name, image)
                    photos.append({"photo": photo.name, "error": image})
                else:
                    whole.append((photo, image))
            settings = self.settings.photo
            images = [image for _, image in whole]
            seen = detect_and_classify(
                images, self.models, settings.min_face, settings.min_confidence
            )
            for (photo, image), found in zip(whole, seen, strict=True):
                rows, row = self._one(photo, image, found)
                faces += rows
                photos.append(row)
        for row in photos:
            row["stamp"] = self.stamps[row["photo"]]
        self.parts.add(faces if self.settings.privacy.keeps_individuals else None, photos)

    def _one(
        self, photo: Photo, image: Image, found: PhotoFaces
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The rows of one photo; its annotated picture is written."""
        settings = self.settings
        result = judge(found, settings.photo)
        group = view_group(result.group, settings.privacy)
        if settings.pictures and settings.privacy.keeps_individuals and len(found):
            picture = annotated(image, result, settings.privacy)
            save_picture(self.folder / layout.ANNOTATED / picture_name(photo.name), picture)
        height, width = image.shape[:2]
        text = None if self.reader is None else "\n".join(self.reader.read(image))
        return face_rows(photo.name, result), photo_row(photo.name, width, height, group, text)


def _clear(folder: Path) -> None:
    """Remove results that are to be replaced, and nothing of anybody else's."""
    ours = (folder / layout.PHOTOS).exists() or Checkpoint(folder).exist()
    for pattern in (*OUTPUTS, *SHEETS) if ours else OUTPUTS:
        for path in folder.glob(pattern):
            path.unlink()
    if ours:
        shutil.rmtree(folder / layout.ANNOTATED, ignore_errors=True)
        Checkpoint(folder).remove()


def _batches(photos: Sequence[Photo], size: int) -> Iterator[Sequence[Photo]]:
    for start in range(0, len(photos), size):
        yield photos[start : start + size]


def _size_key(photo: Photo) -> tuple[int, int]:
    """Height and width in px of about what the detector makes of a photo."""
    height, width = shape_of(photo.path)
    ratio = min(1.0, _NETWORK_SIDE / max(height, width, 1))
    return tuple(-(-round(side * ratio) // _SIZE_STEP) for side in (height, width))  # type: ignore[return-value]


def _together(
    batch: Sequence[Photo], reader: ThreadPoolExecutor
) -> Iterator[list[tuple[Photo, Image | str]]]:
    """A few photos at a time, as many as memory allows: each with its picture, or why not."""
    ahead: Future[Image | str] = reader.submit(_read, batch[0])
    group: list[tuple[Photo, Image | str]] = []
    pixels = 0
    for i, photo in enumerate(batch):
        image = ahead.result()
        if i + 1 < len(batch):
            ahead = reader.submit(_read, batch[i + 1])
        group.append((photo, image))
        pixels += 0 if isinstance(image, str) else image.shape[0] * image.shape[1]
        if len(group) == _TOGETHER or pixels >= _MOST_PIXELS or i + 1 == len(batch):
            yield group
            group, pixels = [], 0


def _read(photo: Photo) -> Image | str:
    try:
        return read_photo(photo.path)
    except UnreadableError as error:
        return str(error)
    except MemoryError:
        return "too large for the memory that is left"
