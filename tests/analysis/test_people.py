"""The people of a stream: which detections count, who is present, what is known of whom."""

from __future__ import annotations

import numpy as np
import pytest

from moodstream.realtime.analysis.people.tracker import (
    PREDICTION_COLUMNS,
    PRESENT_FOR_S,
    AnalysisSettings,
    PeopleTracker,
    extrapolated,
)
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Detections, Faces, Frame
from moodstream.realtime.timing import StageTimer
from moodstream.trackers.smoothing import SmoothingSettings

K = len(EMOTIONS)


def frame(t: float) -> Frame:
    rng = np.random.default_rng(round(100 * t))
    return Frame(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), t, 0)


def detections(*sides: float, scores: list[float] | None = None, marks: bool = False) -> Detections:
    """Faces of these sides in a row."""
    boxes = [[100 * i, 50, 100 * i + side, 50 + side] for i, side in enumerate(sides)]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores or [0.9] * len(sides), np.float32),
        np.ones((len(sides), 5, 2), np.float32) if marks else None,
    )


def people(**settings) -> PeopleTracker:
    return PeopleTracker(AnalysisSettings(**settings), SmoothingSettings(tau=0.0))


def established(tracker: PeopleTracker, *sides: float, marks: bool = False) -> Faces:
    """The people after half a second, none of them classified."""
    for k in range(6):
        faces = tracker.match(frame(k / 10), detections(*sides, marks=marks))
    return faces


def prediction(emotion: str) -> np.ndarray:
    row = np.full((1, PREDICTION_COLUMNS), np.nan, np.float32)
    row[0, :K] = 0.0
    row[0, EMOTIONS.index(emotion)] = 1.0
    return row


def test_small_faces_and_those_beyond_the_maximum_do_not_count():
    tracker = people(min_face=20, max_faces=2)
    faces = established(tracker, 40, 19, 60, 50)
    assert sorted(faces.boxes[:, 2] - faces.boxes[:, 0]) == pytest.approx([50, 60])
    assert tracker.faces_detected == 2 * 6
    assert tracker.detection_passes == 6
    assert len(tracker.all_boxes) == 4  # all that must be hidden


def test_filters_decide_as_well():
    only_right = PeopleTracker(
        AnalysisSettings(), filters=[lambda image, faces: faces.boxes[:, 0] > 50]
    )
    faces = established(only_right, 40, 40)
    assert faces.boxes[:, 0].tolist() == [100]


def test_whom_nobody_classified_has_no_estimate():
    faces = people().update(frame(0.0), detections())
    assert len(faces) == 0
    tracker = people()
    established(tracker, 40)
    faces = tracker.update(frame(0.6), detections(40))
    assert np.isnan(faces.probs).all()
    assert np.isnan(faces.extras).all()


def test_predictions_go_to_those_they_were_made_for_and_stay_with_them():
    tracker = people()
    faces = established(tracker, 40, 60)
    with_one = tracker.add_predictions(0.5, faces, np.array([1]), prediction("happy"))
    assert np.isnan(with_one.probs[0]).all()
    assert with_one.probs[1].argmax() == EMOTIONS.index("happy")
    assert tracker.predictions == 1
    later = tracker.update(frame(0.6), detections(40, 60))
    assert later.probs[1].argmax() == EMOTIONS.index("happy")
    assert later.track_ids.tolist() == faces.track_ids.tolist()


def test_who_is_out_of_sight_is_present_for_a_while_and_marked():
    tracker = people()
    established(tracker, 40, 60)
    for k in range(6, 14):
        t = k / 10
        faces = tracker.update(frame(t), detections(40, scores=[0.7]))
        if t - 0.5 > PRESENT_FOR_S + 1e-6:
            assert len(faces) == 1
        else:
            here, gone = np.argsort(faces.boxes[:, 0])
            assert (faces.seen[here], faces.seen[gone]) == (True, False)
            assert (faces.scores[here], faces.scores[gone]) == pytest.approx((0.7, 0.0))
            assert faces.quality[gone] == 0


def test_landmarks_are_kept_for_those_who_are_seen():
    tracker = people()
    assert established(tracker, 40, marks=True).landmarks.shape == (1, 5, 2)
    faces = tracker.match(frame(0.6), detections(marks=True))
    assert np.isnan(faces.landmarks).all()


def test_the_stages_are_timed():
    timer = StageTimer()
    tracker = PeopleTracker(AnalysisSettings(), timer=timer)
    tracker.update(frame(0.0), detections(40))
    assert timer.calls == {"track": 1, "quality": 1, "smooth": 1}


def test_extrapolated_boxes_move_for_a_while_and_are_not_seen():
    tracker = people()
    for k in range(12):
        boxes = np.array([[100 + 5 * k, 50, 150 + 5 * k, 110]], np.float32)
        faces = tracker.match(frame(k / 10), Detections(boxes, np.ones(1, np.float32)))
    speed = faces.velocity[0, 0]
    assert speed == pytest.approx(50, rel=0.2)
    ahead = extrapolated(faces, 0.2)
    np.testing.assert_allclose(ahead.boxes[0, 0], faces.boxes[0, 0] + 0.2 * speed, rtol=1e-4)
    assert not ahead.seen.any()
    np.testing.assert_array_equal(
        extrapolated(faces, 5.0).boxes, extrapolated(faces, PRESENT_FOR_S).boxes
    )
    assert len(extrapolated(Faces.none(), 1.0)) == 0
