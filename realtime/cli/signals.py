"""Ctrl-C and SIGTERM, for every command: the first ends the work properly, a second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from moodstream.realtime.cli.exit_codes import ExitCode, of_signal

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_Handler = Callable[[int, FrameType | None], object]


class Interrupted(KeyboardInterrupt):
    """A signal breaks off what the main thread does.

    Args:
        number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class EndRequest:
    """Whether a signal has asked for the end.

    Attributes:
        number: Of the first signal, None where there was none.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def exit_code(self) -> ExitCode:
        """That of a command which ends for this reason; OK where there was no signal."""
        return ExitCode.OK if self.number is None else of_signal(self.number)


@contextmanager
def end_on_signal(
    end: Callable[[], object] = lambda: None, asked: EndRequest | None = None
) -> Iterator[EndRequest]:
    """While the block runs, the first signal calls ``end``; a second raises ``Interrupted``.

    Away from the main thread, where signals do not arrive, it does nothing.

    Args:
        end: Asks for the end of the work. It runs between any two steps of the main thread, so it
            must not wait for a lock that this thread may hold.
        asked: Where the signal is noted; by default a new one.
    """
    asked = EndRequest() if asked is None else asked

    def handle(number: int, _: FrameType | None) -> None:
        if asked.number is not None:
            _break_off(number, None)
        asked.number = number
        end()

    with _handled_by(handle):
        yield asked


@contextmanager
def break_off_on_signal() -> Iterator[None]:
    """While the block runs, each signal raises ``Interrupted``, so that it is cleaned up."""
    with _handled_by(_break_off):
        yield


def _break_off(number: int, _: FrameType | None) -> NoReturn:
    raise Interrupted(number)


@contextmanager
def _handled_by(handler: _Handler) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            # None: a handler that Python did not install, and cannot install again
            signal.signal(number, signal.SIG_DFL if earlier is None else earlier)
