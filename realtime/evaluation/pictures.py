"""Picture files of every kind as (H, W, 3) uint8 BGR."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime.evaluation.degrade import scaled
from moodstream.realtime.frames import Image

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
)
"""The files of a folder that are taken for pictures."""

_BEHIND = 127  # what shows through transparent pixels: the grey that crops beyond a picture have


class UnreadableError(Exception):
    """Why a picture cannot be read, in a few words."""


def read_picture(path: Path, longest: int | None = None) -> Image:
    """A picture file as (H, W, 3) uint8 BGR, turned upright as its EXIF tag says.

    ``longest``: pictures with a longer side than this many px are shrunk to it. Transparent
    pixels show grey; 16 bits become the upper 8. Raises UnreadableError.
    """
    from PIL import Image as Pillow
    from PIL import ImageOps, UnidentifiedImageError

    try:
        there = path.is_file()
    except OSError as error:  # a name that is too long, a folder that is closed
        raise UnreadableError((error.strerror or "not a file").lower()) from None
    if not there:
        raise UnreadableError("no such file")
    try:
        with warnings.catch_warnings(), Pillow.open(path) as file:
            warnings.simplefilter("ignore")  # about odd tags, which change nothing here
            if longest is not None:
                file.draft("RGB", (longest, longest))  # a JPEG is then decoded small: much faster
            rgb = _rgb(ImageOps.exif_transpose(file))
    # ultralytics, once imported, tries a HEIF reader on what Pillow does not know
    except (UnidentifiedImageError, ModuleNotFoundError):
        raise UnreadableError("not a picture") from None
    # A broken picture can raise almost anything in its decoder; it is told and left out.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableError(f"a broken picture ({reason})") from error
    image = np.ascontiguousarray(rgb[..., ::-1])
    return image if longest is None else shrink_to(image, longest)


def shrink_to(image: Image, longest: int) -> Image:
    """A picture (H, W, 3) whose longer side is at most ``longest`` px."""
    return scaled(image, min(1.0, longest / max(image.shape[:2])))


def _rgb(picture: Any) -> npt.NDArray[np.uint8]:
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
        behind = Pillow.new("RGBA", clear.size, (_BEHIND, _BEHIND, _BEHIND, 255))
        picture = Pillow.alpha_composite(behind, clear)
    return np.asarray(picture.convert("RGB"), np.uint8)
