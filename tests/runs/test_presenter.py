"""A presenter turn by turn: what it shows when its source is lost, or when it must hide more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from support.fakes import HAPPY, make_faces
from support.live_stage import BRIGHT, HandedFrames, Now, is_empty, without_waiting

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.outputs.painter import Painter
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live import presenter as presenters
from moodstream.realtime.runs.live.presenter import Presenter, PresenterControls
from moodstream.realtime.runs.live.snapshot import Snapshot
from moodstream.realtime.sources.capture import Capture, CapturedFrame


class Owner:
    """A presenter in the hands of its owner, turn by turn, and all that it shows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, privacy: Privacy) -> None:
        self.privacy, self.now = privacy, Now()
        self.capture = HandedFrames(lambda: 100.0)
        self.pictures: list[Image] = []
        self.scenes: list[tuple[Privacy, AnnotatedFrame]] = []
        self.painter: Painter  # which has drawn the last of them
        owner = self
        without_waiting(monkeypatch)

        class Noting(Painter):
            def paint(self, moment):
                owner.scenes.append((self.privacy, moment))
                owner.painter = self
                return super().paint(moment)

        monkeypatch.setattr(presenters, "Painter", Noting)
        self.presenter = Presenter(
            cast(Capture, self.capture),
            controls(lambda: self.privacy),
            window=5.0,
            max_latency=0.5,
            show=lambda image, t: self.pictures.append(image),
            clock=self.now,
        )

    def switch(self, privacy: Privacy) -> None:
        self.privacy = privacy
        self.presenter.forget()

    def turn(self, seconds: float = 0.0) -> int:
        """How many pictures one turn shows."""
        self.now.seconds += seconds
        before = len(self.pictures)
        self.presenter.present_next()
        return len(self.pictures) - before


def controls(privacy: Callable[[], Privacy], failed=None, stop=None) -> PresenterControls:
    return PresenterControls(
        stop or threading.Event(), threading.Event(), privacy, lambda: True, failed or raise_it
    )


def raise_it(error: BaseException) -> None:
    raise error


def snapshot(captured: CapturedFrame, faces: Faces | None = None, **what: Any) -> Snapshot:
    state = GroupState(
        t=captured.frame.t,
        people=1,
        effective_people=1.0,
        probs=HAPPY.astype(np.float64),
        dominant="happy",
    )
    nobody = np.zeros((0, 4), np.float32)
    all_of_it: dict[str, Any] = {"detected": True, "all_boxes": nobody, **what}
    return Snapshot(captured.frame, faces or Faces.none(), state, **all_of_it)


def test_nothing_from_before_a_stricter_mode_is_shown(monkeypatch):
    owner = Owner(monkeypatch, Privacy.OFF)
    first = owner.capture.take(BRIGHT, 1.0)
    owner.presenter.update(first, snapshot(first))
    assert owner.turn() == 1
    assert not is_empty(owner.pictures[-1])
    late = owner.capture.take(BRIGHT, 1.1)

    owner.switch(Privacy.BLUR)
    assert is_empty(owner.pictures[-1])  # at once, so that nobody is given the one before
    assert owner.turn() == 0
    owner.presenter.update(late, snapshot(late))  # a pass that was under way
    assert owner.turn() == 0

    new = owner.capture.take(BRIGHT, 1.2)
    owner.presenter.update(new, snapshot(new))
    assert owner.turn() == 1
    assert owner.scenes[-1][0] == Privacy.BLUR
    history = owner.painter.history  # figures of the group may stay
    assert history[0][0] == 1.0
    assert owner.scenes[-1][1].frame is new.frame


def test_a_frozen_picture_from_before_a_stricter_mode_is_gone(monkeypatch):
    owner = Owner(monkeypatch, Privacy.OFF)
    first = owner.capture.take(BRIGHT, 1.0)
    owner.presenter.update(first, snapshot(first))
    owner.turn()
    owner.capture.status = "no signal"
    assert owner.turn(1.0) == 1
    assert not is_empty(owner.pictures[-1])
    owner.switch(Privacy.BLUR)
    assert is_empty(owner.pictures[-1])
    assert owner.turn(1.0) == 1  # still with the line that says what is the matter
    assert is_empty(owner.pictures[-1])
    assert owner.scenes[-1][1].banner.startswith("no signal since 0:00")


def test_a_picture_chosen_before_the_switch_is_not_shown_after_it(monkeypatch):
    owner = Owner(monkeypatch, Privacy.OFF)
    first = owner.capture.take(BRIGHT, 1.0)
    owner.presenter.update(first, snapshot(first))
    owner.turn()

    def in_between():
        owner.capture.during = lambda: None
        owner.switch(Privacy.BLUR)
        captured = owner.capture.take(BRIGHT, 1.1)
        owner.presenter.update(captured, snapshot(captured, detected=False))

    owner.capture.during = in_between
    owner.turn()
    assert is_empty(owner.pictures[-1])
    assert owner.presenter.dropped == 1


def test_one_persons_mood_is_not_shown_as_a_groups(monkeypatch):
    owner = Owner(monkeypatch, Privacy.BLUR)
    first = owner.capture.take(BRIGHT, 1.0)
    owner.presenter.update(first, snapshot(first))
    owner.turn()
    assert owner.scenes[-1][1].state.probs is not None
    owner.switch(Privacy.GROUP)
    new = owner.capture.take(BRIGHT, 1.1)
    faces = make_faces([1], HAPPY[None], [1.0])
    owner.presenter.update(new, snapshot(new, faces))  # its state was summed up before
    assert owner.turn() == 1
    assert owner.scenes[-1][1].state.probs is None
    history = owner.painter.history  # nor is what was drawn of the last minute
    assert all(np.isnan(row).all() for _, row in history)


def test_frames_too_late_by_the_clock_are_dropped(monkeypatch):
    owner = Owner(monkeypatch, Privacy.OFF)
    for number, late in enumerate((0.4, 0.6, 0.5), 1):
        owner.now.seconds = 100.0 + late
        captured = owner.capture.take(BRIGHT, float(number))
        owner.presenter.update(captured, snapshot(captured))
        owner.turn()
    assert len(owner.pictures) == 2
    assert owner.presenter.dropped == 1


def shift(t: float) -> MoodShift:
    return MoodShift(t, "sad", "happy", size=0.3, noticed=t, before=0.1, after=0.6)


def test_a_mood_shift_is_drawn_once_though_its_frame_is_not(monkeypatch):
    owner = Owner(monkeypatch, Privacy.OFF)
    for t, shifts in ((1.0, (shift(0.9),)), (1.1, ()), (1.2, ())):
        captured = owner.capture.take(BRIGHT, t)
        owner.presenter.update(captured, snapshot(captured, shifts=shifts))
        if t > 1.0:  # the first is skipped
            owner.turn()
    assert [len(annotated.shifts) for _, annotated in owner.scenes] == [1, 0]


@pytest.mark.parametrize("privacy", [Privacy.BLUR, Privacy.GROUP])
def test_a_mood_shift_from_before_the_switch_to_group_is_not_drawn(monkeypatch, privacy):
    owner = Owner(monkeypatch, Privacy.OFF)
    first = owner.capture.take(BRIGHT, 1.0)
    owner.presenter.update(first, snapshot(first))
    owner.turn()
    owner.presenter.update(first, snapshot(first, shifts=(shift(0.8),)))
    owner.switch(privacy)
    new = owner.capture.take(BRIGHT, 1.2)
    owner.presenter.update(new, snapshot(new, shifts=(shift(0.9), shift(1.1))))
    owner.turn()
    times = [each.t for _, annotated in owner.scenes for each in annotated.shifts]
    assert times == ([0.8, 0.9, 1.1] if privacy is Privacy.BLUR else [1.1])
