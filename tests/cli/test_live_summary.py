"""The last lines of a live run, and the line at the foot of the terminal while it goes on."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from moodstream.realtime.analysis.group.shifts import MoodShift, ShiftStatus
from moodstream.realtime.cli.live import summary_lines
from moodstream.realtime.cli.status_line import StatusLine
from moodstream.realtime.runs.live import state as states


def state(**changes: Any) -> Any:
    source = {"name": "camera 0", "frames": 118, "dropped": 0, "gaps": 0, "reconnects": 0}
    return {"sources": [source | {"detail": None} | changes], "recording": {"lost_rows": 0}}


def test_nothing_is_called_not_shown_where_nothing_is_shown() -> None:
    moods = ["sad 86% at the end"]
    assert summary_lines(state(), moods, None, shown=False) == [
        "camera 0: sad 86% at the end, 118 frames"
    ]
    assert summary_lines(state(dropped=3), moods, None, shown=True) == [
        "camera 0: sad 86% at the end, 118 frames, 3 not shown"
    ]


def test_one_is_not_many_and_no_name_is_said_twice() -> None:
    detail = "camera 0: no such camera (/dev/video0 does not exist)"
    counts = {"frames": 1, "gaps": 1, "reconnects": 2}
    (line,) = summary_lines(state(detail=detail, **counts), ["nobody"], None, shown=False)
    assert line == (
        "camera 0: nobody, 1 frame, 1 gap, 2 reconnects, "
        "no such camera (/dev/video0 does not exist)"
    )


def test_lost_rows_and_the_recording_are_told() -> None:
    lost = state() | {"recording": {"lost_rows": 1}}
    lines = summary_lines(lost, ["nobody"], Path("day"), shown=False)
    assert lines[1] == "1 row could not be recorded"
    assert lines[2].startswith("Recording in day;")


def status_line(
    monkeypatch: pytest.MonkeyPatch, people: int = 1, shift: MoodShift | None = None, t: float = 0.0
) -> str:
    """What is written of one source at ``t`` seconds."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    known = {"name": "camera 0", "status": "live", "people": people, "fps_shown": 30.0}
    known |= {"dominant": None, "probs": None}
    monkeypatch.setattr(states, "stream_state", lambda session, stream: known)
    stream = SimpleNamespace(
        rows=SimpleNamespace(newest_shift=shift), snapshot=SimpleNamespace(t=t)
    )
    session: Any = SimpleNamespace(streams=[stream])
    StatusLine(show=True).update(session)
    return written.getvalue()


@pytest.mark.parametrize(("people", "told"), [(0, "0 people"), (1, "1 person"), (2, "2 people")])
def test_the_status_line_counts_people(
    people: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status_line(monkeypatch, people) == f"\rcamera 0: live, {told}, 30/s"


@pytest.mark.parametrize(
    ("status", "told"),
    [("provisional", " (provisional)"), ("withdrawn", " (withdrawn)"), ("confirmed", "")],
)
def test_the_status_line_tells_a_mood_shift_while_it_is_news(
    status: ShiftStatus, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shift = MoodShift(31.0, "neutral", "happy", 0.3, 32.5, 0.1, 0.6, status)
    line = status_line(monkeypatch, shift=shift, t=33.0)
    assert line == f"\rcamera 0: live, 1 person, from neutral to happy at 0:31{told}, 30/s"
    assert status_line(monkeypatch, shift=shift, t=60.0) == "\rcamera 0: live, 1 person, 30/s"
