"""JSON label files, and errors that name the entry that is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.labels.record import read_text


def read_json(path: Path) -> Any:
    """The content of a file.

    Raises:
        MoodstreamError: It is no JSON; names the line.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise MoodstreamError(f"{path}: line {error.lineno}: not JSON ({error.msg})") from None
    except (RecursionError, ValueError):  # nested too deep, or a number of thousands of digits
        raise MoodstreamError(f"{path}: not JSON that can be read") from None


def write_json(path: Path, content: Any) -> None:
    """Write JSON, an entry of a list on each line."""
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def entry(path: Path, name: str) -> Iterator[None]:
    """Around code that reads one entry: what is wrong with it becomes a MoodstreamError."""
    try:
        yield
    except KeyError as error:
        raise MoodstreamError(f"{path}: {name}: has no {error.args[0]}") from None
    except (TypeError, AttributeError, IndexError):
        raise MoodstreamError(f"{path}: {name}: is not built as expected") from None
    except ValueError as error:
        raise MoodstreamError(f"{path}: {name}: {error}") from None


def items(path: Path, content: dict[str, Any], name: str) -> list[Any]:
    """The list of that name in an object, empty where there is none.

    Raises:
        MoodstreamError: It is something else.
    """
    entries = content.get(name) or []
    if not isinstance(entries, list):
        raise MoodstreamError(f"{path}: {name}: expected a list")
    return entries


def text_of(value: object, what: str) -> str:
    """A text that is not empty.

    Raises:
        ValueError: It is; the message names ``what`` it should be.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{what} is {value!r}, expected a text")
    return value
