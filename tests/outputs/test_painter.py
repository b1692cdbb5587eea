"""What the painter makes of annotated frames: the last minute, the shifts, and privacy."""

from __future__ import annotations

import numpy as np
import pytest

from moodstream.realtime.analysis.group.shifts import MoodShift, ShiftStatus
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Faces, Frame, GroupState
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.outputs.painter import Painter
from moodstream.realtime.privacy import Privacy

PICTURE = np.random.default_rng(0).integers(0, 255, (360, 640, 3)).astype(np.uint8)
BOX = np.array([[100, 100, 200, 220]], np.float32)
LESS_SURE = np.array([[400, 100, 500, 220]], np.float32)


def annotated(t: float, people: int = 1, known: bool = True, **more: object) -> AnnotatedFrame:
    faces = Faces(
        boxes=BOX[:people],
        scores=np.ones(people, np.float32),
        quality=np.ones(people, np.float32),
        probs=np.eye(7, dtype=np.float32)[:people],
        track_ids=np.arange(people),
        seen=np.ones(people, bool),
    )
    probs = np.full(7, 1 / 7) if known else None
    state = GroupState(t=t, people=people, effective_people=float(people), probs=probs)
    return AnnotatedFrame(Frame(PICTURE.copy(), t, 0), faces, state, **more)  # type: ignore[arg-type]


def test_the_history_is_the_last_minute_with_holes_where_nothing_is_known() -> None:
    painter = Painter(5.0)
    for k in range(80):
        scene = painter.scene(annotated(float(k), known=k % 2 == 0))
    np.testing.assert_array_equal(scene.history_t, np.arange(19, 80))
    np.testing.assert_array_equal(np.isnan(scene.history[:, 0]), np.arange(19, 80) % 2 == 1)


def test_a_state_that_is_drawn_twice_is_one_point_of_the_history() -> None:
    painter = Painter(5.0)
    painter.scene(annotated(1.0))
    scene = painter.scene(annotated(1.0))
    assert scene.history_t.tolist() == [1.0]


def shift(t: float, status: ShiftStatus = "confirmed", number: int = 1) -> MoodShift:
    return MoodShift(
        t=t,
        start="sad",
        end="happy",
        size=0.3,
        noticed=t,
        before=0.1,
        after=0.6,
        status=status,
        number=number,
    )


def test_the_last_shifts_stay_in_the_panel() -> None:
    painter = Painter(5.0)
    for k in range(6):
        painter.scene(annotated(k + 0.5, shifts=(shift(float(k), number=k),)))
    assert [t for t, *_ in painter.scene(annotated(9.0)).shifts] == [2.0, 3.0, 4.0, 5.0]


def test_a_provisional_shift_becomes_what_it_turns_out_to_be() -> None:
    painter = Painter(5.0)
    told = painter.scene(annotated(3.0, shifts=(shift(1.0, "provisional"),)))
    assert told.shifts == ((1.0, "sad", "happy", "provisional"),)
    sure = painter.scene(annotated(6.0, shifts=(shift(1.2, "confirmed"),)))
    assert sure.shifts == ((1.2, "sad", "happy", "confirmed"),)


def test_a_withdrawn_shift_is_said_to_be_so_and_then_forgotten() -> None:
    painter = Painter(5.0)
    painter.scene(annotated(3.0, shifts=(shift(1.0, "provisional"),)))
    withdrawn = painter.scene(annotated(4.0, shifts=(shift(1.0, "withdrawn"),)))
    assert [each.status for each in withdrawn.shifts] == ["withdrawn"]
    assert painter.scene(annotated(20.0)).shifts == ()


@pytest.mark.parametrize("privacy", list(Privacy))
def test_every_detected_face_is_hidden_tracked_or_not(privacy: Privacy) -> None:
    frame = annotated(1.0, all_boxes=np.vstack([BOX, LESS_SURE]))
    painter = Painter(5.0, privacy)
    painter.panel = False
    picture = painter.paint(frame)

    def as_it_was(box: np.ndarray) -> bool:
        x1, y1, x2, y2 = (int(v) for v in box[0] + [20, 20, -20, -20])
        return np.array_equal(picture[y1:y2, x1:x2], PICTURE[y1:y2, x1:x2])

    hidden = privacy.hides_faces
    assert as_it_was(BOX) != hidden
    assert as_it_was(LESS_SURE) != hidden
    np.testing.assert_array_equal(picture[300:340, 20:60], PICTURE[300:340, 20:60])


def test_the_mode_of_privacy_reaches_the_scene() -> None:
    scenes = {mode: Painter(5.0, mode).scene(annotated(1.0)) for mode in Privacy}
    assert {m: s.show_people for m, s in scenes.items()} == {
        Privacy.OFF: True,
        Privacy.BLUR: True,
        Privacy.GROUP: False,
    }
    assert scenes[Privacy.GROUP].min_people == 3


def test_the_dominant_mood_is_that_of_the_state() -> None:
    state = GroupState(t=1.0, people=1, probs=np.eye(7)[3], dominant=EMOTIONS[3])
    frame = AnnotatedFrame(Frame(PICTURE, 1.0, 0), Faces.none(), state)
    assert Painter(5.0).scene(frame).dominant == 3
