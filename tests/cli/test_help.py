"""What `--help` says: of every option what it does, in which unit, and what it is by default."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator

import pytest

from moodstream.realtime.cli.entry import build_parser

# what a metavar means, and the words of which a help text has to have one
UNITS = {"SECONDS": ("seconds",), "PIXELS": ("px",), "MILLISECONDS": ("ms",), "MEGABYTES": ("MB",)}
FORMER = {"--aggregation", "--mix", "--front-end"}


def commands(
    parser: argparse.ArgumentParser, name: str = "moodstream"
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The program and every command, by name."""
    yield name, parser
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for word, child in action.choices.items():
                yield from commands(child, f"{name} {word}")


COMMANDS = dict(commands(build_parser()))


def shown(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The options and arguments of a command that its help lists."""
    return [
        action
        for action in parser._actions
        if not isinstance(action.choices, dict) and not FORMER & set(action.option_strings)
    ]


def with_value(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The options that take a value."""
    return [a for a in shown(parser) if a.option_strings and a.nargs != 0]


def wants_default(action: argparse.Action) -> bool:
    return not action.required and action.default not in (None, [], argparse.SUPPRESS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    silent = [
        a.option_strings or a.dest for a in shown(COMMANDS[name]) if not (a.help or "").strip()
    ]
    assert silent == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_that_has_a_default_says_it(name: str) -> None:
    said = {}
    for action in filter(wants_default, with_value(COMMANDS[name])):
        default = action.default
        text = f"{default:g}" if isinstance(default, float) else str(default)
        texts = {"start": ["its beginning"], "shift_threshold": ["0.06"]}.get(action.dest, [text])
        if not any(f"({text}" in str(action.help) for text in texts):
            said[action.option_strings[-1]] = action.help
    assert said == {}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_value_has_a_name_in_words_and_its_unit(name: str) -> None:
    wrong = {}
    for action in with_value(COMMANDS[name]):
        if action.choices is None and action.metavar is None:
            wrong[action.option_strings[-1]] = "no metavar"
        units = UNITS.get(str(action.metavar), ("",))
        if not any(unit in str(action.help) for unit in units):
            wrong[action.option_strings[-1]] = action.help
    assert wrong == {}


@pytest.mark.parametrize("width", ["40", "80", "200"])
@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_can_be_printed_however_wide_the_terminal(
    name: str, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    text = COMMANDS[name].format_help()
    assert "SUPPRESS" not in text
    assert not any(former in text for former in FORMER)


def test_the_help_of_the_program_says_where_there_is_more() -> None:
    epilog = inspect.cleandoc(build_parser().epilog or "")
    assert "docs/cli.md" in epilog
    assert "README.md" in epilog


@pytest.mark.parametrize("command", ["process", "live", "bench", "photos"])
def test_plain_words(command: str) -> None:
    parser = COMMANDS[f"moodstream {command}"]
    text = " ".join(parser.format_help().split())
    assert not [word for word in ("Saerens", "JSD", "temperature", "figures:") if word in text]
    assert "analysis:" in text
