"""What may be shown and kept of the people filmed."""

from __future__ import annotations

from moodstream.overlays.scene import Privacy
from moodstream.realtime.frames import GroupState


def without_small_groups(state: GroupState, minimum: int = 3) -> GroupState:
    """The state with no distribution where fewer than ``minimum`` people stand behind it."""
    if state.people >= minimum and round(state.effective_people, 6) >= minimum - 1:
        return state
    return GroupState(t=state.t, people=state.people)


PRIVACY: tuple[Privacy, ...] = ("off", "blur", "group")
"""From least to most strict."""
