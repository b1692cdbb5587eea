"""The dashboard's limits and ends, and its command."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from support.asking import ANN, BOB, Asker, one_face
from support.browser import command
from support.media import moving_blob, write_video
from support.waiting import wait_for

from moodstream.realtime.cli.entry import build_parser, main
from moodstream.realtime.dashboard.live_run import LiveTuning
from moodstream.realtime.dashboard.sessions import Limits, Registry
from moodstream.realtime.dashboard.source_policy import AllowedSources
from moodstream.realtime.dashboard.video_job import Upload
from moodstream.realtime.errors import BusyError, MoodstreamError

# --- limits and ends ---


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
    registry = Registry(one_face(), limits=Limits(silence=1.0, leaving=0.1))
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
    import subprocess
    import tempfile

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


def test_figures_stay_within_bounds(site: tuple[str, Registry]) -> None:
    from moodstream.realtime.dashboard import handlers

    assert handlers._within("7", handlers.WINDOW) == 7
    assert handlers._within(1e9, handlers.WINDOW) == 60
    session = site[1].open("figures", ANN)
    site[1].set_figures(session, LiveTuning(9.0, 0.1))
    assert session.figures == LiveTuning(9.0, 0.1)


def test_an_allowed_stream_is_shown_and_no_password_with_it() -> None:
    from moodstream.realtime.outputs.server.broadcaster import Broadcaster
    from moodstream.realtime.outputs.server.server import Server

    hub = Broadcaster(["room"])
    camera = Server(hub, port=0)
    camera.start()
    address = f"127.0.0.1:{camera.address[1]}"
    registry = Registry(one_face(), AllowedSources.parse([f"http://{address}/*"]))
    try:
        session = registry.open("page", ANN)
        registry.start_live(session, f"http://ann:s3cret@{address}/video?key=hidden")
        run = session.live

        def shown() -> bool:
            hub.picture(0, np.full((120, 160, 3), 90, np.uint8))
            return run is not None and run.picture() is not None

        wait_for(shown)
        told = json.dumps(run.state())
        assert address in told
        assert "s3cret" not in told
        assert "hidden" not in told
    finally:
        registry.close()
        camera.stop()
    assert run.over


# --- the command ---


def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    with command(tmp_path, "--auth", "ann:pw") as (process, url):
        assert Asker(url)("/")[0] == 401
        assert Asker(url, auth="ann:pw")("/")[0] == 200
        assert len(list(tmp_path.glob("moodstream-dashboard-*"))) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not list(tmp_path.glob("moodstream-*"))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--auth", "ann"], "--auth: expected USER:PASSWORD"),
        (["--auth", ":pw"], "--auth: expected USER:PASSWORD"),
        (["--allow-source", "x"], "--allow-source 'x'"),
    ],
)
def test_bad_options_are_one_line(
    options: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", *options]) == 2
    assert line in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_line(site: tuple[str, Registry]) -> None:
    from moodstream.realtime.dashboard.server import DashboardServer

    with pytest.raises(MoodstreamError, match="cannot be listened on"):
        DashboardServer(lambda *_: None, "127.0.0.1", urlsplit(site[0]).port or 0)
    assert build_parser().parse_args(["dashboard"]).port == 7860
