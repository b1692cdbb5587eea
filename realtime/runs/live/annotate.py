"""Frames of a live stream with what is to be drawn over them when all is not well."""

from __future__ import annotations

import numpy as np

from moodstream.overlays.hud import clock as clock_text
from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Faces, Frame, GroupState
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame


def without_people(image: Image, t: float) -> AnnotatedFrame:
    """A picture (H, W, 3) uint8 BGR at ``t`` seconds with nobody in it."""
    return AnnotatedFrame(Frame(image, t, 0), Faces.none(), GroupState(t=t, people=0))


def black_picture(frame: Frame, since: float, hide: bool) -> AnnotatedFrame:
    """A frame that is black all over, with nobody in it, and since when the picture is black.

    Args:
        frame: The frame.
        since: Stream seconds.
        hide: Whether faces are to be hidden. No face was looked for in what a nearly black
            picture still shows, so all of it is hidden.
    """
    if hide:
        frame = Frame(np.zeros_like(frame.image), frame.t, frame.index)
    return AnnotatedFrame(
        frame,
        Faces.none(),
        GroupState(t=frame.t, people=0),
        banner=f"black picture since {clock_text(since)}",
        status_text="no signal",
    )


def old_picture(last: AnnotatedFrame, t: float, notice: str) -> AnnotatedFrame:
    """The last picture once more at ``t`` seconds, with a line that says why there is no newer one.

    The people stay in it, so that faces which were hidden stay hidden.
    """
    return AnnotatedFrame(
        Frame(last.frame.image, t, last.frame.index),
        last.faces,
        GroupState(t=t, people=0),
        all_boxes=last.all_boxes,
        banner=notice,
        status_text=notice.split(" since")[0],
    )
