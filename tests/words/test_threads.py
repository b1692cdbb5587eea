"""Threads with an owner: what breaks one of them is heard of, once, and nothing is left behind."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest

from moodstream import realtime
from moodstream.realtime.threads import OwnedThread


def test_what_breaks_a_thread_reaches_its_owner_once():
    heard: list[BaseException] = []

    def break_off() -> None:
        raise SystemExit("as bad as it gets")  # no Exception: those are heard of, too

    thread = OwnedThread(break_off, "breaks", heard.append)
    thread.start()
    assert thread.join(10)
    assert isinstance(thread.error, SystemExit)
    assert heard == [thread.error]
    with pytest.raises(SystemExit, match="as bad"):
        thread.raise_error()
    thread.raise_error()  # its owner has it already
    assert thread.error is heard[0]


def test_what_nobody_asks_for_is_logged(caplog):
    def break_off() -> None:
        raise ZeroDivisionError("nobody asks")

    thread = OwnedThread(break_off, "janitor")
    thread.start()
    assert thread.join(10)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "janitor" in caplog.text
    assert "ZeroDivisionError: nobody asks" in caplog.text


def test_a_thread_that_does_its_work_has_no_error():
    done = []
    thread = OwnedThread(lambda: done.append(threading.current_thread()), "works")
    thread.start()
    assert thread.join(10)
    thread.raise_error()
    assert (done[0].name, done[0].daemon, thread.error) == ("works", True, None)


def test_waiting_ends_with_the_timeout_and_the_thread_goes_on():
    go_on = threading.Event()
    thread = OwnedThread(lambda: go_on.wait(60), "waits")
    assert not thread.started
    assert thread.join(0.0)  # not started, so there is nothing to wait for
    thread.start()
    assert thread.started
    assert not thread.join(0.01)
    assert thread.alive
    go_on.set()
    assert thread.join(10)
    assert not thread.alive
    with pytest.raises(RuntimeError):
        thread.start()


def test_no_thread_is_started_without_an_owner():
    code = {path: path.read_text("utf-8") for path in Path(realtime.__file__).parent.rglob("*.py")}
    started = [path.name for path, text in code.items() if re.search(r"\bThread\(", text)]
    assert started == ["threads.py"]
