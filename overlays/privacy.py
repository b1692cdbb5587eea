"""Hides faces irreversibly: a few coarse cells, smoothed, over the whole head."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.overlays.scene import F32

CELLS_PER_SIDE = 4  # of a face: eyes, nose and mouth share two or three cells
MARGIN_SHARE = 0.35  # of the box on each side: ears and chin
HAIR_SHARE = 0.1  # of the box more above: detectors end at the forehead


def blur_faces(image: npt.NDArray[np.uint8], boxes: F32) -> npt.NDArray[np.uint8]:
    """Return a copy in which an ellipse around each box holds only a coarse, blurred mosaic.

    The mosaic has about ``CELLS_PER_SIDE`` means along a face whatever its size, so that what is
    finer than a quarter of the face is averaged away and not merely smeared.

    Args:
        image: (H, W, 3) uint8 BGR, never written to.
        boxes: (N, 4) xyxy px, which may lie partly or wholly outside.
    """
    out = image.copy()
    for box in boxes:
        if np.isfinite(box).all():
            _hide(out, *(float(v) for v in box))
    return out


def _hide(image: npt.NDArray[np.uint8], x0: float, y0: float, x1: float, y1: float) -> None:
    """Overwrite one head, in place."""
    height, width = image.shape[:2]
    fw, fh = x1 - x0, y1 - y0
    if fw <= 0 or fh <= 0:
        return
    centre = (x0 + x1) / 2, (y0 + y1 - HAIR_SHARE * fh) / 2
    half = (0.5 + MARGIN_SHARE) * fw, (0.5 + MARGIN_SHARE + HAIR_SHARE / 2) * fh
    left, right = max(int(centre[0] - half[0]), 0), min(int(centre[0] + half[0]) + 2, width)
    top, bottom = max(int(centre[1] - half[1]), 0), min(int(centre[1] + half[1]) + 2, height)
    if right <= left or bottom <= top:
        return
    area = image[top:bottom, left:right]
    h, w = area.shape[:2]
    cell = max(fw, fh) / CELLS_PER_SIDE
    cols, rows = max(1, round(w / cell)), max(1, round(h / cell))
    coarse = cv2.resize(area, (cols, rows), interpolation=cv2.INTER_AREA)
    # neighbouring means are blurred too, so that a moving grid reveals less from frame to frame
    coarse = cv2.GaussianBlur(coarse, (3, 3), 0.6, borderType=cv2.BORDER_REPLICATE)
    mosaic = cv2.resize(coarse, (cols * 8, rows * 8), interpolation=cv2.INTER_NEAREST)
    mosaic = cv2.blur(mosaic, (5, 5))
    mosaic = cv2.resize(mosaic, (w, h), interpolation=cv2.INTER_LINEAR)
    # The box's corners lie inside the ellipse, at 0.73 of its squared radius or less.
    dx = (np.arange(left, right, dtype=np.float32) + 0.5 - centre[0]) / half[0]
    dy = (np.arange(top, bottom, dtype=np.float32) + 0.5 - centre[1]) / half[1]
    inside = dx**2 + (dy**2)[:, None]
    weight = np.clip((1 - inside) * (min(half) / 4), 0, 1).astype(np.float32)
    weight[inside <= 0.75] = 1  # small faces: no soft edge within the box
    area[...] = cv2.blendLinear(mosaic, area, weight, 1 - weight)
