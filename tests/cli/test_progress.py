"""Progress bars: drawn on a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from support.asking import one_face
from support.media import moving_blob, write_video

from moodstream.realtime.cli.progress import progress, video_progress
from moodstream.realtime.runs.offline.process import OfflineRun, ProcessSettings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


KINDS = pytest.mark.parametrize("kind", ["terminal", "pipe", "quiet"])


def stderr(kind: str, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the bar is drawn on: a pipe or a terminal."""
    stream = io.StringIO() if kind == "pipe" else Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@KINDS
def test_stages_follow_one_another(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stderr(kind, monkeypatch)
    with progress(kind != "quiet") as on_progress:
        for stage in ("reading", "writing"):
            for done in range(4):
                on_progress(stage, done, 3)
    if kind == "terminal":
        assert "writing" in stream.getvalue()
        assert "100%" in stream.getvalue()
    else:
        assert stream.getvalue() == ""


@KINDS
def test_a_video(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stderr(kind, monkeypatch)
    video = write_video(tmp_path / "v.mp4", moving_blob(30))
    job = OfflineRun(video, tmp_path / "out", one_face(), ProcessSettings(video=False))
    with video_progress(job, kind != "quiet") as on_progress:
        job.run(on_progress)
    if kind == "terminal":
        assert "v.mp4" in stream.getvalue()
        assert " 97%" in stream.getvalue()  # the last of 30 frames begins there
    else:
        assert stream.getvalue() == ""
