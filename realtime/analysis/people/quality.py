"""The quality of faces, from their size and sharpness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F32


@dataclass(frozen=True)
class QualityScale:
    """The reference percentiles by which size and sharpness are normalised.

    The defaults are fixed, so that the figures of a stream do not depend on what came before.

    Attributes:
        side: 5th and 95th percentile of the smaller side of a face, in px.
        blur: 5th and 95th percentile of the blur score (variance of the Laplacian).
    """

    side: tuple[float, float] = (16.0, 160.0)
    blur: tuple[float, float] = (10.0, 500.0)


def blur_score(crop: npt.NDArray[Any]) -> float:
    """Variance of the Laplacian of a grey or BGR crop (H, W[, 3]); higher is sharper."""
    if crop.size == 0:
        return 0.0
    if crop.ndim == 3:
        crop = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    edges = cv2.Laplacian(crop, cv2.CV_16S)
    # as cv2.meanStdDev does, in a tenth of its time: of whole numbers these sums are exact
    mean = cv2.sumElems(edges)[0] / edges.size
    return max(0.0, cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - mean**2)


def robust_norm(x: npt.ArrayLike, p5: float, p95: float) -> npt.NDArray[np.float64]:
    """clip((x - p5) / (p95 - p5 + 1e-6), 0, 1)."""
    return np.clip((np.asarray(x, np.float64) - p5) / (p95 - p5 + 1e-6), 0.0, 1.0)


def face_quality(
    min_side: npt.ArrayLike, blur: npt.ArrayLike, scale: QualityScale | None = None
) -> F32:
    """Quality (N,) in [0, 1]: 0.7 √size_norm + 0.3 √sharp_norm.

    Size counts more than sharpness, which alone misleads on small faces.

    Args:
        min_side: Smaller side (N,) of each face in px.
        blur: Blur score (N,) of each face.
        scale: By which both are normalised; the fixed one by default.
    """
    scale = scale or QualityScale()
    size = np.sqrt(robust_norm(min_side, *scale.side))
    sharp = np.sqrt(robust_norm(blur, *scale.blur))
    return np.asarray(0.7 * size + 0.3 * sharp, np.float32)


def measure(image: npt.NDArray[np.uint8], boxes: F32, scale: QualityScale | None = None) -> F32:
    """Quality (N,) of the faces at ``boxes`` (N, 4) xyxy px of a (H, W, 3) BGR picture."""
    return face_quality(*sides_and_blurs(image, boxes), scale)


def best(quality: npt.NDArray[Any], most: int) -> npt.NDArray[np.intp]:
    """Which faces of a group count where there are many: the ``most`` best by quality (N,)."""
    return np.argsort(-np.asarray(quality), kind="stable")[:most]


def sides_and_blurs(
    image: npt.NDArray[np.uint8], boxes: F32
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Measure the smaller side (N,) in px and the blur score (N,) of the faces of a picture.

    Args:
        image: (H, W, 3) uint8 BGR.
        boxes: (N, 4) xyxy px, which may reach beyond the picture.
    """
    sides = (boxes[:, 2:] - boxes[:, :2]).min(axis=1)
    height, width = image.shape[:2]
    corners = np.clip(np.rint(boxes), 0, [width, height, width, height]).astype(int)
    blurs = [blur_score(image[y1:y2, x1:x2]) for x1, y1, x2, y2 in corners]
    return sides.astype(np.float64), np.array(blurs, np.float64)


QUALITY_BINS = ("high", "mid", "low")
"""The classes of face quality, from best to worst."""

QUALITY_BIN_LIMITS = ((48.0, 100.0), (24.0, 50.0))
"""From which smaller side (px) and blur score a face is in each bin; the last bin is the rest."""

USABLE_SIDE_PX, USABLE_BLUR_SCORE = QUALITY_BIN_LIMITS[-1]
"""From which smaller side and blur score a face is usable: in any bin but the last."""


def quality_bins(min_side: npt.ArrayLike, blur: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The quality bin of each face.

    Args:
        min_side: (N,) px, the smaller side of each face.
        blur: (N,) blur scores.

    Returns:
        (N,) index into QUALITY_BINS.
    """
    side, sharp = np.asarray(min_side, np.float64), np.asarray(blur, np.float64)
    reached = [(side >= px) & (sharp >= score) for px, score in QUALITY_BIN_LIMITS]
    return np.select(reached, range(len(reached)), len(reached)).astype(np.int64)
