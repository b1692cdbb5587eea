"""Where a live run's results go: opened before anything is lost, and closed whatever happens."""

from __future__ import annotations

import argparse
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.fakes import HAPPY, OneFace, Says
from support.live_stage import CAMERA
from support.waiting import wait_for

from moodstream.realtime.cli import live
from moodstream.realtime.cli.entry import main
from moodstream.realtime.cli.exit_codes import ExitCode
from moodstream.realtime.cli.signals import end_on_signal
from moodstream.realtime.errors import MoodstreamError, SourceGoneError
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs import window
from moodstream.realtime.outputs.recording.store import STORE, StoreWriter
from moodstream.realtime.outputs.recording.store_reader import StoreReader
from moodstream.realtime.outputs.server.broadcaster import Broadcaster
from moodstream.realtime.outputs.server.server import Server
from moodstream.realtime.outputs.video_chunks import ChunkedVideo
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.sinks import LiveOutputs, LiveSinkSettings
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources.capture import Capture

pytestmark = pytest.mark.usefixtures("no_thread_is_left_over")

ANY_PORT = ("127.0.0.1", 0)


@pytest.fixture
def taken() -> Iterator[tuple[str, int]]:
    with socket.create_server(ANY_PORT) as other:
        yield other.getsockname()


@pytest.fixture
def windows(monkeypatch) -> list[FakeWindow]:
    opened: list[FakeWindow] = []

    def make(title: str) -> FakeWindow:
        opened.append(FakeWindow())
        return opened[-1]

    monkeypatch.setattr(window, "Window", make)
    return opened


class FakeWindow:
    closed = False

    def close(self) -> None:
        self.closed = True

    def poll(self) -> None:
        return None


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A folder with an earlier recording."""
    with StoreWriter(tmp_path / STORE, {"notice": "the earlier one"}, ["a"]):
        pass
    return tmp_path


def recorded_in(folder: Path) -> str:
    with StoreReader(folder / STORE) as store:
        return store.meta["notice"]


def session() -> LiveSession:
    def away(spec, settings, control):
        raise SourceGoneError("away")

    models = Models(OneFace(), Says(HAPPY), {})
    return LiveSession([CAMERA], models, LiveSettings(), opener=away)


def kill(server: Server) -> None:
    """End its thread as a fault in the event loop would."""
    loop = server._loop.result()
    loop.call_soon_threadsafe(loop.stop)
    wait_for(lambda: not server.alive)


# --- the earlier recording ---


def test_a_command_that_is_refused_leaves_the_earlier_recording(recording, taken, capsys):
    video = recording / "clip.mp4"
    video.touch()
    command = ["live", str(video), "--record", str(recording), "--overwrite"]
    assert main([*command, "--serve", f"{taken[0]}:{taken[1]}"]) == 2
    assert "the port is taken" in capsys.readouterr().err
    assert recorded_in(recording) == "the earlier one"


def test_it_is_replaced_only_once_recording_begins(recording):
    settings = LiveSinkSettings(record=recording, overwrite=True)
    with pytest.raises(ZeroDivisionError), LiveOutputs(settings, [CAMERA]):
        raise ZeroDivisionError("the networks cannot be loaded")
    assert recorded_in(recording) == "the earlier one"
    with LiveOutputs(settings, [CAMERA]) as outputs:
        outputs.begin({"notice": "the new one"}, lambda line: None)
    assert recorded_in(recording) == "the new one"
    with StoreReader(recording / STORE) as store:
        assert store.meta["summary"] == {"ended": "failed"}  # nobody said how it ended


def test_without_overwrite_it_stays(recording):
    with (
        pytest.raises(MoodstreamError, match="holds a recording already"),
        LiveOutputs(LiveSinkSettings(record=recording), [CAMERA]),
    ):
        pass
    assert recorded_in(recording) == "the earlier one"


# --- what was opened is closed ---


def test_what_was_opened_before_a_refusal_is_closed(windows, taken):
    settings = LiveSinkSettings(display=True, serve=taken)
    with pytest.raises(MoodstreamError, match="port is taken"), LiveOutputs(settings, [CAMERA]):
        pass
    assert [window.closed for window in windows] == [True]


def test_all_is_closed_when_recording_cannot_begin(windows, tmp_path):
    folder = tmp_path / "gone"
    settings = LiveSinkSettings(display=True, serve=ANY_PORT, record=folder)
    with LiveOutputs(settings, [CAMERA]) as outputs:
        folder.rmdir()
        with pytest.raises(MoodstreamError, match="cannot be written"):
            outputs.begin({}, lambda line: None)
    assert [window.closed for window in windows] == [True]
    assert not outputs.server.alive


def test_every_stage_is_a_context(tmp_path):
    broadcaster = Broadcaster(["camera 0"])

    def away(spec, settings, control):
        raise SourceGoneError("away")

    with (
        Server(broadcaster, *ANY_PORT) as server,
        StoreWriter(tmp_path / STORE, {}, ["a"]) as store,
        ChunkedVideo(tmp_path, "overlay") as video,
        Capture(CAMERA, opener=away) as capture,
        session() as run,
    ):
        with urllib.request.urlopen(f"{server.url}state", timeout=20) as answer:
            assert answer.status == 200
        store.sink(0).gap(0.0, 1.0, "away")
        video.offer(np.zeros((120, 160, 3), np.uint8), 0.0)
        wait_for(lambda: capture.state().status == "no signal")
        assert run.tick()
    assert server.problem is None  # it was told to end
    assert video.path is not None
    with StoreReader(tmp_path / STORE) as reader:
        assert len(list(reader.gaps(0))) == 1


def test_no_video_without_a_folder():
    with pytest.raises(ValueError, match="record_video"):
        LiveSinkSettings(record_video=True)


# --- a recording that fails ---


@pytest.mark.parametrize(
    ("reason", "breaks", "code"),
    [
        ("ended", False, ExitCode.OK),
        ("ended", True, ExitCode.FAILED),
        ("quit", True, ExitCode.FAILED),
        ("gave up", True, ExitCode.GAVE_UP),
    ],
)
def test_what_could_not_be_recorded_is_said_and_no_success(tmp_path, capsys, reason, breaks, code):
    folder = tmp_path / "r"
    args = argparse.Namespace(json=False, quiet=True, record=folder)
    run = session()
    run.end(reason)
    with LiveOutputs(LiveSinkSettings(record=folder), [CAMERA]) as outputs:
        outputs.begin({}, lambda line: None)
        if breaks:
            shutil.rmtree(folder)
            folder.touch()
        outputs.record(0).write(0.0, GroupState(t=0.0, people=0), Faces.none())
        with end_on_signal(lambda: None) as asked:
            assert live.conclude(run, outputs, args, asked) == code
        assert outputs.state(run)["recording"]["lost_rows"] == breaks
    error = capsys.readouterr().err
    assert ("not all could be recorded" in error) == breaks
    assert len(error.splitlines()) == breaks


# --- a page that dies ---


def test_a_run_for_the_page_only_ends_with_it(monkeypatch):
    run = session()
    with LiveOutputs(LiveSinkSettings(serve=ANY_PORT), [CAMERA]) as outputs:
        outputs.begin({}, lambda line: None)
        monkeypatch.setattr(outputs, "turn", lambda session, seconds: kill(outputs.server))
        with pytest.raises(MoodstreamError, match=r"serving: the server has stopped \(.+\)"):
            live.watch(run, outputs, argparse.Namespace(quiet=True))
    assert isinstance(outputs.server.error, RuntimeError)


def test_a_run_that_is_recorded_goes_on_without_the_page_and_says_so(tmp_path):
    said: list[str] = []
    run = session()
    settings = LiveSinkSettings(serve=ANY_PORT, record=tmp_path)
    with LiveOutputs(settings, [CAMERA]) as outputs:
        outputs.begin({}, said.append)
        outputs.publish(run)
        before = len(said)
        kill(outputs.server)
        outputs.publish(run)
        outputs.publish(run)
    assert len(said) == before + 1
    assert said[-1].startswith("serving: the server has stopped (")
