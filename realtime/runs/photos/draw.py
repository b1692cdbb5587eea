"""Photos with boxes and moods on them, as the overlay draws them."""

from __future__ import annotations

import numpy as np

from moodstream.overlays.render import render
from moodstream.overlays.scene import Scene
from moodstream.realtime.arrays import Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos.analyse import PhotoResult
from moodstream.realtime.runs.photos.faces import BINS
from moodstream.realtime.sources.images import shrink_to

LONGEST = 1920
"""px of the longer side of annotated pictures at most."""

_MOST = 8


def annotated(
    image: Image, result: PhotoResult, privacy: Privacy = Privacy.OFF, longest: int = LONGEST
) -> Image:
    """A new picture (H', W', 3) uint8 BGR with a box and a mood for each face.

    Faces are numbered from 1 in the order of the result; those of the low quality bin have thin
    dashes. ``privacy``: blur hides the faces, group hides them and draws no boxes; longer sides
    than ``longest`` px are shrunk to that, and small pictures enlarged so that text can be read.
    """
    small = shrink_to(image, longest)
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
        quality=(faces.bins != BINS.index("low")).astype(np.float32),
        people=len(faces),
        effective_people=result.group.effective_people,
        hide_faces=privacy.hides_faces,
        show_people=privacy.keeps_individuals,
        hide=faces.all_boxes * both,
        panel=False,
    )
    # a strip that was enlarged for its text may be too long for a file
    return shrink_to(np.asarray(render(scene), np.uint8), _MOST * longest)
