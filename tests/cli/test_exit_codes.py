"""The exit code of each command, for each way to end that is not a signal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from moodstream.realtime.cli import entry, live, photos
from moodstream.realtime.cli.exit_codes import MEANINGS, ExitCode
from moodstream.realtime.diagnostics import doctor
from moodstream.realtime.diagnostics.doctor import Check
from moodstream.realtime.networks.models import Models
from moodstream.realtime.networks.weights import store as weights
from moodstream.realtime.networks.weights.store import WeightStore
from moodstream.samples import fetch as fetching

PAGE = Path(__file__).parents[2] / "docs" / "exit-codes.md"

COMMANDS = (
    *("process", "photos", "live", "dashboard", "export"),
    *("evaluate", "label", "bench", "models", "doctor"),
)


def code_of(*arguments: object) -> int:
    try:
        return entry.main([str(argument) for argument in arguments])
    except SystemExit as stop:  # of argparse
        return -1 if stop.code is None else int(stop.code)


def test_the_page_says_what_the_code_says() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(code): text for code, text in rows} == {int(c): t for c, t in MEANINGS.items()}
    assert set(MEANINGS) == set(ExitCode)


def test_there_is_no_command_that_is_not_tried() -> None:
    (group,) = [a for a in entry.build_parser()._actions if a.metavar == "COMMAND"]
    assert sorted(group.choices or ()) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_refused_in_one_line(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(command, "--no-such-option") == ExitCode.FAILED
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["process", "missing.mp4", "-o", "out"],
        ["process", "missing.mp4", "other.mp4", "-o", "out"],
        ["photos", "missing", "-o", "out"],
        ["live", "missing.mp4", "--models", "embedded"],
        ["dashboard", "--auth", "nobody"],
        ["export", "missing"],
        ["bench", "missing.mp4"],
        ["models", "fetch", "no-such-file"],
        ["models", "verify", "no-such-file"],
    ],
    ids=" ".join,
)
def test_bad_input_is_refused(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert code_of(*arguments) == ExitCode.FAILED
    output = capsys.readouterr()
    assert output.err.startswith("moodstream: ")
    assert "Traceback" not in output.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (None, 0), (False, 1)])
def test_doctor(ok: bool | None, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "checks", lambda: [Check("a", ok, "found", "do it")])
    assert code_of("doctor") == code


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightStore:
    """An empty store, and no network."""
    import urllib.request

    def unplugged(*_: object, **__: object) -> None:
        raise OSError("the cable is unplugged")

    monkeypatch.setattr(urllib.request, "urlopen", unplugged)
    monkeypatch.setattr(urllib.request.OpenerDirector, "open", unplugged)
    store = WeightStore(tmp_path)
    monkeypatch.setattr(weights, "WeightStore", lambda: store)
    return store


def test_models(store: WeightStore, capsys: pytest.CaptureFixture[str]) -> None:
    name = next(name for name in store.known if store.known[name].url)
    assert code_of("models", "list") == ExitCode.OK
    assert code_of("models", "verify", "--all") == ExitCode.OK
    assert code_of("models", "verify", name) == ExitCode.FOUND_WRONG
    assert code_of("models", "fetch", name) == ExitCode.FAILED
    (store.root / name).write_bytes(b"something else")
    assert code_of("models", "verify", name) == ExitCode.FOUND_WRONG
    assert code_of("models", "verify", "--all") == ExitCode.FOUND_WRONG


def test_a_photo_that_cannot_be_read_is_listed_and_skipped(
    networks: Models,
    footage: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(photos, "load_models", lambda args: networks)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    good = footage["single_face.jpg"]
    assert code_of("photos", good, broken, "-o", tmp_path / "out", "--quiet") == ExitCode.OK
    (line,) = capsys.readouterr().err.splitlines()
    assert "broken.jpg" in line
    assert "broken.jpg" in (tmp_path / "out" / "failures.csv").read_text()


def test_bench_without_the_sample_clip_and_without_a_network_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "ERROR: no route to host\n")

    monkeypatch.setenv("MOODSTREAM_SAMPLES", str(tmp_path))
    monkeypatch.setattr(fetching.subprocess, "run", fails)
    assert code_of("bench", "--models", "embedded") == ExitCode.FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("moodstream: cannot fetch the sample footage")
    assert line.endswith("no route to host")


def test_live_has_a_code_for_every_reason_but_signals() -> None:
    from typing import get_args

    from moodstream.realtime.runs.live.session import Reason

    assert set(live.CODES) | {"interrupted"} == set(get_args(Reason))
    assert live.CODES["gave up"] == ExitCode.GAVE_UP
    assert live.CODES["failed"] == ExitCode.FAILED


@pytest.mark.skipif(os.name != "posix", reason="pipes")
def test_whoever_reads_the_output_may_go_away() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "moodstream.realtime.cli", "models", "list"]
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=120
    )
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == ExitCode.BROKEN_PIPE
