"""The command line `moodstream`; its commands are those of ``build_parser``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from moodstream.realtime.cli.exit_codes import ExitCode, of_signal
from moodstream.realtime.cli.logs import configure, told
from moodstream.realtime.cli.signals import break_off_on_signal
from moodstream.realtime.errors import MoodstreamError


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; every command has ``-v``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_argument(
            "-v",
            "--verbose",
            action="count",
            default=argparse.SUPPRESS,  # or a command's default would undo what stood before it
            help="log to stderr what happens; twice for every detail",
        )

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.FAILED, f"{self.prog}: {message} (see --help)\n")


def _version() -> str:
    from importlib.metadata import version

    return f"moodstream {version('moodstream')}"


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(_version())
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The parser of every sub-command; each sets ``func``, which returns the exit code."""
    from moodstream.realtime.cli import (
        bench,
        dashboard,
        evaluate,
        export,
        label,
        live,
        models,
        photos,
        process,
    )

    parser = _Parser(
        prog="moodstream",
        description="How does the room feel? Group emotion over time, from video.",
        epilog="Mood is what faces show, not what people feel. In the EU, inferring emotions of "
        "people at work or in education is prohibited (AI Act, Article 5(1)(f)) except for "
        "medical or safety reasons. Every command and option is explained in docs/cli.md, a first "
        "tour is in README.md, both beside the source code.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands: Any = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", parser_class=_Parser
    )
    process.add_parser(commands)
    photos.add_parser(commands)
    live.add_parser(commands)
    dashboard.add_parser(commands)
    export.add_parser(commands)
    evaluate.add_parser(commands)
    label.add_parser(commands)
    bench.add_parser(commands)
    models.add_parsers(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code, one of ``ExitCode``.

    Bad input is one line on stderr. A signal that the command does not handle breaks it off.

    Args:
        arguments: Those of the command line; by default the process's own.
    """
    args = build_parser().parse_args(arguments)
    configure(getattr(args, "verbose", 0))
    try:
        with break_off_on_signal():
            return int(args.func(args))
    except MoodstreamError as error:
        print(f"moodstream: {told(error)}", file=sys.stderr)
        return ExitCode.FAILED
    except KeyboardInterrupt as interrupt:
        print("moodstream: interrupted", file=sys.stderr)
        return of_signal(getattr(interrupt, "number", signal.SIGINT))
    except BrokenPipeError:
        with suppress(OSError, ValueError):  # or Python tries once more to write what is left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
