"""What a live run says of the group when it is over."""

from __future__ import annotations

from typing import Any

import pytest
from support.fakes import HAPPY, OneFace, Says
from support.live_stage import BRIGHT, LiveStage

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.models import Models
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.state import last_mood


class NoFace(OneFace):
    """A detector to which every room is empty."""

    def detect(self, images: Any, min_confidence: float) -> Any:
        return [Detections.none() for _ in images]


def stage(
    monkeypatch: pytest.MonkeyPatch, detector: OneFace | None = None, **settings: Any
) -> LiveStage:
    models = Models(detector or OneFace(), Says(HAPPY), {})
    return LiveStage.of(monkeypatch, models, **settings)


def told(run: LiveStage) -> str:
    return last_mood(run.session, run.session.streams[0])


def analysed(run: LiveStage) -> LiveStage:
    run.play(BRIGHT, 3.0)
    return run


def test_before_the_first_frame_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(stage(monkeypatch)) == "nothing was analysed"


def test_the_mood_is_told_also_when_the_source_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    run = analysed(stage(monkeypatch))
    run.capture.status = "ended"
    assert told(run).startswith("happy ")
    assert told(run).endswith(") at the end")


def test_the_interval_is_told_with_the_mood(monkeypatch: pytest.MonkeyPatch) -> None:
    run = analysed(stage(monkeypatch))
    state = run.session.streams[0].snapshot.state
    low, high = 100 * state.interval[:, EMOTIONS.index("happy")]
    assert low <= 100 * state.probs.max() <= high
    assert told(run) == f"happy {state.probs.max():.0%} ({low:.0f} to {high:.0f}) at the end"
    hidden = analysed(stage(monkeypatch, privacy=Privacy.GROUP))
    assert told(hidden) == "fewer than 3 people at the end"


def test_an_empty_room_is_no_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(analysed(stage(monkeypatch, NoFace()))) == "no one in view at the end"


def test_a_group_too_small_to_tell_of_is_no_empty_room(monkeypatch: pytest.MonkeyPatch) -> None:
    run = analysed(stage(monkeypatch, privacy=Privacy.GROUP))
    assert told(run) == "fewer than 3 people at the end"
