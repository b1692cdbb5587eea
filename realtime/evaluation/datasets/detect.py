"""The face in each picture of a labelled data set that holds whole photos."""

from __future__ import annotations

import math

import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.faces import (
    MAX_SIDE_PX,
    LabelledFaces,
    of_listing,
    readable,
)
from moodstream.realtime.evaluation.datasets.listing import Listing
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import scaled

NO_FACE = "no face found"
"""The reason for a skipped picture without a face."""


def largest_faces(
    listing: Listing,
    detector: FaceDetector,
    min_confidence: float = 0.5,
    on_progress: ProgressCallback = lambda *_: None,
) -> LabelledFaces:
    """The largest face of each picture, with what is around it; pictures without are skipped.

    Pictures are read one at a time and cut to the face and its surroundings, so that large photos
    need not fit in memory together.

    Args:
        listing: The data set.
        detector: What detects.
        min_confidence: Score from which a face counts.
        on_progress: Called after each picture.

    Raises:
        MoodstreamError: No picture has a face.
    """
    images: list[Image] = []
    boxes: list[F32] = []
    rows: list[int] = []
    without: list[int] = []
    skipped = list(listing.skipped)
    for i, image in readable(listing, None, skipped, "detecting faces", on_progress):
        detected = detector.detect([image], min_confidence)[0].boxes
        if not len(detected):
            skipped.append((listing.names[i], NO_FACE))
            without.append(i)
            continue
        areas = (detected[:, 2] - detected[:, 0]) * (detected[:, 3] - detected[:, 1])
        face, box = around(image, detected[areas.argmax()])
        images.append(face)
        boxes.append(box)
        rows.append(i)
    if not images:
        what, why = skipped[-1]
        raise MoodstreamError(f"{listing.source}: no faces were found (last {what}: {why})")
    return of_listing(listing, rows, images, skipped, np.stack(boxes), without)


def around(image: Image, box: F32) -> tuple[Image, F32]:
    """A face with one more of its longer side all around, and its box there.

    That is more than any classifier's crop reaches, so that the crop is the same as in the whole
    picture; faces longer than LONGEST px are shrunk to that.
    """
    longer = float(max(box[2] - box[0], box[3] - box[1]))
    height, width = image.shape[:2]
    left, top = (max(0, math.floor(box[k] - longer)) for k in (0, 1))
    right = min(width, math.ceil(box[2] + longer))
    bottom = min(height, math.ceil(box[3] + longer))
    surroundings = np.ascontiguousarray(image[top:bottom, left:right])
    inside = box - np.array([left, top, left, top], np.float32)
    small = scaled(surroundings, MAX_SIDE_PX / longer)
    ratio = [b / a for a, b in zip(surroundings.shape[1::-1], small.shape[1::-1], strict=True)]
    return small, (inside * np.array(ratio * 2)).astype(np.float32)
