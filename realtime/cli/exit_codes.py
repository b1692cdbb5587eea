"""What the exit codes of every command mean."""

from __future__ import annotations

import signal
from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended; ``docs/exit-codes.md`` says the same to its users."""

    OK = 0
    FOUND_WRONG = 1
    FAILED = 2
    GAVE_UP = 3
    INTERRUPTED = 128 + signal.SIGINT
    BROKEN_PIPE = 141
    TERMINATED = 128 + signal.SIGTERM


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.FOUND_WRONG: "a check found something wrong (doctor, models verify)",
    ExitCode.FAILED: "bad options or input, or not all could be done: one line each says what",
    ExitCode.GAVE_UP: "a source had no signal for too long (live --give-up)",
    ExitCode.INTERRUPTED: "ended by Ctrl-C",
    ExitCode.BROKEN_PIPE: "whoever read the output went away",
    ExitCode.TERMINATED: "ended by SIGTERM",
}


def of_signal(number: int) -> ExitCode:
    """The code of a command that a signal ended."""
    return ExitCode.TERMINATED if number == signal.SIGTERM else ExitCode.INTERRUPTED
