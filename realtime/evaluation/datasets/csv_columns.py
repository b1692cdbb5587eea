"""Which column of a CSV file of labelled faces holds what."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.synonyms import VOTED, answer_index

_ALIASES = {
    "path": (
        *("path", "image", "file", "filename", "file_name", "image_path", "filepath"),
        *("image name", "image_name"),
    ),
    "label": ("label", "emotion", "class", "expression"),
    "pixels": ("pixels",),
    "split": ("usage", "split"),
    "rater": ("rater", "annotator", "worker", "rater_id", "annotator_id", "worker_id"),
}


@dataclass(frozen=True)
class Columns:
    """The columns of a header, by their places.

    Attributes:
        header: The names as they are written.
        of: By kind: path, label, pixels, split and rater, those that are there.
        answers: Of the counts of raters, by the place in VOTED.
        attributes: All others, by their names.
    """

    header: tuple[str, ...]
    of: Mapping[str, int]
    answers: Mapping[int, int]
    attributes: Mapping[str, int]

    @property
    def known(self) -> str:
        """The names of all columns for an error."""
        return ", ".join(self.header) or "none"

    @property
    def last(self) -> int:
        """The place of the last column that a row has to have."""
        return max([*self.of.values(), *self.answers], default=-1)

    def attributes_of(self, row: list[str]) -> list[str]:
        """The cells of a row that are attributes, ``""`` where it is too short."""
        return [row[i].strip() if i < len(row) else "" for i in self.attributes.values()]

    def cell(self, row: list[str], kind: str) -> str:
        """What a row holds in the column of a kind, without spaces around it; else ``""``."""
        return row[self.of[kind]].strip() if kind in self.of else ""

    def counts(self, row: list[str]) -> list[int]:
        """How many raters gave each answer of VOTED, in a row.

        Raises:
            ValueError: A cell holds no count.
        """
        counts = [0] * len(VOTED)
        for column, place in self.answers.items():
            counts[place] += _count(row[column].strip())
        return counts


def _count(cell: str) -> int:
    """A number of raters; an empty cell is none. 3.0 is one too: some programs write it so."""
    try:
        number = float(cell or 0)
    except ValueError:
        number = -1.0
    if not number.is_integer() or number < 0:
        raise ValueError(f"expected counts of raters, got {cell}")
    return int(number)


def columns_of(header: list[str]) -> Columns:
    """The columns of a header; two or more named after emotions hold counts of raters."""
    names = [name.strip().casefold() for name in header]
    of = {
        kind: next(names.index(alias) for alias in aliases if alias in names)
        for kind, aliases in _ALIASES.items()
        if any(alias in names for alias in aliases)
    }
    answers: dict[int, int] = {}
    for column, name in enumerate(names):
        if column not in of.values():
            try:
                answers[column] = answer_index(name)
            except ValueError:
                continue
    if sum(place < len(EMOTIONS) for place in answers.values()) < 2:
        answers = {}
    others = {
        name.strip(): column
        for column, name in enumerate(header)
        if column not in of.values() and column not in answers and name.strip()
    }
    return Columns(tuple(names), of, answers, others)


@contextmanager
def opened(path: Path, option: str = "--data") -> Iterator[tuple[Columns, Iterator[list[str]]]]:
    """The columns of a CSV file, and its rows; commas, semicolons or tabs divide them.

    Raises:
        MoodstreamError: It cannot be read, also later; the line begins with ``option``.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=header.count)
            rows = csv.reader(file, delimiter=delimiter)
            yield columns_of(next(rows, [])), rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MoodstreamError(f"{option} {path}: cannot be read as a CSV ({error})") from None


def numbered_rows(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, with their number in the file (the header is row 1)."""
    for number, row in enumerate(rows, start=2):
        if any(cell.strip() for cell in row):
            yield number, row
