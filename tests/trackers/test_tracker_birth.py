"""How long somebody is followed who has only just been given an id."""

from __future__ import annotations

import numpy as np
import pytest

from moodstream.trackers.faces import FaceTracker

FACE = np.array([[100, 100, 160, 160]], np.float32)
NOBODY = np.empty((0, 4), np.float32)


def followed_for(looks: int, rate: float = 10.0) -> float:
    """Seconds that a face stays after it was found in that many looks."""
    tracker = FaceTracker()
    for look in range(looks):
        tracks = tracker.update(look / rate, FACE)
    assert len(tracks.ids) == 1
    last = (looks - 1) / rate
    for look in range(looks, looks + round(5 * rate)):
        if not len(tracker.update(look / rate, NOBODY).ids):
            return look / rate - last
    raise AssertionError("it never goes")


def test_face_found_for_a_moment_goes_sooner_than_an_established_one() -> None:
    # found in three looks it has three hits, each worth a step, against 1.5 s for an old one
    assert followed_for(3) == pytest.approx(0.4)
    assert followed_for(40) == pytest.approx(1.6)


@pytest.mark.parametrize("rate", [2.0, 5.0])
def test_rare_looks_count_for_the_time_that_they_stand_for(rate: float) -> None:
    short, long = followed_for(2, rate), followed_for(40, rate)
    assert short < long
    assert long == pytest.approx(1.6, abs=1 / rate)
