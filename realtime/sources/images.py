"""Picture files of every kind as (H, W, 3) uint8 BGR: the one place where they are decoded."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import NoPictureError, TooLargeError, UnreadableError

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
)
"""The files of a folder that are taken for pictures."""

GREY = 127
"""What shows through transparent pixels of faces: the grey that crops beyond a picture have."""

WHITE = 255
"""What shows through transparent pixels of photos, as on a page."""

_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_ORIENTATION = 0x0112


@contextmanager
def opened(source: Path | bytes, formats: list[str] | None = None) -> Iterator[Any]:
    """A picture of Pillow's, of which only the head is read yet, from a file or from its bytes.

    ``formats``: of these only, by Pillow's names. Whatever goes wrong with it is UnreadableError.
    """
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    file = io.BytesIO(source) if isinstance(source, bytes) else _existing(source)
    try:
        with Pillow.open(file, formats=formats) as picture:
            yield picture
    except UnreadableError:
        raise
    # ultralytics, once imported, tries a HEIF reader on what Pillow does not know
    except (UnidentifiedImageError, ModuleNotFoundError):
        raise NoPictureError("not a picture") from None
    # A broken picture can raise almost anything in its decoder; it is told and left out.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        large = isinstance(error, Pillow.DecompressionBombError)
        kind = TooLargeError if large else UnreadableError
        raise kind(f"a broken picture ({reason})") from error


def read_picture(
    source: Path | bytes,
    longest: int | None = None,
    *,
    behind: int = GREY,
    most_pixels: int | None = None,
    formats: list[str] | None = None,
) -> Image:
    """A picture as (H, W, 3) uint8 BGR, turned upright as its EXIF tag says.

    ``longest``: pictures with a longer side than this many px are shrunk to it; ``behind``: the
    shade, 0 to 255, that shows through transparent pixels; ``most_pixels``: larger ones are not
    decoded, as a few kB can claim to be gigabytes; ``formats``: as in ``opened``. 16 bits become
    the upper 8. Raises UnreadableError.
    """
    from PIL import ImageOps

    with _quietly(), opened(source, formats) as picture:
        height, width = _upright(picture)
        if most_pixels is not None and height * width > most_pixels:
            most = f"the {most_pixels // 10**6} megapixels that are read"
            raise TooLargeError(f"{width} × {height} px is more than {most}")
        if longest is not None:
            picture.draft("RGB", (longest, longest))  # a JPEG is then decoded small: much faster
        rgb = _rgb(ImageOps.exif_transpose(picture), behind)
    image = np.ascontiguousarray(rgb[..., ::-1])
    return image if longest is None else shrink_to(image, longest)


def shape_of(path: Path) -> tuple[int, int]:
    """Height and width in px that a picture's head claims, turned upright.

    Raises UnreadableError.
    """
    with _quietly(), opened(path) as picture:
        return _upright(picture)


def _upright(picture: Any) -> tuple[int, int]:
    width, height = picture.size
    # a PNG's tags may follow its pixels, which are not to be read for this
    tags = {} if picture.format == "PNG" else picture.getexif()
    return (width, height) if tags.get(_ORIENTATION) in _SIDEWAYS else (height, width)


def scaled(image: Image, factor: float) -> Image:
    """A picture (H, W, 3) shrunk by ``factor``, averaging; unchanged where that is 1 or more."""
    if factor >= 1:
        return image
    height, width = (max(1, round(side * factor)) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def shrink_to(image: Image, longest: int) -> Image:
    """A picture (H, W, 3) whose longer side is at most ``longest`` px."""
    return scaled(image, min(1.0, longest / max(image.shape[:2])))


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Pillow's warnings about odd tags, which change nothing here, and large pictures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _existing(path: Path) -> Path:
    try:
        there = path.is_file()
    except OSError as error:  # a name that is too long, a folder that is closed
        raise UnreadableError((error.strerror or "not a file").lower()) from None
    if not there:
        raise UnreadableError("no such file")
    return path


def _rgb(picture: Any, behind: int) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a Pillow picture of any mode."""
    from PIL import Image as Pillow

    if picture.mode[0] in "IF":  # integers and fractions, which Pillow's convert would clip
        wide = np.asarray(picture, np.float64)
        most = wide.max(initial=0)
        top = 65535.0 if most > 255 or ";" in picture.mode else 255.0 if most > 1 else 1.0
        grey = np.clip(wide * (255 / top), 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        shade = Pillow.new("RGBA", clear.size, (behind, behind, behind, 255))
        picture = Pillow.alpha_composite(shade, clear)
    return np.asarray(picture.convert("RGB"), np.uint8)
