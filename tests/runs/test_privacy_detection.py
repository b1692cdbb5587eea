"""Which faces are hidden in live pictures: also those that the detector is less sure of."""

from __future__ import annotations

import numpy as np
import pytest
from support.fakes import HAPPY, Finds, Says
from support.live_stage import BRIGHT, LiveStage, camera_part

from moodstream.realtime.analysis.people.tracker import AnalysisSettings
from moodstream.realtime.networks.models import Models
from moodstream.realtime.privacy import HIDE_FROM_CONFIDENCE, Privacy

SURE, UNSURE, NO_FACE = (10, 10, 40, 40), (60, 10, 90, 40), (110, 10, 140, 40)
SCORES = [0.9, 0.4, 0.2]
SCALE = 3  # by which small pictures are enlarged


class Notes(Finds):
    """Finds three faces with different scores, and notes from which confidence it was asked."""

    def __init__(self) -> None:
        super().__init__([SURE, UNSURE, NO_FACE], SCORES)
        self.asked: list[float] = []

    def detect(self, images, min_confidence):
        self.asked.append(min_confidence)
        return super().detect(images, min_confidence)


def is_hidden(picture: np.ndarray, box: tuple[int, int, int, int]) -> bool:
    """Whether what the camera showed in a box is no longer to be recognised."""
    x1, y1, x2, y2 = (SCALE * v for v in box)
    part = camera_part(picture)[y1 + 6 : y2 - 6, x1 + 6 : x2 - 6].astype(float)
    return bool(part.std() < 0.6 * BRIGHT[10:40, 10:40].astype(float).std())


def played(monkeypatch, privacy: Privacy, min_confidence: float) -> tuple[LiveStage, Notes]:
    detector = Notes()
    stage = LiveStage.of(
        monkeypatch,
        Models(detector, Says(HAPPY), {}),
        privacy=privacy,
        worker=AnalysisSettings(min_confidence=min_confidence),
    )
    stage.session.panel = False
    stage.play(BRIGHT, 2.0)
    return stage, detector


@pytest.mark.parametrize(
    ("privacy", "min_confidence", "asked", "hidden", "counted"),
    [
        (Privacy.OFF, 0.5, 0.5, [False, False, False], 1),
        (Privacy.OFF, 0.1, 0.1, [False, False, False], 3),
        (Privacy.BLUR, 0.5, HIDE_FROM_CONFIDENCE, [True, True, False], 1),
        (Privacy.BLUR, 0.95, HIDE_FROM_CONFIDENCE, [True, True, False], 0),
        (Privacy.BLUR, 0.1, 0.1, [True, True, True], 3),
        (Privacy.GROUP, 0.5, HIDE_FROM_CONFIDENCE, [True, True, False], 1),
    ],
)
def test_hiding_does_not_depend_on_the_confidence_from_which_faces_count(
    monkeypatch, privacy, min_confidence, asked, hidden, counted
):
    stage, detector = played(monkeypatch, privacy, min_confidence)
    assert set(detector.asked) == {asked}
    picture = stage.pictures[-1]
    assert [is_hidden(picture, box) for box in (SURE, UNSURE, NO_FACE)] == hidden
    assert stage.state()["people"] == counted
    _, state, faces = stage.rows.rows[-1]
    assert state.people == counted
    assert len(faces) == (counted if privacy.keeps_individuals else 0)


def test_a_switch_changes_it_at_once_and_back(monkeypatch):
    stage, detector = played(monkeypatch, Privacy.OFF, 0.5)
    detector.asked.clear()
    stage.session.set_privacy(Privacy.BLUR)
    stage.play(BRIGHT, 1.0)
    assert set(detector.asked) == {HIDE_FROM_CONFIDENCE}
    assert is_hidden(stage.pictures[-1], UNSURE)
    assert stage.state()["people"] == 1
    detector.asked.clear()
    stage.session.set_privacy(Privacy.OFF)
    stage.play(BRIGHT, 1.0)
    assert set(detector.asked) == {0.5}
    assert not is_hidden(stage.pictures[-1], UNSURE)


@pytest.mark.parametrize("privacy", [Privacy.BLUR, Privacy.GROUP])
def test_a_face_that_a_filter_drops_is_hidden(monkeypatch, privacy):
    nobody = lambda image, faces: np.zeros(len(faces), bool)  # noqa: E731
    models = Models(Notes(), Says(HAPPY), {}, filters=(nobody,))
    stage = LiveStage.of(monkeypatch, models, privacy=privacy)
    stage.play(BRIGHT, 1.0)
    assert stage.state()["people"] == 0
    assert is_hidden(stage.pictures[-1], SURE)
