"""Signals end every command the same way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.media import moving_blob, write_video
from support.waiting import wait_for

from moodstream.realtime.cli import entry
from moodstream.realtime.cli.signals import Interrupted, break_off_on_signal, end_on_signal
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.runs.offline.process import OUTPUTS

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals")

CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def receive(number: int) -> None:
    """Send a signal to this process, which has handled it on return."""
    signal.raise_signal(number)


@pytest.fixture(autouse=True)
def handlers_are_as_before() -> Iterator[None]:
    before = [signal.getsignal(number) for number, _ in CODES]
    yield
    assert [signal.getsignal(number) for number, _ in CODES] == before


@pytest.mark.parametrize(("number", "code"), CODES)
def test_the_first_asks_for_the_end_and_the_second_breaks_off(number: int, code: int) -> None:
    asked_for: list[str] = []
    with end_on_signal(lambda: asked_for.append("end")) as asked:
        assert asked.number is None
        assert asked.exit_code == 0
        receive(number)
        assert asked_for == ["end"]
        for second, _ in CODES:  # whichever it is, and however often
            with pytest.raises(Interrupted) as caught:
                receive(second)
            assert caught.value.number == second
    assert asked_for == ["end"]
    assert asked.number == number
    assert asked.exit_code == code


def test_away_from_the_main_thread_nothing_is_handled() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with end_on_signal() as asked, break_off_on_signal():
            seen.append((asked.number, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(None, before)]


@pytest.mark.parametrize(("number", "code"), CODES)
@pytest.mark.parametrize(
    "command",
    [
        ["process", "v.mp4", "-o", "out"],
        ["photos", "folder", "-o", "out"],
        ["live", "0"],
        ["dashboard"],
        ["export", "recording"],
        ["label", "project"],
        ["bench"],
        ["models", "list"],
        ["doctor"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_cleans_up_and_ends_with_the_code_of_the_signal(
    command: list[str],
    number: int,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = entry.build_parser()
    cleaned: list[bool] = []

    def run(args: object) -> int:
        try:
            receive(number)
        finally:
            cleaned.append(True)
        return 0

    parsed = parser.parse_args(command)
    parsed.func = run
    monkeypatch.setattr(entry, "build_parser", lambda: Parsed(parsed))
    assert entry.main([]) == code
    assert cleaned == [True]
    assert capsys.readouterr().err == "moodstream: interrupted\n"


class Parsed:
    """A parser that has parsed already."""

    def __init__(self, args: object) -> None:
        self._args = args

    def parse_args(self, arguments: object) -> object:
        return self._args


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "moodstream.realtime.cli", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    def running_and_true() -> bool:
        assert process.poll() is None, process.stderr and process.stderr.read()
        return condition()

    wait_for(running_and_true, 120)


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video so long that no machine is through before the signal comes."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return write_video(path, moving_blob(6_000, size=(64, 48)))


@pytest.mark.parametrize(("number", "code"), CODES)
def test_process_keeps_what_is_done_and_begins_no_other_video(
    number: int, code: int, long_video: Path, tmp_path: Path
) -> None:
    videos = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for video in videos:
        video.write_bytes(long_video.read_bytes())
    out = tmp_path / "out"
    part = out / "a" / "overlay.mp4.part"
    options = ["-o", out, "--models", "embedded", "--json", "--quiet"]
    with running("process", *videos, *options) as process:
        until(lambda: part.exists() and part.stat().st_size > 10_000, process)
        process.send_signal(number)
        text, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    assert errors == ""
    (summary,) = json.loads(text)
    assert summary["interrupted"]
    assert [folder.name for folder in out.iterdir()] == ["a"]
    assert sorted(path.name for path in (out / "a").iterdir()) == sorted(OUTPUTS)


def test_a_second_signal_ends_process_at_once_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from moodstream.realtime.runs.offline.process import OfflineRun

    video = write_video(tmp_path / "v.mp4", moving_blob(100))
    go = OfflineRun.run

    def twice(self: OfflineRun, tick: object = None) -> object:
        def hit(progress: object) -> None:
            receive(signal.SIGINT)
            receive(signal.SIGTERM)

        return go(self, hit)

    monkeypatch.setattr(OfflineRun, "run", twice)
    out = tmp_path / "out"
    assert entry.main(["process", str(video), "-o", str(out), "--models", "embedded"]) == 143
    assert capsys.readouterr().err == "moodstream: interrupted\n"
    assert not out.exists()


def test_the_dashboard_waits_for_a_signal_and_notes_a_server_that_ends() -> None:
    from moodstream.realtime.cli.dashboard import _wait

    class Server:
        def __init__(self, number: int | None) -> None:
            self.number = number

        def wait(self, seconds: float) -> bool:
            if self.number is None:
                return True
            receive(self.number)
            return False

    for number, code in CODES:
        assert _wait(Server(number)) == code
    with pytest.raises(MoodstreamError, match="broke off"):
        _wait(Server(None))
