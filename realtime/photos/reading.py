"""Photo files: which ones there are, and each as (H, W, 3) uint8 BGR."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.pictures import SUFFIXES, UnreadableError, read_picture
from moodstream.realtime.frames import Image

HEIC = frozenset((".heic", ".heif", ".hif"))
MOST_PIXELS = 120_000_000
"""Larger pictures are not decoded: a few kB can claim to be gigabytes."""

_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Photo:
    """A file and the name it has in all results: its path below what all photos share."""

    name: str
    path: Path

    @property
    def stamp(self) -> str:
        """Changes when the file does."""
        try:
            found = self.path.stat()
        except OSError:
            return "gone"
        return f"{found.st_size}:{found.st_mtime_ns}"


def find_photos(paths: Sequence[Path], beside: Path | None = None) -> list[Photo]:
    """The photos of files and folders (with all below them), by name, each once.

    ``beside``: the folder of the results, in which none are looked for. Raises MoodstreamError
    where a path is missing, there is no photo at all, or the results would go among the photos.
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
    known = path.suffix.casefold() in SUFFIXES | HEIC
    return known and not path.name.startswith(".") and path.is_file()


def shape_of(path: Path) -> tuple[int, int]:
    """Height and width in px as the file's head claims them, upright; (0, 0) where it has none."""
    from PIL import Image as Pillow

    try:
        _enable_heic(path)
        with _quietly(), Pillow.open(path) as file:
            width, height = file.size
            # a PNG's tags may follow its pixels, which are not to be read for this
            tags = {} if file.format == "PNG" else file.getexif()
            turned = tags.get(_ORIENTATION) in _SIDEWAYS
    # what cannot be opened is told when it is read: here only the order of work depends on it
    except Exception:
        return 0, 0
    return (width, height) if turned else (height, width)


def read_photo(path: Path) -> Image:
    """A photo as (H, W, 3) uint8 BGR: upright, white behind transparent pixels, 16 bits to 8.

    Raises UnreadableError with a few words on why not, also for more than MOST_PIXELS.
    """
    _enable_heic(path)
    height, width = shape_of(path)
    if height * width > MOST_PIXELS:
        raise UnreadableError(
            f"{width} × {height} px is more than the {MOST_PIXELS // 10**6} megapixels that are "
            "read"
        )
    flat = _over_white(path)
    return read_picture(path) if flat is None else flat


def _over_white(path: Path) -> Image | None:
    """A picture with transparent pixels on white; None where it has none, or is broken."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with _quietly(), Pillow.open(path) as file:
            if "A" not in file.getbands() and "transparency" not in file.info:
                return None
            clear: Any = ImageOps.exif_transpose(file).convert("RGBA")
    except Exception:  # whatever it is: read_picture meets it again and has words for it
        return None
    white = Pillow.new("RGBA", clear.size, (255, 255, 255, 255))
    rgb = np.asarray(Pillow.alpha_composite(white, clear).convert("RGB"), np.uint8)
    return np.ascontiguousarray(rgb[..., ::-1])


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Pillow's warnings about odd tags and large pictures: each has its own answer here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _enable_heic(path: Path) -> None:
    """Let Pillow read HEIC, where pillow-heif is installed; raises UnreadableError where not."""
    if path.suffix.casefold() not in HEIC:
        return
    try:
        import pillow_heif
    except ImportError:
        raise UnreadableError("HEIC needs pillow-heif (pip install 'moodstream[heic]')") from None
    pillow_heif.register_heif_opener()
