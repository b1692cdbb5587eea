"""Picture files of every kind as (H, W, 3) uint8 BGR."""

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
from moodstream.realtime.errors import ImageTooLargeError, NotAnImageError, UnreadableImageError

IMAGE_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
)
"""The files of a folder that are taken for pictures."""

GREY = 127
"""Background of transparent pixels in pictures of faces: the grey of crops beyond a picture."""

WHITE = 255
"""Background of transparent pixels in photos, as on a page."""

_EXIF_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height


@contextmanager
def opened(source: Path | bytes, formats: list[str] | None = None) -> Iterator[Any]:
    """Open a picture by Pillow, which reads its header only.

    Args:
        source: A file, or its bytes.
        formats: The formats that are accepted, by Pillow's names; all by default.

    Raises:
        UnreadableImageError: It cannot be read, or what the block does with it fails.
    """
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    file = io.BytesIO(source) if isinstance(source, bytes) else _existing(source)
    try:
        with Pillow.open(file, formats=formats) as picture:
            yield picture
    except UnreadableImageError:
        raise
    # ultralytics, once imported, tries a HEIF reader on what Pillow does not know
    except (UnidentifiedImageError, ModuleNotFoundError):
        raise NotAnImageError("not a picture") from None
    # a broken picture can raise almost anything in its decoder
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        large = isinstance(error, Pillow.DecompressionBombError)
        kind = ImageTooLargeError if large else UnreadableImageError
        raise kind(f"a broken picture ({reason})") from error


def read_picture(
    source: Path | bytes,
    longest: int | None = None,
    *,
    background: int = GREY,
    max_pixels: int | None = None,
    formats: list[str] | None = None,
) -> Image:
    """Read a picture as (H, W, 3) uint8 BGR, turned upright as its EXIF tag says.

    Of 16 bits the upper 8 are kept.

    Args:
        source: A file, or its bytes.
        longest: px to which the longer side of larger pictures is shrunk.
        background: The grey level, 0 to 255, behind transparent pixels.
        max_pixels: Pictures with more are not decoded, as a few kB can claim to be gigabytes.
        formats: The formats that are accepted, by Pillow's names; all by default.

    Raises:
        UnreadableImageError: It cannot be read.
    """
    from PIL import ImageOps

    with _quietly(), opened(source, formats) as picture:
        height, width = _upright(picture)
        if max_pixels is not None and height * width > max_pixels:
            limit = f"the {max_pixels // 10**6} megapixels that are read"
            raise ImageTooLargeError(f"{width} × {height} px is more than {limit}")
        if longest is not None:
            picture.draft("RGB", (longest, longest))  # a JPEG is then decoded small: much faster
        rgb = _rgb(ImageOps.exif_transpose(picture), background)
    image = np.ascontiguousarray(rgb[..., ::-1])
    return image if longest is None else shrink_to(image, longest)


def shape_of(path: Path) -> tuple[int, int]:
    """Height and width in px of a picture, turned upright, from its header.

    Raises:
        UnreadableImageError: It cannot be read.
    """
    with _quietly(), opened(path) as picture:
        return _upright(picture)


def _upright(picture: Any) -> tuple[int, int]:
    width, height = picture.size
    # the tags of a PNG may follow its pixels, which need not be decoded for this
    tags = {} if picture.format == "PNG" else picture.getexif()
    return (width, height) if tags.get(_EXIF_ORIENTATION) in _SIDEWAYS else (height, width)


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
        raise UnreadableImageError((error.strerror or "not a file").lower()) from None
    if not there:
        raise UnreadableImageError("no such file")
    return path


def _rgb(picture: Any, background: int) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a Pillow picture of any mode."""
    from PIL import Image as Pillow

    if picture.mode[0] in "IF":  # integers and fractions, which Pillow's convert would clip
        wide = np.asarray(picture, np.float64)
        brightest = wide.max(initial=0)
        sixteen_bits = brightest > 255 or ";" in picture.mode
        white = 65535.0 if sixteen_bits else 255.0 if brightest > 1 else 1.0
        grey = np.clip(wide * (255 / white), 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        shade = Pillow.new("RGBA", clear.size, (background, background, background, 255))
        picture = Pillow.alpha_composite(shade, clear)
    return np.asarray(picture.convert("RGB"), np.uint8)
