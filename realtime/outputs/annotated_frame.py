"""A frame with all that is drawn into it."""

from __future__ import annotations

from dataclasses import dataclass

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.arrays import F32
from moodstream.realtime.frames import Faces, Frame, GroupState


@dataclass(frozen=True)
class AnnotatedFrame:
    """A frame with the people in it and the group at its time.

    Attributes:
        frame: The frame.
        faces: The people present.
        state: The group over the window.
        shifts: What is new of mood shifts since the frame before.
        all_boxes: (M, 4) xyxy px of every detected face, tracked or not; None where unknown.
        banner: A line to lay over the picture.
        status_text: A word in place of the figures, where the picture is an old one.
    """

    frame: Frame
    faces: Faces
    state: GroupState
    shifts: tuple[MoodShift, ...] = ()
    all_boxes: F32 | None = None
    banner: str | None = None
    status_text: str | None = None
