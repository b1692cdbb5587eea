"""The style of boxes, panel and report: mood colours, and text in a font that is always there.

The colours start from Okabe & Ito's set (2008, "Color Universal Design") and were moved a
little so that each pair stays apart in deuteranopia, protanopia and tritanopia as well.
"""

from __future__ import annotations

import unicodedata
import zlib
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

MOODS: dict[str, str] = {
    "angry": "#E14706",
    "disgust": "#02A762",
    "fear": "#AB66A1",
    "happy": "#FFCF69",
    "sad": "#2668D9",
    "surprise": "#5ADBFF",
    "neutral": "#B3B3B3",
    "contempt": "#C0F0A8",  # an eighth class of some models
}
_UNKNOWN_CLASSES = ("#F0A800", "#A83018", "#7800F0", "#486048")

BACKGROUND: Colour = (27, 23, 21)
TRACK: Colour = (58, 51, 47)
TEXT: Colour = (240, 238, 236)
MUTED: Colour = (176, 168, 162)
NO_PREDICTION: Colour = (138, 132, 126)
WARNING: Colour = (64, 179, 255)
_LINE_CONTRAST, _LINE_SHADE = 2.2, 0.76
_DARK: Colour = (16, 13, 12)
_LIGHT: Colour = (255, 255, 255)


def hex_of(name: str) -> str:
    """Colour of a mood as ``#RRGGBB``; a name that is not known always gets the same one."""
    key = name.casefold()
    return MOODS.get(key) or _UNKNOWN_CLASSES[zlib.crc32(key.encode()) % len(_UNKNOWN_CLASSES)]


def bgr(name: str) -> Colour:
    """Colour of a mood as (blue, green, red), 0-255, for OpenCV."""
    value = int(hex_of(name)[1:], 16)
    return value & 255, value >> 8 & 255, value >> 16


def contrast(one: Colour, other: Colour) -> float:
    """WCAG 2.1 contrast ratio of two BGR colours, 1 to 21."""

    def luminance(colour: Colour) -> float:
        c = np.asarray(colour, float) / 255
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.0722, 0.7152, 0.2126))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def line_colour(name: str) -> str:
    """Colour of a mood's line on white or dark paper: the pale ones are darker than elsewhere."""
    colour = bgr(name)
    if contrast(colour, (255, 255, 255)) >= _LINE_CONTRAST:
        return hex_of(name)
    blue, green, red = (round(_LINE_SHADE * part) for part in colour)
    return f"#{red:02X}{green:02X}{blue:02X}"


@lru_cache(maxsize=64)
def text_on(background: Colour) -> Colour:
    """Text colour, dark or white, that reads best on a BGR background (WCAG contrast >= 4.5)."""
    return max(_DARK, _LIGHT, key=lambda colour: contrast(colour, background))


@lru_cache(maxsize=32)
def _font(size: int) -> Any:
    # Pillow loads late: the HTML report needs the colours alone.
    from PIL import ImageFont

    return ImageFont.load_default(size)


@lru_cache(maxsize=1024)
def printable(line: str) -> str:
    """Reduce a line to the glyphs that Pillow's built-in font has; others become ``?``."""
    for odd, plain in (("→", "›"), ("–", "-"), ("—", "-"), ("−", "-"), ("\u00a0", " ")):
        line = line.replace(odd, plain)
    # accents come off; NFKD alone would take the ellipsis and its like apart, too
    kept = "".join(c if c in "…·°±«»‹›‘’“”" else unicodedata.normalize("NFKD", c) for c in line)
    kept = "".join(c for c in kept if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" or c in "…·°±«»‹›‘’“”" else "?" for c in kept)


@lru_cache(maxsize=1024)
def text_mask(line: str, size: int) -> U8:
    """Coverage (h, w) of a line of text, 0-255; the baseline lies `size` px below the top."""
    from PIL import Image, ImageDraw

    line, font = printable(line), _font(size)
    width = int(np.ceil(font.getlength(line))) + 2
    strip = Image.new("L", (width, size + (size + 2) // 3))
    ImageDraw.Draw(strip).text((1, size), line, fill=255, font=font, anchor="ls")
    mask = np.array(strip)
    mask.setflags(write=False)
    return mask


def text_width(line: str, size: int) -> int:
    """Width in px of a line of text at a font size in px."""
    return int(text_mask(line, size).shape[1])


def fit_text(line: str, size: int, width: int) -> str:
    """Shorten a line with an ellipsis until it is at most `width` px wide."""
    if text_width(line, size) <= width:
        return line
    while line and text_width(line.rstrip() + "…", size) > width:
        line = line[:-1]
    return line.rstrip() + "…"


def blend(image: U8, mask: U8, x: int, y: int, colour: Colour | U8, alpha: float = 1.0) -> None:
    """Blend a colour or a picture into an image in place; what falls outside is cut off.

    Args:
        image: (H, W, 3) uint8 BGR, drawn on.
        mask: Coverage (h, w), 0 to 255.
        x: Left edge of the mask in px.
        y: Top edge of the mask in px.
        colour: BGR, or a picture (h, w, 3).
        alpha: Opacity, 0 to 1.
    """
    h, w = image.shape[:2]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + mask.shape[1], w), min(y + mask.shape[0], h)
    if x1 <= x0 or y1 <= y0:
        return
    inside = (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))
    a = mask[inside].astype(np.uint16)[..., None]
    if alpha < 1:
        a = (a * round(alpha * 256) >> 8).astype(np.uint16)
    over = np.asarray(colour[inside] if isinstance(colour, np.ndarray) else colour, np.uint16)
    area = image[y0:y1, x0:x1]
    blended = area * (255 - a) + over * a + 128
    area[...] = (blended + (blended >> 8)) >> 8  # exact division by 255 within 16 bits


def put_text(
    image: U8,
    line: str,
    x: int,
    baseline: int,
    size: int,
    colour: Colour = TEXT,
    align: Literal["left", "right", "centre"] = "left",
    back: Colour | None = None,
) -> int:
    """Write a line of text in place.

    Args:
        image: (H, W, 3) uint8 BGR, drawn on.
        line: The text.
        x: Its left, right or middle in px, by ``align``.
        baseline: Of the text in px.
        size: Font size in px.
        colour: Of the text.
        align: What ``x`` is.
        back: The plain colour behind the text where there is one, which makes it several times
            faster.

    Returns:
        The width of the text in px.
    """
    mask = text_mask(line, size)
    height, width = mask.shape
    left = x - {"left": 0, "right": width, "centre": width // 2}[align]
    top = baseline - size
    inside = 0 <= left <= image.shape[1] - width and 0 <= top <= image.shape[0] - height
    if back is None or not inside:
        blend(image, mask, left, top, colour)
    else:
        image[top : top + height, left : left + width] = _strip(line, size, colour, back)
    return int(width)


@lru_cache(maxsize=1024)
def _strip(line: str, size: int, colour: Colour, back: Colour) -> U8:
    mask = text_mask(line, size)
    strip = np.empty((*mask.shape, 3), np.uint8)
    strip[...] = back
    blend(strip, mask, 0, 0, colour)
    return strip


@lru_cache(maxsize=1024)
def rounded_mask(width: int, height: int, radius: int) -> U8:
    """Coverage (h, w) of a filled rectangle with round corners, 0-255."""
    s, r = 4, min(radius, width // 2, height // 2)
    big = np.zeros((height * s, width * s), np.uint8)
    big[r * s : (height - r) * s] = 255
    big[:, r * s : (width - r) * s] = 255
    if r:
        axis = np.arange(r * s) + 0.5 - r * s
        corner = np.where(axis[:, None] ** 2 + axis**2 <= (r * s) ** 2, 255, 0).astype(np.uint8)
        n = r * s
        big[:n, :n], big[:n, -n:] = corner, corner[:, ::-1]
        big[-n:, :n], big[-n:, -n:] = corner[::-1], corner[::-1, ::-1]
    mask = cv2.resize(big, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    mask.setflags(write=False)
    return mask


def fill_rounded(
    image: U8, x: int, y: int, width: int, height: int, colour: Colour, alpha: float = 1.0
) -> None:
    """Fill a pill (ends as round as its height allows, at most 1/2) in place."""
    if width > 0 and height > 0:
        blend(image, rounded_mask(width, height, height // 2), x, y, colour, alpha)
