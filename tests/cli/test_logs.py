"""What is logged, where it goes, and that no password goes with it."""

from __future__ import annotations

import argparse
import importlib
import io
import logging
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from support.fakes import OneFace, Says

from moodstream.realtime.cli import logs
from moodstream.realtime.cli.entry import build_parser, main
from moodstream.realtime.errors import EndOfSourceError, SourceGoneError
from moodstream.realtime.frames import GroupState
from moodstream.realtime.networks.models import Models
from moodstream.realtime.outputs.recording import store
from moodstream.realtime.outputs.recording.store import STORE, StoreWriter
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.sources import network
from moodstream.realtime.sources.base import ReaderWatchdog, SourceInfo, SourceSpec
from moodstream.realtime.sources.capture import CaptureSettings
from moodstream.realtime.sources.network import BacklogSkipper, NetworkReader

SECRET = "rtsp://me:secret@cam/a"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    logger = logging.getLogger("moodstream")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def log_all() -> None:
    logger = logging.getLogger("moodstream.realtime.something")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        logger.log(level, "%s at level %d", SECRET, level)


@pytest.mark.parametrize(("verbosity", "lines"), [(0, 1), (1, 3), (2, 4), (9, 4)])
def test_more_is_logged_the_more_is_asked_for(capsys, verbosity, lines):
    logs.configure(2)
    logs.configure(verbosity)  # in place of the one before
    log_all()
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == lines
    assert "moodstream.realtime.something: rtsp://***@cam/a at level 40" in err
    assert "secret" not in err


def test_no_password_in_a_traceback(capsys):
    logs.configure(1)
    try:
        raise OSError(f"{SECRET} does not answer")
    except OSError:
        logging.getLogger("moodstream.x").exception("broke")
    err = capsys.readouterr().err
    assert "OSError: rtsp://***@cam/a" in err
    assert "secret" not in err


def test_a_line_of_the_log_takes_the_place_of_the_status_line(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    logs.configure(1)
    terminal.write("\rcamera 0: live, 3 people")
    logging.getLogger("moodstream.x").info("reconnected")
    status, line = terminal.getvalue().split("\r\x1b[K")
    assert status.endswith("3 people")
    assert line.endswith("INFO moodstream.x: reconnected\n")


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from commands(command)


def test_every_command_can_be_verbose():
    found = list(commands(build_parser()))
    assert len(found) > 12
    assert [c.prog for c in found if "--verbose" not in c._option_string_actions] == []
    assert build_parser().parse_args(["doctor", "-vv"]).verbose == 2
    assert build_parser().parse_args(["-v", "doctor"]).verbose == 1


def test_a_command_sets_the_log_up(capsys, tmp_path):
    assert main(["live", str(tmp_path / "none.mp4"), "-v"]) == 2
    assert logging.getLogger("moodstream").level == logging.INFO
    assert main(["live", str(tmp_path / "none.mp4")]) == 2
    assert not logging.getLogger("moodstream.realtime.sources.capture").isEnabledFor(logging.INFO)


# --- what the parts have to say ---


class Camera:
    """Two pictures, a loss, two pictures, and the end."""

    info = SourceInfo("whatever", 160, 120, Fraction(50), None, "h264", False)

    def __init__(self) -> None:
        image = np.full((120, 160, 3), 128, np.uint8)
        image[::2] = 30
        lost = SourceGoneError(f"{SECRET}?token=secret: lost")
        self.steps = iter([image, image, lost, image, image, EndOfSourceError("over")])

    def __call__(self, spec, settings, control):
        return self

    def read(self):
        step = next(self.steps)
        if isinstance(step, Exception):
            raise step
        return step, None

    def close(self):
        pass


def test_a_session_logs_what_becomes_of_its_sources(caplog):
    caplog.set_level(logging.DEBUG, "moodstream")
    session = LiveSession(
        [SourceSpec("network", SECRET, "rtsp://cam/a")],
        Models(OneFace(), Says(np.eye(7, dtype=np.float32)[3]), {}),
        LiveSettings(capture=CaptureSettings(first_wait=0.01)),
        opener=Camera(),
    )
    with session:
        end = time.monotonic() + 30
        while session.tick():
            assert time.monotonic() < end
            threading.Event().wait(0.01)
    messages = [record.getMessage() for record in caplog.records]
    assert "rtsp://cam/a: open, 160x120 h264" in messages
    assert any(
        line.startswith("rtsp://***@cam/a") and "trying again in" in line for line in messages
    )
    assert "rtsp://cam/a: reconnected (1)" in messages
    assert "rtsp://cam/a: ended" in messages
    assert "secret" not in caplog.text


def test_rows_that_are_dropped_are_logged_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(store, "_MAX_WAITING_S", 1.0)
    with StoreWriter(tmp_path / STORE, {}, ["a"], commit_every=60.0) as writer:
        for k in range(20):
            writer.sink(0).write(k / 5, GroupState(t=k / 5, people=0), _nobody())
        assert writer.lost == 15
    dropped = [r for r in caplog.records if "rows are dropped" in r.getMessage()]
    assert [r.levelname for r in dropped] == ["WARNING"]


def _nobody():
    from moodstream.realtime.frames import Faces

    return Faces.none()


def test_packets_that_are_skipped_are_logged_and_counted(caplog, monkeypatch):
    caplog.set_level(logging.INFO, "moodstream")
    now = [0.0]
    monkeypatch.setattr(network, "time", SimpleNamespace(monotonic=lambda: now[0]))
    reader = NetworkReader.__new__(NetworkReader)  # nothing is opened: only its packets matter
    reader._skipper, reader._pacer, reader._skipped = BacklogSkipper(1.0), None, 0
    reader._name = "rtsp://cam/a"

    def packet(at: float, media: float, key: bool = False) -> bool:
        now[0] = at
        stamp = SimpleNamespace(
            dts=round(media * 1000), pts=None, time_base=Fraction(1, 1000), is_keyframe=key
        )
        return reader._is_skipped(stamp)

    assert not packet(0.0, 0.0, key=True)
    assert [packet(2.0, 0.04), packet(2.0, 0.08), packet(2.0, 0.12, key=True)] == [1, 1, 0]
    assert packet(2.0, 0.16)
    assert not packet(2.0, 2.0, key=True)  # there again
    assert not packet(2.04, 2.04)
    assert [record.getMessage() for record in caplog.records] == [
        "rtsp://cam/a: decoding is behind, packets are skipped",
        "rtsp://cam/a: caught up, 3 packets were skipped",
    ]


def test_a_pyav_whose_clock_cannot_be_replaced_is_logged(caplog, monkeypatch):
    core = importlib.import_module("av.container.core")
    monkeypatch.setattr(core, "time", SimpleNamespace(monotonic=time.monotonic))
    network.warn_of_slow_stops.cache_clear()
    control = ReaderWatchdog()
    network.interrupt_by(control)
    network.interrupt_by(control)
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "PyAV" in caplog.text
    monkeypatch.setattr(core, "time", time)
    caplog.clear()
    network.interrupt_by(control)
    network.interrupt_by(control)
    assert isinstance(core.time, network._Clock)
    assert caplog.records == []
