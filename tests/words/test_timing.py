"""Wall seconds per stage: added up over calls, threads and failures."""

from __future__ import annotations

import threading

import pytest

from moodstream.realtime import timing
from moodstream.realtime.timing import StageTimer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the next look at the clock takes from the front."""
    times: list[float] = []
    monkeypatch.setattr(timing.time, "perf_counter", lambda: times.pop(0))
    return times


def test_stages_add_up(clock: list[float]) -> None:
    timer = StageTimer()
    clock += [0.0, 1.5, 10.0, 10.25, 20.0, 21.0]
    with timer.stage("detect"):
        pass
    with timer.stage("track"):
        pass
    with timer.stage("detect"):
        pass
    assert timer.seconds == {"detect": 2.5, "track": 0.25}
    assert timer.calls == {"detect": 2, "track": 1}


def test_a_stage_inside_another_counts_for_both(clock: list[float]) -> None:
    timer = StageTimer()
    clock += [0.0, 1.0, 3.0, 4.0]
    with timer.stage("all"), timer.stage("part"):
        pass
    assert timer.seconds == {"part": 2.0, "all": 4.0}


def test_a_stage_that_fails_is_timed_and_fails(clock: list[float]) -> None:
    timer = StageTimer()
    clock += [5.0, 7.0]
    with pytest.raises(ZeroDivisionError), timer.stage("detect"):
        _ = 1 / 0
    assert timer.seconds == {"detect": 2.0}


def test_no_call_of_any_thread_is_lost() -> None:
    timer, together = StageTimer(), threading.Barrier(4)

    def work() -> None:
        together.wait(10)
        for _ in range(2000):
            timer.add("detect", 0.5)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert timer.calls == {"detect": 8000}
    assert timer.seconds == {"detect": 4000.0}
