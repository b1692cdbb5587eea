"""How long somebody is followed who has only just been given an id."""

from __future__ import annotations

import numpy as np
import pytest

from moodstream.trackers.faces import FaceTracker

FACE = np.array([[100, 100, 160, 160]], np.float32)
NOBODY = np.empty((0, 4), np.float32)


def tracked_for(passes: int, rate: float = 10.0) -> float:
    """Seconds that a face is tracked after it was detected in so many passes."""
    tracker = FaceTracker()
    for number in range(passes):
        tracks = tracker.update(number / rate, FACE)
    assert len(tracks.ids) == 1
    last = (passes - 1) / rate
    for number in range(passes, passes + round(5 * rate)):
        if not len(tracker.update(number / rate, NOBODY).ids):
            return number / rate - last
    raise AssertionError("it never goes")


def test_face_detected_briefly_goes_sooner_than_an_established_one() -> None:
    # detected in three passes it has three hits, each for a step, against 1.5 s for an old one
    assert tracked_for(3) == pytest.approx(0.4)
    assert tracked_for(40) == pytest.approx(1.6)


@pytest.mark.parametrize("rate", [2.0, 5.0])
def test_rare_passes_count_for_the_time_that_they_stand_for(rate: float) -> None:
    short, long = tracked_for(2, rate), tracked_for(40, rate)
    assert short < long
    assert long == pytest.approx(1.6, abs=1 / rate)
