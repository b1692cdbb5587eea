"""Photos with boxes and moods on them, as the overlay draws them."""

from __future__ import annotations

import numpy as np

from moodstream.overlays.render import render
from moodstream.overlays.scene import Scene
from moodstream.realtime.analysis.people.quality import QUALITY_BINS
from moodstream.realtime.arrays import Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos.analyse import PhotoResult
from moodstream.realtime.sources.images import shrink_to

MAX_SIDE_PX = 1920
"""The longer side of annotated pictures at most."""

_MAX_ENLARGED_FACTOR = 8  # of MAX_SIDE_PX


def annotated(
    image: Image, result: PhotoResult, privacy: Privacy = Privacy.OFF, max_side: int = MAX_SIDE_PX
) -> Image:
    """A new picture with a box and a mood for each face.

    Faces are numbered from 1 in the order of the result; those of the low quality bin have thin
    dashes. Small pictures are enlarged so that text can be read.

    Args:
        image: (H, W, 3) uint8 BGR.
        result: Its faces.
        privacy: ``blur`` hides the faces, ``group`` besides draws no boxes.
        max_side: Px to which the longer side is shrunk.

    Returns:
        (H', W', 3) uint8 BGR.
    """
    small = shrink_to(image, max_side)
    factor = np.array([b / a for a, b in zip(image.shape[1::-1], small.shape[1::-1], strict=True)])
    both = np.tile(factor, 2).astype(np.float32)
    faces = result.faces
    scene = Scene(
        image=small,
        t=0.0,
        classes=EMOTIONS,
        boxes=faces.boxes * both,
        track_ids=np.arange(1, len(faces) + 1),
        probs=faces.probs,
        # of all that boxes show of quality: thin dashes or not
        quality=(faces.bins != QUALITY_BINS.index("low")).astype(np.float32),
        people=len(faces),
        effective_people=result.group.effective_people,
        hide_faces=privacy.hides_faces,
        show_people=privacy.keeps_individuals,
        hide=faces.all_boxes * both,
        panel=False,
    )
    # a strip that was enlarged for its text may be too long for a file
    return shrink_to(np.asarray(render(scene), np.uint8), _MAX_ENLARGED_FACTOR * max_side)
