"""Runs so short that a part, a person or the whole of it is over before there is much to tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import moodstream
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.report.summary import terminal_summary
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings
from moodstream.testing import (
    PaintedFaceClassifier,
    PaintedFaceDetector,
    Person,
    ScriptedSource,
)


@pytest.fixture
def painted() -> Models:
    return moodstream.Pipeline(
        detector=PaintedFaceDetector(), classifiers=PaintedFaceClassifier()
    ).load()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    source = ScriptedSource([Person((20, 20, 80, 90), "sad")], seconds=6.5, fps=12)
    return source.write(tmp_path / "talk.mp4")


def run(clip: Path, models: Models, **settings: Any) -> OfflineRun:
    return OfflineRun(
        clip, clip.parent / "results", models, ProcessSettings(video=False, **settings)
    )


@pytest.mark.parametrize("end", [1.0, 2.0, 3.7, 5.0, 6.0])
def test_who_is_there_all_the_time_is_told_in_every_part(
    end: float, clip: Path, painted: Models
) -> None:
    summary = run(clip, painted, end=end).run()
    assert [part["dominant"] for part in summary["mood"]["parts"]] == ["sad"] * 3
    assert "nobody" not in terminal_summary(summary)[2]
    report = (clip.parent / "results" / "report.html").read_text(encoding="utf-8")
    assert "<td>nobody classified</td>" not in report


def test_who_is_there_for_less_than_a_second_is_not_no_face(clip: Path, painted: Models) -> None:
    summary = run(clip, painted, end=0.8).run()
    assert (summary["counts"]["people"], summary["counts"]["people_at_once"]) == (0, 1)
    lines = terminal_summary(summary)
    assert lines[0] == "People      nobody for a second or more (at most 1 at once)"
    assert "sad" in lines[2]
    assert summary["notes"] == ["nobody was in view for a second or more"]


def test_a_group_too_small_to_tell_of_is_said_to_be_so(clip: Path, painted: Models) -> None:
    summary = run(clip, painted, end=3.0, privacy=Privacy.GROUP).run()
    assert terminal_summary(summary)[2] == "Mood        fewer than 3 people"
    report = (clip.parent / "results" / "report.html").read_text(encoding="utf-8")
    assert "There is no diversity to draw: fewer than 3 people at any time." in report


def test_a_run_stopped_before_its_first_figures_is_one_true_line(
    clip: Path, painted: Models
) -> None:
    job = run(clip, painted)
    job.stop()
    summary = job.run()
    frames = summary["counts"]["frames"]
    assert summary["interrupted"]
    assert frames <= 1
    (line,) = terminal_summary(summary)
    assert line == (
        f"Stopped     after {frames} frame{'' if frames == 1 else 's'} of talk.mp4: "
        "too early to say anything"
    )
    assert "no faces were found" not in summary["notes"]
    report = (clip.parent / "results" / "report.html").read_text(encoding="utf-8")
    assert "Stopped too early to say anything" in report
    assert "o faces were found" not in report
