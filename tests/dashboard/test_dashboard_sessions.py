"""Open pages and what runs for them: how many there may be, and that all of it ends."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest
from support.asking import ANN, BOB, one_face
from support.media import moving_blob, write_video
from support.waiting import wait_for

from moodstream.realtime.dashboard import handlers
from moodstream.realtime.dashboard.limits import Limits
from moodstream.realtime.dashboard.live_run import LiveTuning
from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.dashboard.source_policy import AllowedSources
from moodstream.realtime.dashboard.video_job import Upload
from moodstream.realtime.errors import BusyError, MoodstreamError
from moodstream.realtime.outputs.server.broadcaster import Broadcaster
from moodstream.realtime.outputs.server.server import Server


def test_streams_and_pages_have_a_limit() -> None:
    registry = Registry(one_face(), limits=Limits(streams=1, pages=2))
    try:
        one, two = registry.open("1", ANN), registry.open("2", BOB)
        with pytest.raises(BusyError, match="too many pages"):
            registry.open("3", ANN)
        registry.start_live(one, "browser")
        with pytest.raises(BusyError, match="as many as fit"):
            registry.start_live(two, "browser")
        registry.start_live(one, "browser")  # one's own place is free again
        registry.stop_live(one)
        registry.start_live(two, "browser")
        with pytest.raises(MoodstreamError, match="not allowed"):
            registry.start_live(one, "rtsp://10.0.0.1/x")
    finally:
        registry.close()
    assert not registry.root.exists()


def test_silent_pages_go_away_with_all_they_have(tmp_path: Path) -> None:
    before = threading.active_count()
    registry = Registry(one_face(), limits=Limits(silence_s=1.0, leaving_s=0.1))
    try:
        clip = write_video(tmp_path / "clip.mp4", moving_blob(25))
        silent, closed = registry.open("silent", ANN), registry.open("closed", BOB)
        for session in (silent, closed):
            registry.start_live(session, "browser")
        registry.start_video(silent, Upload("clip.mp4", lambda: clip, keep=True))
        runs = [silent.live, closed.live]
        registry.page_left("closed")
        wait_for(lambda: len(registry) == 1, 5)
        wait_for(lambda: len(registry) == 0)
        wait_for(lambda: all(run is not None and run.over for run in runs))
        wait_for(lambda: not list(registry.root.iterdir()))
        assert clip.exists()
        with pytest.raises(MoodstreamError, match="reload"):
            registry.start_live(silent, "browser")
    finally:
        registry.close()
    wait_for(lambda: threading.active_count() <= before)


def test_what_a_killed_dashboard_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"moodstream-dashboard-{ended.pid}-x"
    other = tmp_path / "moodstream-dashboard-notes"
    left.mkdir()
    other.mkdir()
    registry = Registry(one_face())
    registry.close()
    assert not left.exists()
    assert other.exists()


def test_window_and_smoothing_stay_within_bounds(site: tuple[str, Registry]) -> None:
    assert handlers.within("7", handlers.WINDOW_RANGE_S) == 7
    assert handlers.within(1e9, handlers.WINDOW_RANGE_S) == 60
    session = site[1].open("tuning", ANN)
    site[1].set_tuning(session, LiveTuning(9.0, 0.1))
    assert session.tuning == LiveTuning(9.0, 0.1)


def test_an_allowed_stream_is_shown_and_no_password_with_it() -> None:
    broadcaster = Broadcaster(["room"])
    camera = Server(broadcaster, port=0)
    camera.start()
    address = f"127.0.0.1:{camera.address[1]}"
    registry = Registry(one_face(), AllowedSources.parse([f"http://{address}/*"]))
    try:
        session = registry.open("page", ANN)
        registry.start_live(session, f"http://ann:s3cret@{address}/video?key=hidden")
        run = session.live

        def shown() -> bool:
            broadcaster.picture(0, np.full((120, 160, 3), 90, np.uint8))
            return run is not None and run.picture() is not None

        wait_for(shown)
        state = json.dumps(run.state())
        assert address in state
        assert "s3cret" not in state
        assert "hidden" not in state
    finally:
        registry.close()
        camera.stop()
    assert run.over
