from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moodstream.trackers.faces import FaceTracker, TrackerSettings, diou_distance, extrapolate_boxes


def box(x: float, y: float = 100, side: float = 40) -> list[float]:
    return [x, y, x + side, y + side]


def step(tracker: FaceTracker, t: float, boxes: list[list[float]]):
    return tracker.update(t, np.array(boxes, np.float32).reshape(-1, 4))


def play(scene, until: float, passes: float = 10, **options):
    """The tracks at each of ``passes`` detection passes a second at ``scene(t) -> boxes``."""
    tracker = FaceTracker(TrackerSettings(**options))
    times = [k / passes for k in range(round(until * passes) + 1)]
    return [(t, step(tracker, t, scene(t))) for t in times]


def ids_at(history, t: float) -> list[int]:
    return next(tracks.ids.tolist() for when, tracks in history if when >= t - 1e-9)


@pytest.mark.parametrize("rate", [5, 10, 24, 30])
def test_birth_takes_the_birth_time_at_every_rate(rate):
    history = play(lambda t: [box(50)], 1.0, rate, rate=max(10, rate))
    born = next(t for t, tracks in history if len(tracks.ids))
    assert 0.1 <= born <= 0.45
    assert ids_at(history, 1.0) == [1]


def test_a_single_false_detection_gets_no_id():
    history = play(lambda t: [box(50)] if 0.95 < t < 1.05 else [], 2.0)
    assert all(len(tracks.ids) == 0 for _, tracks in history)


@pytest.mark.parametrize("gap", [0.3, 0.8, 1.3])
def test_coasting_keeps_the_id_through_short_occlusion(gap):
    history = play(lambda t: [] if 3 < t <= 3 + gap else [box(50 + 5 * t)], 6.0)
    assert ids_at(history, 3.0) == ids_at(history, 5.5) == [1]
    hidden = next(tracks for t, tracks in history if t >= 3.19)
    assert hidden.detection.tolist() == [-1]
    assert hidden.unseen[0] == pytest.approx(0.2, abs=0.01)


def test_loss_ends_the_track_and_a_return_is_a_new_person():
    history = play(lambda t: [] if 3 < t < 6 else [box(50)], 8.0)
    assert ids_at(history, 5.0) == []
    assert ids_at(history, 7.0) == [2]


@pytest.mark.parametrize("speed", [20, 60, 120])
def test_crossing_people_keep_their_ids(speed):
    """Two people pass each other at different heights, their boxes overlapping on the way."""

    def scene(t):
        return [box(200 + speed * (t - 2), 100), box(200 - speed * (t - 2), 118)]

    history = play(scene, 4.0)
    start, end = history[5][1], history[-1][1]
    assert start.ids.tolist() == end.ids.tolist() == [1, 2]
    left_to_right = start.ids[np.argmin(start.boxes[:, 0])]
    assert left_to_right == end.ids[np.argmax(end.boxes[:, 0])]


@pytest.mark.parametrize(("passes", "speed"), [(5, 55), (10, 110), (30, 300)])
def test_a_small_quick_face_is_followed_between_passes(passes, speed):
    """It moves 0.7 of its width from pass to pass: its boxes hardly meet."""
    history = play(lambda t: [box(10 + speed * t, side=16)], 3.0, passes, rate=max(10, passes))
    assert {i for _, tracks in history for i in tracks.ids.tolist()} == {1}


def test_two_neighbours_do_not_swap_when_one_is_missed():
    def scene(t):
        missed = 2.0 < t < 2.6
        return [box(100)] if missed else [box(100), box(150)]

    history = play(scene, 4.0)
    for t in (1.9, 2.3, 3.9):
        tracks = next(tr for when, tr in history if when >= t - 1e-9)
        left = tracks.ids[np.argmin(tracks.boxes[:, 0])]
        assert left == history[5][1].ids[np.argmin(history[5][1].boxes[:, 0])]
    assert ids_at(history, 3.9) == [1, 2]


def test_a_face_out_of_sight_does_not_fly_on():
    history = play(lambda t: [box(50 + 100 * t)] if t <= 2 else [], 3.2)
    coasting = [tracks.boxes[0, 0] for t, tracks in history if t > 2 and len(tracks.ids)]
    assert coasting[-1] < 250 + 60
    assert all(np.diff(coasting) >= -1)


def test_a_long_gap_forgets_everyone_but_gives_no_id_twice():
    tracker = FaceTracker()
    for k in range(10):
        step(tracker, k / 10, [box(50)])
    for k in range(10):
        tracks = step(tracker, 100 + k / 10, [box(50)])
    assert tracks.ids.tolist() == [2]
    assert tracker.count == 2


def test_passes_too_rare_to_track_anyone_still_detect_those_who_are_there():
    """Detecting every 3 s nobody could get an id within 0.2 s; one pass is no proof."""
    tracker = FaceTracker()
    seen = [len(step(tracker, 3.0 * k, [box(50), box(300)]).ids) for k in range(6)]
    assert seen == [0, 0, 2, 2, 2, 2]


def test_prediction_moves_boxes_on():
    tracker = FaceTracker()
    for k in range(30):
        tracks = step(tracker, k / 10, [box(50 + 10 * k)])
    assert 60 < tracks.velocity[0, 0] < 130
    ahead = extrapolate_boxes(tracks.boxes, tracks.velocity, 0.05)
    assert 2 < ahead[0, 0] - tracks.boxes[0, 0] < 8


def test_a_box_moved_far_ahead_is_still_a_box():
    inside_out = extrapolate_boxes(
        np.array([box(50)], np.float32), np.array([[90, 0, -90, 0]], np.float32), 5.0
    )
    assert (inside_out[:, :2] <= inside_out[:, 2:]).all()


def test_the_size_of_the_picture_does_not_matter():
    small, large = FaceTracker(picture_side=640), FaceTracker(picture_side=3840)
    rng = np.random.default_rng(1)
    for k in range(40):
        here = np.array([box(50 + 4 * k), box(300 - 3 * k)], np.float32)
        here += rng.normal(0, 1, here.shape).astype(np.float32)
        a, b = small.update(k / 10, here), large.update(k / 10, here * 6)
        np.testing.assert_allclose(a.boxes * 6, b.boxes, rtol=1e-3, atol=0.5)
        assert a.ids.tolist() == b.ids.tolist()


def test_nobody_and_bad_input():
    tracker = FaceTracker()
    assert len(step(tracker, 0.0, []).ids) == 0
    with pytest.raises(ValueError, match="finite"):
        step(tracker, 0.1, [[0, 0, np.nan, 4]])
    step(tracker, 1.0, [])
    with pytest.raises(ValueError, match="time"):
        step(tracker, 0.5, [])


boxes_2d = st.lists(
    st.tuples(st.floats(-50, 700), st.floats(-50, 400), st.floats(1, 200), st.floats(1, 200)),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(boxes_2d, min_size=1, max_size=8))
def test_any_boxes_give_unique_sorted_ids_and_finite_boxes(passes):
    tracker = FaceTracker(TrackerSettings(birth=0.0))
    for k, detected in enumerate(passes):
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h in detected], np.float32).reshape(
            -1, 4
        )
        tracks = tracker.update(k / 10, boxes)
        assert sorted(set(tracks.ids.tolist())) == tracks.ids.tolist()
        assert np.isfinite(tracks.boxes).all()
        assert (tracks.boxes[:, 2:] >= tracks.boxes[:, :2]).all()
        used = tracks.detection[tracks.detection >= 0]
        assert len(set(used.tolist())) == len(used)


@given(boxes_2d, boxes_2d)
def test_diou_distance(a, b):
    one = np.array([[x, y, x + w, y + h] for x, y, w, h in a]).reshape(-1, 4)
    two = np.array([[x, y, x + w, y + h] for x, y, w, h in b]).reshape(-1, 4)
    distance = diou_distance(one, two)
    assert distance.shape == (len(one), len(two))
    assert ((distance >= -1e-9) & (distance < 2)).all()
    np.testing.assert_allclose(distance, diou_distance(two, one).T, atol=1e-9)
    np.testing.assert_allclose(np.diag(diou_distance(one, one)), 0, atol=1e-9)
