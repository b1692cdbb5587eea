"""The lines on the terminal after a run."""

from __future__ import annotations

from typing import Any

import pytest

from moodstream.realtime.outputs.report.formatting import clock, duration
from moodstream.realtime.outputs.report.summary import terminal_summary


def part(start: float, end: float, dominant: str | None = "happy") -> dict[str, Any]:
    share = {} if dominant is None else {"share": 0.614}
    return {"start": start, "end": end, "dominant": dominant} | share


def shift(t: float) -> dict[str, Any]:
    return {"t": t, "from": "sad", "to": "happy", "size": 0.3, "noticed": t + 1}


def summary(**changes: Any) -> Any:
    counts = {"seconds": 95.0, "rows": 475, "people": 3, "people_at_once": 2, "frames": 2850}
    mood = {"parts": [part(0, 95)], "shifts": 0, "biggest_shift": None}
    speed = {"times_real_time": 4.25, "frames_per_second": 127.4}
    return {
        "source": {"name": "talk.mp4"},
        "counts": counts | changes.get("counts", {}),
        "mood": mood | changes.get("mood", {}),
    } | changes.get("kind", {"speed": speed})


def test_a_video_is_five_lines() -> None:
    assert terminal_summary(summary()) == [
        "People      3 (at most 2 at once)",
        "Duration    1:35 (2850 frames, talk.mp4)",
        "Mood        0:00–1:35 happy 61%",
        "Shift       none",
        "Speed       4.2 × real time (127 frames/s)",
    ]


def test_short_runs_have_tenths_of_seconds() -> None:
    mood = {"parts": [part(0, 8.04, None)], "biggest_shift": shift(3.96)}
    lines = terminal_summary(summary(counts={"seconds": 8.04}, mood=mood))
    assert lines[1:4] == [
        "Duration    8.0 s (2850 frames, talk.mp4)",
        "Mood        0.0 s–8.0 s nobody classified",
        "Shift       sad → happy at 4.0 s (JSD 0.30)",
    ]


def test_a_recording_has_gaps_and_no_speed() -> None:
    some = summary(counts={"gaps": 2, "gap_seconds": 75.0}, kind={})
    none = summary(counts={"gaps": 0, "gap_seconds": 0.0}, kind={})
    assert terminal_summary(some)[-1] == "Gaps        2, 1:15 in all without a picture"
    assert terminal_summary(none)[-1] == "Gaps        none"


@pytest.mark.parametrize(
    ("people", "at_once", "expected"),
    [
        (0, 0, "none: no faces were found"),
        (None, 0, "none: no faces were found"),
        (None, 4, "at most 4 at once"),
        (1, 1, "1 (at most 1 at once)"),
    ],
)
def test_people_without_single_people(people: int | None, at_once: int, expected: str) -> None:
    lines = terminal_summary(summary(counts={"people": people, "people_at_once": at_once}))
    assert lines[0] == f"People      {expected}"


@pytest.mark.parametrize(("parts", "shown", "more"), [(6, 6, None), (8, 6, "and 2 more parts")])
def test_many_parts_are_shortened(parts: int, shown: int, more: str | None) -> None:
    mood = {"parts": [part(10 * k, 10 * k + 10) for k in range(parts)]}
    pieces = terminal_summary(summary(mood=mood))[2].removeprefix("Mood        ").split("; ")
    assert pieces[:shown] == [f"{clock(10 * k)}–{clock(10 * k + 10)} happy 61%" for k in range(6)]
    assert pieces[shown:] == ([] if more is None else [more])


@pytest.mark.parametrize(
    ("seconds", "as_clock", "as_duration"),
    [
        (0, "0:00", "0 s"),
        (59.4, "0:59", "59 s"),
        (59.6, "1:00", "1:00"),
        (3599.6, "1:00:00", "1:00:00"),
        (3725, "1:02:05", "1:02:05"),
    ],
)
def test_times_as_people_write_them(seconds: float, as_clock: str, as_duration: str) -> None:
    assert (clock(seconds), duration(seconds)) == (as_clock, as_duration)
