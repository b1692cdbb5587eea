"""A window on the desktop, and the mosaic of several sources in it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import cv2
import numpy as np

from moodstream.overlays.palette import BACKGROUND
from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import MoodstreamError

Command = Literal["quit", "privacy", "hud", "pause"]

MAX_SIZE_PX = (1600, 850)
"""Width and height of a new window: what most screens have room for."""

_TRIAL_TIMEOUT_S = 30.0
_KEYS: dict[int, Command] = {
    ord("q"): "quit",
    27: "quit",
    ord("p"): "privacy",
    ord("h"): "hud",
    ord(" "): "pause",
}
_TRIAL = "import cv2; cv2.namedWindow('moodstream'); cv2.destroyAllWindows()"


class Window:
    """A resizable window for one stream of pictures; for the main thread only.

    Args:
        title: Of the window.

    Raises:
        MoodstreamError: No window can be opened here.
    """

    def __init__(self, title: str) -> None:
        _check_display()
        self.title = title
        self._open = False
        self._closed = False

    def show(self, image: Image) -> None:
        """Show a picture (H, W, 3) uint8 BGR; the first one sizes the window."""
        if self._closed or (self._open and not self._visible()):
            return  # imshow would open it again
        if self._open:
            image = self._fitted(image)
        else:
            self._create(image)
        cv2.imshow(self.title, image)

    def poll(self, wait_ms: int = 1) -> Command | None:
        """Handle the window's events.

        Args:
            wait_ms: How long to wait for a key.

        Returns:
            What its user asked for: quit (by q, Escape or closing it), privacy (p), hud (h),
            pause (space), or nothing.
        """
        key = cv2.waitKeyEx(max(wait_ms, 1))
        if self._closed or (self._open and not self._visible()):
            return "quit"
        # The whole code: the low byte of an arrow key is a letter.
        return _KEYS.get(key + 32 if ord("A") <= key <= ord("Z") else key)

    def close(self) -> None:
        """Close the window; harmless when it is closed already."""
        self._closed = True
        if self._open:
            with suppress(cv2.error):  # its user has closed it
                cv2.destroyWindow(self.title)
            cv2.waitKeyEx(1)

    def _create(self, image: Image) -> None:
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        cv2.namedWindow(self.title, flags)
        height, width = image.shape[:2]
        scale = min(1.0, MAX_SIZE_PX[0] / width, MAX_SIZE_PX[1] / height)
        cv2.resizeWindow(self.title, round(width * scale), round(height * scale))
        self._open = True

    def _fitted(self, image: Image) -> Image:
        """The picture, no larger than it is seen.

        Left to the window, it is made smaller by leaving pixels out, and small text is lost.
        """
        area = cv2.getWindowImageRect(self.title)[2:]
        scale = min(area[0] / image.shape[1], area[1] / image.shape[0])
        if not 0 < scale < 1:
            return image
        size = tuple(max(round(side * scale), 1) for side in image.shape[1::-1])
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)

    def _visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # the last window is gone, and the toolkit with it
            return False


def _check_display() -> None:
    hint = "watch in a browser with --serve, or run without a picture with --headless"
    if sys.platform == "linux" and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise MoodstreamError(f"there is no display here ($DISPLAY is not set); {hint}")
    # Qt ends the whole process where it finds no display, so another process tries it first.
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _TRIAL],
            capture_output=True,
            timeout=_TRIAL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MoodstreamError(f"the display does not answer; {hint}") from None
    if trial.returncode == 0:
        return
    if b"not implemented" in trial.stderr:
        raise MoodstreamError(f"this build of OpenCV has no windows; {hint}")
    raise MoodstreamError(f"the display {os.environ.get('DISPLAY', '')} cannot be used; {hint}")


def mosaic(images: Sequence[Image], width: int = 1280) -> Image:
    """Tile pictures in a near-square grid.

    Each keeps its proportions within a tile; tiles are as high as the median picture needs.

    Args:
        images: (H, W, 3) uint8 BGR of any sizes.
        width: Of the result in px.

    Raises:
        ValueError: There are none.
    """
    if not images:
        raise ValueError("expected at least one picture, got none")
    columns = math.ceil(math.sqrt(len(images)))
    edges = np.linspace(0, width, columns + 1).round().astype(int)
    ratio = float(np.median([image.shape[0] / image.shape[1] for image in images]))
    ratio = min(max(ratio, 0.25), 2.0)  # a stripe gets no tile of its own shape
    tall = max(round(width / columns * ratio), 1)
    canvas = np.empty((tall * math.ceil(len(images) / columns), width, 3), np.uint8)
    canvas[:] = BACKGROUND
    for k, image in enumerate(images):
        row, column = divmod(k, columns)
        tile = canvas[row * tall : (row + 1) * tall, edges[column] : edges[column + 1]]
        _letterbox(image, tile)
    return canvas


def _letterbox(image: Image, tile: Image) -> None:
    """Draw a picture into the middle of a tile, as large as its proportions allow."""
    (height, width), (tall, wide) = image.shape[:2], tile.shape[:2]
    scale = min(wide / width, tall / height)
    w, h = max(round(width * scale), 1), max(round(height * scale), 1)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    top, left = (tall - h) // 2, (wide - w) // 2
    tile[top : top + h, left : left + w] = cv2.resize(image, (w, h), interpolation=interpolation)
