"""Packets of a backlog are skipped, and bursts of pictures are spread over time."""

from __future__ import annotations

import numpy as np
import pytest

from moodstream.realtime.sources.pacing import BacklogSkipper, PlaybackPacer


def play(skipper, arrivals, fps=25.0, gop=50):
    """Which of the packets that arrive at these times are skipped."""
    return [skipper.skip(t, k / fps, k % gop == 0) for k, t in enumerate(arrivals)]


def test_a_stream_in_time_is_decoded_whole():
    jitter = np.random.default_rng(1).uniform(0, 0.3, 5000)
    assert not any(play(BacklogSkipper(1.0), np.arange(5000) / 25 + jitter))


def test_a_slow_clock_is_no_backlog():
    assert not any(
        play(BacklogSkipper(1.0), np.arange(250_000) / 25 * 1.0005)
    )  # 5 s late in the end


def test_a_first_burst_is_no_backlog():
    at = np.maximum(np.arange(500) / 25 - 2.0, 0.0)  # two seconds at once, then live
    assert not any(play(BacklogSkipper(1.0), at))


def test_falling_behind_skips_all_but_key_frames_until_it_has_caught_up():
    """Decoding takes 60 ms of a 40 ms frame; skipping a packet takes 1 ms."""
    skipper, now, skipped, lag = BacklogSkipper(1.0), 0.0, [], []
    for k in range(3000):
        now = max(now, k / 25)
        lag.append(now - k / 25)
        skipped.append(skipper.skip(now, k / 25, k % 50 == 0))
        now += 0.001 if skipped[-1] else 0.06
    assert max(lag) < 1.2
    assert not any(skipped[::50])  # never a key frame
    runs = np.flatnonzero(np.diff(skipped, prepend=False) & ~np.array(skipped))
    assert all(run % 50 == 0 for run in runs)  # and it goes on only with one
    assert 0.2 < np.mean(skipped) < 0.8


def test_what_never_catches_up_is_taken_as_it_is():
    """A pause of the source that its time stamps leave out is not a backlog that could shrink."""
    at = np.arange(2000) / 25 + np.where(np.arange(2000) > 300, 4.0, 0.0)
    skipped = play(BacklogSkipper(1.0), at)
    assert any(skipped[300:560])
    assert not any(skipped[620:])


@pytest.mark.parametrize("leap", [-500.0, 500.0])
def test_new_time_stamps_start_anew(leap):
    skipper = BacklogSkipper(1.0)
    for k in range(2000):
        media = k / 25 + (leap if k > 1000 else 0.0)
        assert not skipper.skip(k / 25, media, False)


def test_bursts_are_spread():
    pacer, now = PlaybackPacer(), 100.0
    for k in range(250):  # a burst a second
        now = max(now, 100.0 + k // 25)
        now += pacer.wait(now, 7.0 + k / 25)
        assert now == pytest.approx(100.0 + k / 25, abs=1e-6)
    assert pacer.wait(now + 3.0, 17.0) == 0.0  # three seconds late: from here on
    assert pacer.wait(now + 3.0, 17.04) == pytest.approx(0.04)
    assert pacer.wait(now + 3.0, 900.0) == pytest.approx(0.0)  # new time stamps
