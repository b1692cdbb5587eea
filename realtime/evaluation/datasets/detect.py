"""The face in each picture of a labelled data set that holds whole photos."""

from __future__ import annotations

import math

import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.faces import (
    LONGEST,
    LabelledFaces,
    of_listing,
    readable,
)
from moodstream.realtime.evaluation.datasets.listing import Listing
from moodstream.realtime.networks.detectors.base import FaceDetector
from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.sources.images import scaled

NO_FACE = "no face found"


def largest_faces(
    listing: Listing,
    detector: FaceDetector,
    min_confidence: float = 0.5,
    on_progress: ProgressCallback = lambda *_: None,
) -> LabelledFaces:
    """The largest face of each picture, with what is around it; pictures without are skipped.

    Pictures are read one at a time and cut to the face and its surroundings, so that large photos
    need not fit in memory together. Raises MoodstreamError where no face is found at all.
    """
    images: list[Image] = []
    boxes: list[F32] = []
    rows: list[int] = []
    skipped = list(listing.skipped)
    for i, image in readable(listing, None, skipped, "finding faces", on_progress):
        found = detector.detect([image], min_confidence)[0].boxes
        if not len(found):
            skipped.append((listing.names[i], NO_FACE))
            continue
        sizes = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
        face, box = around(image, found[sizes.argmax()])
        images.append(face)
        boxes.append(box)
        rows.append(i)
    if not images:
        what, why = skipped[-1]
        raise MoodstreamError(f"{listing.source}: no faces were found (last of all {what}: {why})")
    return of_listing(listing, rows, images, skipped, np.stack(boxes))


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
    part = np.ascontiguousarray(image[top:bottom, left:right])
    inside = box - np.array([left, top, left, top], np.float32)
    small = scaled(part, LONGEST / longer)
    ratio = [b / a for a, b in zip(part.shape[1::-1], small.shape[1::-1], strict=True)]
    return small, (inside * np.array(ratio * 2)).astype(np.float32)
