"""Thousands of photos in, a folder of results out; a kill costs at most one batch."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import UnreadableImageError
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import prepare_folder, writing
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.runs.photos.analyse import aggregate, view_group
from moodstream.realtime.runs.photos.checkpoint import Checkpoint
from moodstream.realtime.runs.photos.columns import face_rows, photo_row
from moodstream.realtime.runs.photos.draw import annotated
from moodstream.realtime.runs.photos.faces import PhotoFaces, detect_and_classify
from moodstream.realtime.runs.photos.files import Photo, read_photo, shape_of
from moodstream.realtime.runs.photos.finished_run import FinishedRun
from moodstream.realtime.runs.photos.names import picture_name, save_picture
from moodstream.realtime.runs.photos.schemas import FaceRow, PhotoRow, PhotosSummary
from moodstream.realtime.runs.photos.settings import PhotoRunSettings
from moodstream.realtime.runs.photos.text import TextReader
from moodstream.realtime.runs.photos.write import write_results

BATCH = 32
"""Photos whose rows are kept together: what a kill costs at most."""

_OUTPUTS = (layout.FACES, layout.PHOTOS, layout.FAILURES, layout.REPORT, layout.SUMMARY)
_CONTACT_SHEETS = (layout.QUALITY_SHEET, layout.CONTRIBUTORS_SHEETS)

_CHECKPOINT_FORMAT = 3  # of the files of unfinished runs
_NETWORK_BATCH = 8  # photos that the networks get at once
_MAX_BATCH_PIXELS = 40_000_000  # of those, for memory
_SIZE_STEP_PX = 32  # networks are made for sizes in such steps
_NETWORK_SIDE_PX = 1280

FailureCallback = Callable[[str, str], None]
"""Called with the name of a photo that cannot be read, and why."""


class PhotoRun:
    """Analyses every photo of a listing and writes the results of all of them.

    Args:
        photos: What ``find_photos`` listed, at least one.
        folder: Where the results go.
        models: The networks.
        settings: All else that the results depend on.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import cv2
        >>> import numpy as np
        >>> from moodstream.realtime.networks.load import load
        >>> from moodstream.realtime.networks.models import ModelSettings
        >>> from moodstream.realtime.runs.photos.files import find_photos
        >>> from moodstream.realtime.runs.photos.run import PhotoRun
        >>> from moodstream.realtime.runs.photos.settings import PhotoRunSettings
        >>> models = load(ModelSettings(models="embedded"))
        >>> with TemporaryDirectory() as folder:
        ...     path, out = Path(folder) / "photo.png", Path(folder) / "results"
        ...     _ = cv2.imwrite(str(path), np.zeros((90, 120, 3), np.uint8))
        ...     summary = PhotoRun(find_photos([path]), out, models, PhotoRunSettings()).run()
        >>> summary["counts"]["photos"]
        1
    """

    def __init__(
        self, photos: Sequence[Photo], folder: Path, models: Models, settings: PhotoRunSettings
    ) -> None:
        self.photos, self.folder = photos, folder
        photo = replace(settings.photo, prior=models.prior)
        self.models, self.settings = models, replace(settings, photo=photo)
        self._file_states = {photo.name: photo.file_state for photo in photos}
        self._checkpoint = Checkpoint(folder)
        self._text_reader = TextReader() if settings.text else None

    def run(
        self,
        on_progress: ProgressCallback = lambda *_: None,
        on_failure: FailureCallback = lambda *_: None,
    ) -> PhotosSummary:
        """Analyse what is not done yet and write every result.

        Args:
            on_progress: Called with the stage, what is done and what there is.
            on_failure: Called for each photo that cannot be read; the others go on.

        Returns:
            The summary, as in summary.json.

        Raises:
            MoodstreamError: The folder cannot be used, or no photo can be read.
        """
        began = time.monotonic()
        with writing(self.folder):
            self._open()
            pending = self._pending()
            total = len(self.photos)
            done = total - len(pending)
            on_progress("photos", done, total)
            with ThreadPoolExecutor(1, "photos-read") as reader:
                for batch in _batches(pending, BATCH):
                    self._analyse_batch(batch, reader, on_failure)
                    done += len(batch)
                    on_progress("photos", done, total)
            finished = FinishedRun(
                folder=self.folder,
                photos=self.photos,
                checkpoint=self._checkpoint,
                file_states=self._file_states,
                settings=self.settings,
                models=self.models,
                photos_read=len(pending),
                seconds=time.monotonic() - began,
            )
            return write_results(finished, on_progress)

    def _open(self) -> None:
        if self.settings.overwrite:
            _clear(self.folder)
        resumes = self._checkpoint.exist() and not (self.folder / layout.SUMMARY).exists()
        prepare_folder(self.folder, _OUTPUTS, overwrite=resumes)
        self._checkpoint.begin(self._fingerprint())

    def _fingerprint(self) -> dict[str, Any]:
        """What must be the same for rows of two calls to be put together."""
        settings, photo = self.settings, self.settings.photo
        fingerprint: dict[str, Any] = {
            "format": _CHECKPOINT_FORMAT,
            "quality": settings.quality,
            "privacy": settings.privacy,
            "pictures": settings.pictures,
            "text": settings.text,
            "min_face": photo.min_face,
            "min_confidence": photo.min_confidence,
            "max_faces": photo.max_faces,
            "prior": list(photo.prior),
            "scale": asdict(photo.scale),
        }
        for part, info in self.models.info.items():
            network = f"{info.name} {info.sha256[:12]} {info.engine} {info.temperature or 1:g}"
            if info.face_preprocessing:
                network += f" {info.face_preprocessing}"
            fingerprint[part] = network
        return fingerprint

    def _pending(self) -> list[Photo]:
        """What is left, photos of a size together: networks are made for one size at a time."""
        done = self._checkpoint.file_states()
        left = [p for p in self.photos if done.get(p.name) != self._file_states[p.name]]
        keys = {photo.name: _size_key(photo) for photo in left}
        return sorted(left, key=lambda photo: (keys[photo.name], photo.name))

    def _analyse_batch(
        self, batch: Sequence[Photo], reader: ThreadPoolExecutor, on_failure: FailureCallback
    ) -> None:
        faces: list[FaceRow] = []
        photos: list[Mapping[str, Any]] = []
        # one is decoded while the networks are at the ones before it, so memory holds few
        for group in _network_batches(batch, reader):
            decoded = []
            for photo, image in group:
                if isinstance(image, str):
                    on_failure(photo.name, image)
                    photos.append(self._kept({"photo": photo.name, "error": image}))
                else:
                    decoded.append((photo, image))
            settings = self.settings.photo
            images = [image for _, image in decoded]
            detected = detect_and_classify(
                images, self.models, settings.min_face, settings.min_confidence
            )
            for (photo, image), of_photo in zip(decoded, detected, strict=True):
                rows, row = self._photo_results(photo, image, of_photo)
                faces += rows
                photos.append(self._kept(row))
        self._checkpoint.add(faces if self.settings.privacy.keeps_individuals else None, photos)

    def _kept(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {**row, "file_state": self._file_states[row["photo"]]}

    def _photo_results(
        self, photo: Photo, image: Image, faces: PhotoFaces
    ) -> tuple[list[FaceRow], PhotoRow]:
        """The rows of one photo; its annotated picture is written."""
        settings = self.settings
        result = aggregate(faces, settings.photo)
        group = view_group(result.group, settings.privacy)
        if settings.annotates and len(faces):
            picture = annotated(image, result, settings.privacy)
            save_picture(self.folder / layout.ANNOTATED / picture_name(photo.name), picture)
        height, width = image.shape[:2]
        text = None if self._text_reader is None else "\n".join(self._text_reader.read(image))
        return face_rows(photo.name, result), photo_row(photo.name, width, height, group, text)


def _clear(folder: Path) -> None:
    """Remove the results that are to be replaced, and no other files."""
    ours = (folder / layout.PHOTOS).exists() or Checkpoint(folder).exist()
    for pattern in (*_OUTPUTS, *_CONTACT_SHEETS) if ours else _OUTPUTS:
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
    ratio = min(1.0, _NETWORK_SIDE_PX / max(height, width, 1))
    rounded = [-(-round(side * ratio) // _SIZE_STEP_PX) for side in (height, width)]
    return rounded[0], rounded[1]


def _network_batches(
    batch: Sequence[Photo], reader: ThreadPoolExecutor
) -> Iterator[list[tuple[Photo, Image | str]]]:
    """A few photos at a time, as many as memory allows: each with its image, or why it has none."""
    ahead: Future[Image | str] = reader.submit(_decoded, batch[0])
    group: list[tuple[Photo, Image | str]] = []
    pixels = 0
    for i, photo in enumerate(batch):
        image = ahead.result()
        if i + 1 < len(batch):
            ahead = reader.submit(_decoded, batch[i + 1])
        group.append((photo, image))
        pixels += 0 if isinstance(image, str) else image.shape[0] * image.shape[1]
        if len(group) == _NETWORK_BATCH or pixels >= _MAX_BATCH_PIXELS or i + 1 == len(batch):
            yield group
            group, pixels = [], 0


def _decoded(photo: Photo) -> Image | str:
    """The image of a photo, or in a few words why there is none."""
    try:
        return read_photo(photo.path)
    except UnreadableImageError as error:
        return str(error)
    except MemoryError:
        return "too large for the memory that is left"
