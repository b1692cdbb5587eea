"""Turns annotated frames into pictures of the overlay."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from moodstream.overlays.render import render
from moodstream.overlays.scene import Scene, ShownShift
from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.privacy import Privacy

_HISTORY_S = 60.0
_SHIFTS_SHOWN = 4
_WITHDRAWN_SHOWN_S = 5.0


def _as_f32(values: object) -> F32 | None:
    return None if values is None else np.asarray(values, np.float32)


class Painter:
    """Keeps the last minute of the group and draws each frame with it.

    Args:
        window: Seconds of the group's window, as the panel shows them.
        privacy: What may be seen of single people.

    Attributes:
        panel: Whether the panel with the group is drawn.
    """

    def __init__(self, window: float, privacy: Privacy = Privacy.OFF) -> None:
        self._window, self.privacy = window, privacy
        self.panel = True
        self._history: deque[tuple[float, F32]] = deque()
        self._shifts: dict[int, tuple[ShownShift, float]] = {}  # by number, and when told

    @property
    def history(self) -> list[tuple[float, F32]]:
        """Stream seconds and distribution (7,) of the last minute, NaN where nobody counted."""
        return list(self._history)

    def scene(self, annotated: AnnotatedFrame) -> Scene:
        """The scene of a frame; frames must come in order."""
        state, faces = annotated.state, annotated.faces
        self._take(annotated.shifts, state.t)
        if not self._history or state.t > self._history[-1][0]:
            row = np.full(len(EMOTIONS), np.nan) if state.probs is None else state.probs
            self._history.append((state.t, np.asarray(row, np.float32)))
        while self._history[0][0] < state.t - _HISTORY_S:
            self._history.popleft()
        return Scene(
            image=annotated.frame.image,
            t=annotated.frame.t,
            classes=EMOTIONS,
            boxes=faces.boxes,
            track_ids=faces.track_ids,
            probs=faces.probs,
            labels=faces.shown_labels(),
            quality=faces.quality,
            people=len(faces),
            effective_people=state.effective_people,
            group=_as_f32(state.probs),
            interval=_as_f32(state.interval),
            unweighted=_as_f32(state.unweighted),
            entropy=state.entropy,
            entropy_share=state.entropy_share,
            dominant=None if state.dominant is None else EMOTIONS.index(state.dominant),
            shift=state.shift,
            history_t=np.array([t for t, _ in self._history], np.float32),
            history=np.stack([row for _, row in self._history]),
            shifts=tuple(shown for shown, _ in self._shifts.values()),
            window=self._window,
            hide_faces=self.privacy.hides_faces,
            show_people=self.privacy.keeps_individuals,
            min_people=self.privacy.min_group,
            banner=annotated.banner,
            status_text=annotated.status_text,
            panel=self.panel,
            hide=annotated.all_boxes,
        )

    def _take(self, news: Sequence[MoodShift], t: float) -> None:
        """Keep the last mood shifts; of one withdrawn that it is so, for some seconds."""
        for shift in news:
            shown = ShownShift(shift.t, shift.start, shift.end, shift.status)
            self._shifts[shift.number] = shown, t
        for number, (shown, told) in list(self._shifts.items()):
            if shown.status == "withdrawn" and t - told > _WITHDRAWN_SHOWN_S:
                del self._shifts[number]
        for number in list(self._shifts)[:-_SHIFTS_SHOWN]:
            del self._shifts[number]

    def paint(self, annotated: AnnotatedFrame) -> Image:
        """The overlay picture of a frame, (H', W', 3) uint8 BGR."""
        return np.asarray(render(self.scene(annotated)), np.uint8)
