"""A frame with what is known of it when it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.arrays import F32
from moodstream.realtime.frames import Faces, Frame, GroupState


@dataclass(frozen=True)
class AnnotatedFrame:
    """A frame with the people in it and the group at its time.

    all_boxes: (M, 4) xyxy px, every box of the last look, also of those not followed; notice: a
    line to lay over the picture; instead: a word in place of the figures
    where the picture is an old one.
    """

    frame: Frame
    faces: Faces
    state: GroupState
    shifts: tuple[MoodShift, ...] = ()
    all_boxes: F32 | None = None
    notice: str | None = None
    instead: str | None = None
