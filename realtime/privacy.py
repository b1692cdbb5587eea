"""What may be shown and kept of the people filmed: the one place that knows."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING

from moodstream.realtime.errors import MoodstreamError

if TYPE_CHECKING:  # numpy, which the command line's options do without
    from moodstream.realtime.frames import Faces, GroupState


HIDE_FROM_CONFIDENCE = 0.3  # of a detector: hiding too many is better than showing one face


class Privacy(str, Enum):
    """A privacy mode, from least to most strict; its value is what users write.

    * ``off``: faces, boxes and figures of single people are shown and kept.
    * ``blur``: every face is hidden in every picture; figures of single people are kept.
    * ``group``: besides, nothing about single people is shown or kept, and no distribution of a
      group so small that it would be about them.

    Example:
        >>> Privacy.of("blur").hides_faces
        True
        >>> Privacy.GROUP.stricter_than(Privacy.BLUR)
        True
    """

    OFF = "off"
    BLUR = "blur"
    GROUP = "group"

    def __str__(self) -> str:
        return self.value

    @classmethod
    def of(cls, asked: str) -> Privacy:
        """The mode of that name.

        Raises:
            MoodstreamError: There is none.
        """
        try:
            return cls(asked)
        except ValueError:
            names = ", ".join(mode.value for mode in cls)
            raise MoodstreamError(f"privacy {asked!r}: expected one of {names}") from None

    @property
    def hides_faces(self) -> bool:
        """Whether every face must be hidden in every picture that is shown or written."""
        return self is not Privacy.OFF

    @property
    def keeps_individuals(self) -> bool:
        """Whether anything about single people may be shown or kept: boxes, rows, pictures."""
        return self is not Privacy.GROUP

    @property
    def min_group(self) -> int:
        """People from which on a distribution is that of a group; 0: however few there are."""
        return 0 if self.keeps_individuals else 3

    def shows_group_of(self, people: int, effective_people: float) -> bool:
        """Whether the distribution of such a group may be shown.

        Args:
            people: Who is there.
            effective_people: Kish size of their weights. Where one person outweighs the others, a
                distribution is theirs, so one person less than ``min_group`` is asked of it.
        """
        enough = people >= self.min_group
        return enough and round(effective_people, 6) >= self.min_group - 1

    def view(self, state: GroupState) -> GroupState:
        """What may be shown of a group: without its distribution where that is too small."""
        if self.shows_group_of(state.people, state.effective_people):
            return state
        return type(state)(t=state.t, people=state.people)

    def view_faces(self, faces: Faces) -> Faces:
        """What may be kept of the people in a frame: all, or nobody."""
        return faces if self.keeps_individuals else type(faces).none()

    def stricter_than(self, other: Privacy) -> bool:
        """Whether less may be shown than with the other mode."""
        modes = list(Privacy)
        return modes.index(self) > modes.index(other)

    def next(self, floor: Privacy) -> Privacy:
        """The next stricter mode; after the strictest comes ``floor``, the least strict allowed."""
        modes = list(Privacy)
        allowed = modes[modes.index(floor) :]
        after = allowed.index(self) + 1 if self in allowed else 0
        return allowed[after % len(allowed)]

    @classmethod
    def strictest(cls, modes: Iterable[Privacy]) -> Privacy:
        """The strictest of some modes; ``off`` of none."""
        order = list(cls)
        return order[max(map(order.index, modes), default=0)]
