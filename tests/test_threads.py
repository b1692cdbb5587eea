"""Threads with an owner: what breaks one of them is heard of, once, and nothing is left behind."""

from __future__ import annotations

import threading

import pytest

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
