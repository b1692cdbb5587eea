from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodstream.trackers.smoothing import Smoother, SmoothingSettings

HAPPY, SAD = np.eye(7, dtype=np.float32)[3], np.eye(7, dtype=np.float32)[4]
ONE = np.array([1])


def feed(times, predictions, quality=1.0, tau=1.0, hold=10.0):
    smoother = Smoother(SmoothingSettings(tau=tau, hold=hold))
    out = None
    for t, p in zip(times, predictions, strict=True):
        out = smoother.update(t, ONE, np.asarray(p)[None], np.array([quality], np.float32))
    return out[0]


def test_the_first_reading_is_the_first_estimate():
    np.testing.assert_allclose(feed([3.0], [SAD]), SAD, atol=1e-6)


@pytest.mark.parametrize("tau", [0.3, 1.0, 4.0])
def test_step_response_is_exponential(tau):
    times = np.arange(0, 8, 0.05)
    late = feed(np.r_[np.arange(-60, 0, 0.05), times], [SAD] * 1200 + [HAPPY] * 160, tau=tau)
    assert late[3] == pytest.approx(1 - np.exp(-8 / tau), abs=0.01)


@given(st.lists(st.floats(0.001, 0.5), min_size=1, max_size=30))
def test_uneven_steps_are_exact(gaps):
    """A constant prediction after a known state gives the same whatever the steps in between."""
    times = np.cumsum(gaps)
    uneven = feed([-0.2, 0.0, *times], [SAD, SAD] + [HAPPY] * len(times), hold=100)
    one_step = feed([-0.2, 0.0, times[-1]], [SAD, SAD, HAPPY], hold=100)
    np.testing.assert_allclose(uneven, one_step, atol=1e-5)


def test_a_blurred_face_moves_the_estimate_less():
    def moved(quality: float) -> float:
        smoother = Smoother(SmoothingSettings(tau=1.0))
        for t in np.arange(0, 3, 0.1):
            smoother.update(t, ONE, SAD[None], np.array([0.8], np.float32))
        return float(smoother.update(3.0, ONE, HAPPY[None], np.array([quality], np.float32))[0, 3])

    assert moved(0.05) < moved(0.4) < moved(1.0)
    assert moved(0.05) < 0.02


def test_no_smoothing_passes_readings_through():
    np.testing.assert_allclose(feed([0, 0.1, 0.2], [SAD, SAD, HAPPY], tau=0), HAPPY, atol=1e-6)


def test_unread_people_keep_their_estimate_and_strangers_have_none():
    smoother = Smoother()
    ids, nan = np.array([1, 2]), np.full((2, 7), np.nan, np.float32)
    probs = nan.copy()
    probs[0] = SAD
    first = smoother.update(0.0, ids, probs, np.ones(2, np.float32))
    later = smoother.update(0.5, ids, nan, np.ones(2, np.float32))
    np.testing.assert_allclose(later[0], first[0], atol=1e-6)
    assert np.isnan(later[1]).all()


def test_a_column_that_is_never_read_stays_unread_and_touches_no_other():
    nan = np.float32(np.nan)
    with_gap = np.array([[*SAD, nan, -0.5], [*HAPPY, nan, 0.5]], np.float32)
    smoother, alone = Smoother(), Smoother()
    for t, row in ((0.0, 0), (0.2, 1), (0.5, 0), (0.6, 1)):
        wide = smoother.update(t, ONE, with_gap[[row]], np.ones(1, np.float32))
        narrow = alone.update(t, ONE, with_gap[[row], :7], np.ones(1, np.float32))
        np.testing.assert_array_equal(wide[:, :7], narrow)
        assert np.isnan(wide[0, 7])
    # sad is -0.5 and happy 0.5 throughout, so their averages go together
    assert wide[0, 8] == pytest.approx((narrow[0, 3] - narrow[0, 4]) / 2, abs=1e-6)
    assert abs(wide[0, 8]) < 0.5


def test_people_are_independent_and_forgotten():
    smoother = Smoother(SmoothingSettings(forget=1.0))
    both = smoother.update(0.0, np.array([1, 2]), np.stack([SAD, HAPPY]), np.ones(2, np.float32))
    np.testing.assert_allclose(both, [SAD, HAPPY], atol=1e-6)
    smoother.update(
        5.0, np.zeros(0, np.int64), np.zeros((0, 7), np.float32), np.zeros(0, np.float32)
    )
    again = smoother.update(5.1, ONE, HAPPY[None], np.ones(1, np.float32))
    np.testing.assert_allclose(again[0], HAPPY, atol=1e-6)


def test_time_may_not_run_backwards():
    with pytest.raises(ValueError, match="time"):
        feed([1.0, 0.5], [SAD, SAD])


@given(
    st.lists(
        st.tuples(st.floats(0, 2), st.floats(0, 1), st.integers(0, 6)), min_size=1, max_size=40
    )
)
def test_estimates_are_distributions(steps):
    smoother, t = Smoother(), 0.0
    for gap, quality, k in steps:
        t += gap
        p = smoother.update(t, ONE, np.eye(7, dtype=np.float32)[[k]], np.array([quality]))
        assert p.min() >= 0
        assert p.sum() == pytest.approx(1, abs=1e-5)
