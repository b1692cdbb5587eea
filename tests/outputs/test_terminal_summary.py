"""The lines on the terminal after a run."""

from __future__ import annotations

from typing import Any

import pytest

from moodstream.realtime.outputs.report.formatting import clock, duration
from moodstream.realtime.outputs.report.summary import people_notes, terminal_summary


def part(start: float, end: float, dominant: str | None = "happy") -> dict[str, Any]:
    share = {} if dominant is None else {"share": 0.614}
    return {"start": start, "end": end, "dominant": dominant} | share


def shift(t: float) -> dict[str, Any]:
    told = {"t": t, "from": "sad", "to": "happy", "size": 0.3, "noticed": t + 1}
    return told | {"before": 0.08, "after": 0.52, "status": "confirmed"}


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
    parts = [part(0, 3.96, None), part(3.96, 8.04)]
    mood = {"parts": parts, "biggest_shift": shift(3.96)}
    lines = terminal_summary(summary(counts={"seconds": 8.04}, mood=mood))
    assert lines[1:4] == [
        "Duration    8.0 s (2850 frames, talk.mp4)",
        "Mood        0.0 s–4.0 s nobody classified; 4.0 s–8.0 s happy 61%",
        "Shift       from sad to happy at 4.0 s: happy went from 8% to 52%",
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
        (0, 1, "nobody for a second or more (at most 1 at once)"),
    ],
)
def test_people_without_single_people(people: int | None, at_once: int, expected: str) -> None:
    lines = terminal_summary(summary(counts={"people": people, "people_at_once": at_once}))
    assert lines[0] == f"People      {expected}"


@pytest.mark.parametrize(
    ("people", "at_once", "expected"),
    [
        (0, 0, ["no faces were found"]),
        (None, 0, ["no faces were found"]),
        (0, 1, ["nobody was in view for a second or more"]),
        (None, 1, []),
        (1, 1, []),
    ],
)
def test_a_note_says_how_few_people_there_were(
    people: int | None, at_once: int, expected: list[str]
) -> None:
    assert people_notes(people, at_once) == expected


def test_what_holds_of_all_parts_is_said_once() -> None:
    mood = {"parts": [part(0, 1, None), part(1, 2, None), part(2, 3, None)]}
    lines = terminal_summary(summary(counts={"seconds": 3.0}, mood=mood))
    assert lines[2] == "Mood        nobody classified"


@pytest.mark.parametrize(
    ("privacy", "at_once", "expected"),
    [
        ("group", 2, "fewer than 3 people"),
        ("group", 0, "nobody classified"),
        ("blur", 2, "nobody classified"),
        ("off", 2, "nobody classified"),
    ],
)
def test_a_group_too_small_is_not_nobody(privacy: str, at_once: int, expected: str) -> None:
    changes: dict[str, Any] = {
        "counts": {"people_at_once": at_once},
        "mood": {"parts": [part(0, 50, None), part(50, 95, None)]},
    }
    whole = summary(**changes) | {"settings": {"privacy": privacy}}
    assert terminal_summary(whole)[2] == f"Mood        {expected}"
    changes["mood"]["parts"][1] = part(50, 95)
    whole = summary(**changes) | {"settings": {"privacy": privacy}}
    assert terminal_summary(whole)[2] == f"Mood        0:00–0:50 {expected}; 0:50–1:35 happy 61%"


@pytest.mark.parametrize(("frames", "rows", "told"), [(1, 1, "1 frame"), (0, 0, "0 frames")])
def test_a_run_stopped_at_once_is_one_line(frames: int, rows: int, told: str) -> None:
    counts = {"seconds": 0.04, "frames": frames, "rows": rows}
    stopped = summary(counts=counts) | {"interrupted": True}
    assert terminal_summary(stopped) == [
        f"Stopped     after {told} of talk.mp4: too early to say anything"
    ]
    later = summary() | {"interrupted": True}
    assert len(terminal_summary(later)) == 5


def test_one_is_not_many() -> None:
    counts = {"seconds": 0.04, "frames": 1, "rows": 1}
    assert "(1 frame, talk.mp4)" in terminal_summary(summary(counts=counts))[1]
    mood = {"parts": [part(k, k + 1) for k in range(7)]}
    assert terminal_summary(summary(mood=mood))[2].endswith("; and 1 more part")


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
