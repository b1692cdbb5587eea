"""Photo files: which ones there are, and each as (H, W, 3) uint8 BGR."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import MoodstreamError, UnreadableImageError
from moodstream.realtime.sources import images
from moodstream.realtime.sources.images import IMAGE_SUFFIXES, WHITE, read_picture

HEIC = frozenset((".heic", ".heif", ".hif"))
MAX_PIXELS = 120_000_000
"""Larger pictures are not decoded: a few kB can claim to be gigabytes."""


@dataclass(frozen=True)
class Photo:
    """A photo file.

    Attributes:
        name: Its name in all results: its path below the folder that all photos share.
        path: The file.
    """

    name: str
    path: Path

    @property
    def file_state(self) -> str:
        """Size and modification time of the file, which change when it does."""
        try:
            stat = self.path.stat()
        except OSError:
            return "gone"
        return f"{stat.st_size}:{stat.st_mtime_ns}"


def find_photos(paths: Sequence[Path], beside: Path | None = None) -> list[Photo]:
    """The photos of files and folders, by name, each once.

    Args:
        paths: Files, and folders that are searched with all below them.
        beside: The folder of the results, which is not searched.

    Raises:
        MoodstreamError: A path is missing, there is no photo at all, or the results would go among
            the photos.
    """
    files: dict[Path, None] = {}
    roots: list[Path] = []
    for path in paths:
        try:
            if not path.exists():
                raise MoodstreamError(f"{path}: no such file or folder")
            folder = path.is_dir()
            here = sorted(p for p in path.rglob("*") if _is_photo(p)) if folder else [path]
        except OSError as error:
            raise MoodstreamError(f"{path}: cannot be read ({error.strerror})") from None
        files |= dict.fromkeys(p.absolute() for p in here)
        roots.append((path if folder else path.parent).absolute())
    out = None if beside is None else beside.absolute()
    if out is not None and any(out == root or out in root.parents for root in roots):
        raise MoodstreamError(f"{beside}: results cannot go where the photos are; choose another")
    kept = [file for file in files if out is None or out not in file.parents]
    if not kept:
        asked = ", ".join(map(str, paths))
        raise MoodstreamError(f"{asked}: holds no photos (JPEG, PNG, WebP, BMP, TIFF, HEIC)")
    shared = Path(os.path.commonpath(roots))
    named = [Photo(_printable(file.relative_to(shared)), file) for file in kept]
    return sorted(named, key=lambda photo: photo.name)


def _printable(path: Path) -> str:
    """A path as text, also where its bytes are not."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _is_photo(path: Path) -> bool:
    known = path.suffix.casefold() in IMAGE_SUFFIXES | HEIC
    return known and not path.name.startswith(".") and path.is_file()


def shape_of(path: Path) -> tuple[int, int]:
    """Height and width in px as the file's head claims them, upright; (0, 0) where it has none."""
    try:
        _enable_heic(path)
        return images.shape_of(path)
    # only the order of work depends on it: reading the file reports what is wrong with it
    except UnreadableImageError:
        return 0, 0


def read_photo(path: Path) -> Image:
    """A photo as (H, W, 3) uint8 BGR: upright, white behind transparent pixels, 16 bits to 8.

    Raises:
        UnreadableImageError: Why it cannot be read, in a few words; also for more than MAX_PIXELS.
    """
    _enable_heic(path)
    return read_picture(path, background=WHITE, max_pixels=MAX_PIXELS)


def _enable_heic(path: Path) -> None:
    """Let Pillow read HEIC; raises UnreadableImageError where pillow-heif is not installed."""
    if path.suffix.casefold() not in HEIC:
        return
    try:
        import pillow_heif
    except ImportError:
        raise UnreadableImageError(
            "HEIC needs pillow-heif (pip install 'moodstream[heic]')"
        ) from None
    pillow_heif.register_heif_opener()
