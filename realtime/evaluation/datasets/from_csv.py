"""Labelled faces named in a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.csv_columns import Columns, numbered_rows, opened
from moodstream.realtime.evaluation.datasets.listing import Listing, Truth
from moodstream.realtime.evaluation.datasets.synonyms import (
    VOTED,
    answer_index,
    emotion_index,
    split_of,
)
from moodstream.realtime.evaluation.datasets.votes import Votes
from moodstream.realtime.sources.images import read_picture

_ORDER = ", ".join(f"{i} {name}" for i, name in enumerate(EMOTIONS))


def list_csv(path: Path, split: str | None, truth: Truth | None = None) -> Listing:
    """The pictures of a CSV file with columns in any order.

    path (also image, file): relative to the CSV. Instead of paths there may be pixels, the grey
    values of a square picture, as in the original fer2013.csv. The truth is in one of

    * label (also emotion, class): a name, or the index into EMOTIONS, which is then noted;
    * two or more columns named after emotions: how many raters named each, perhaps beside
      contempt, unknown and not_a_face;
    * label and rater (also annotator, worker): a row for each answer of a rater to a picture.

    usage or split, if there: train, val or test. Others are attributes of the pictures. Rows that
    cannot be used are listed as skipped.

    Args:
        path: The file.
        split: ``train``, ``val`` or ``test``; by default ``test``, if the file has splits.
        truth: Which truth is asked for.

    Raises:
        MoodstreamError: The file cannot be read, lacks a column, or holds counts that are none.
    """
    truth = truth or Truth()
    with opened(path) as (columns, rows):
        try:
            _check(columns, truth)
            notes = []
            if "split" in columns.of and split is None:
                split, notes = "test", ["no --split was given, so test is used"]
            elif "split" not in columns.of and split is not None:
                raise ValueError(f"has no column usage, so no --split {split}")
            if "rater" in columns.of and truth.kind != "none":
                table = _by_rater(path, split, columns, rows)
            else:
                table = _by_picture(path, split, columns, rows, truth)
            source = f"{path.name}, {split}" if split else path.name
            return truth.judged(table.listing(source, notes), table.votes())
        except UnicodeDecodeError:
            raise  # told by ``opened``
        except ValueError as error:
            raise MoodstreamError(f"--data {path}: {error}") from None


@dataclass
class _Table:
    """The pictures of a file, as they are read.

    Attributes:
        columns: Of the file.
        names: Of the pictures.
        pictures: Where they are, or what they are.
        labels: Index into EMOTIONS, -1 where there is none.
        answers: What raters answered to each, in the order of VOTED; empty without raters.
        attributes: The cells of the other columns.
        skipped: Rows that cannot be used, and why.
        numbered: Whether a label is a number.
    """

    columns: Columns
    names: list[str] = field(default_factory=list)
    pictures: list[Path | Image] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    answers: list[list[int]] = field(default_factory=list)
    attributes: list[list[str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    numbered: bool = False

    def add(self, name: str, picture: Path | Image, row: list[str]) -> None:
        """One more picture, without a label so far."""
        self.names.append(name)
        self.pictures.append(picture)
        self.labels.append(-1)
        self.attributes.append(self.columns.attributes_of(row))

    def label(self, cell: str, needed: bool) -> None:
        """The label of the last picture; if it is needed and none, the row is skipped."""
        try:
            self.labels[-1] = emotion_index(cell)
        except ValueError as error:
            if needed:
                self.skipped.append((self.names[-1], str(error)))
        else:
            self.numbered = self.numbered or cell.isdecimal()

    def listing(self, source: str, notes: list[str]) -> Listing:
        """All of them."""

        def read(i: int, max_side: int | None) -> Image:
            picture = self.pictures[i]
            return read_picture(picture, max_side) if isinstance(picture, Path) else picture

        if self.numbered:
            notes = [*notes, f"labels are numbers, taken as {_ORDER}"]
        return Listing(
            self.names,
            np.array(self.labels, np.int64),
            read,
            source,
            self.skipped,
            notes,
            attributes={
                name: np.array([cells[i] for cells in self.attributes], np.str_)
                for i, name in enumerate(self.columns.attributes)
            },
        )

    def votes(self) -> Votes | None:
        """What the raters answered, None where there are none."""
        if not self.answers:
            return None
        return Votes(np.array(self.answers, np.int64).reshape(-1, len(VOTED)))


def _check(columns: Columns, truth: Truth) -> None:
    """Raise ValueError where the columns do not hold what is asked for."""
    rated = "rater" in columns.of
    voted = truth.takes_votes and (truth.votes is not None or bool(columns.answers))
    by_label = truth.kind != "none" and (rated or not voted)
    for kinds, needed in ((("path", "pixels"), True), (("label",), by_label)):
        if needed and not any(kind in columns.of for kind in kinds):
            asked = "path, image, file" if "path" in kinds else "label, emotion, class"
            raise ValueError(f"expected a column {asked}; there are {columns.known}")
    if rated and "path" not in columns.of:
        raise ValueError(f"expected a column path beside rater; there are {columns.known}")
    if rated and truth.kind == "labels":
        raise ValueError("holds the answers of raters, so no --truth labels")
    if rated and truth.votes is not None:
        raise ValueError("has a row for each rater, so --votes cannot go with it row for row")


def _by_picture(
    path: Path, split: str | None, columns: Columns, rows: Iterator[list[str]], truth: Truth
) -> _Table:
    """A row for each picture."""
    table, places, n = _Table(columns), [], 0
    counted = truth.votes is None and bool(columns.answers) and truth.takes_votes
    by_labels = truth.kind == "labels" or (truth.takes_votes and not (counted or truth.votes))
    for number, row in numbered_rows(rows):
        place, n, name = n, n + 1, f"row {number}"
        try:
            name = _name(columns, row, name)
            if split is not None and split_of(columns.cell(row, "split")) != split:
                continue
            picture = (
                path.parent / name if "path" in columns.of else _grey(columns.cell(row, "pixels"))
            )
        except ValueError as error:
            table.skipped.append((name, str(error)))
            continue
        if counted:
            try:
                table.answers.append(columns.counts(row))
            except ValueError as error:
                raise ValueError(f"row {number}: {error}") from None
        table.add(name, picture, row)
        if "label" in columns.of:
            table.label(columns.cell(row, "label"), needed=by_labels)
        places.append(place)
    if truth.votes is not None:
        truth.votes.check_rows(n)
        table.answers = truth.votes.answers[places].tolist()
    return table


def _by_rater(path: Path, split: str | None, columns: Columns, rows: Iterator[list[str]]) -> _Table:
    """A row for each answer of a rater to a picture; the first row of a picture describes it."""
    table = _Table(columns)
    place: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for number, row in numbered_rows(rows):
        name = f"row {number}"
        try:
            name = _name(columns, row, name)
            if split is not None and split_of(columns.cell(row, "split")) != split:
                continue
            answer = _answer(columns.cell(row, "label"))
            rater = columns.cell(row, "rater")
            if rater and (name, rater) in seen:
                raise ValueError(f"a second answer of rater {rater}")
        except ValueError as error:
            table.skipped.append((name, str(error)))
            continue
        seen.add((name, rater))
        if name not in place:
            place[name] = len(table.names)
            table.add(name, path.parent / name, row)
            table.answers.append([0] * len(VOTED))
        table.answers[place[name]][answer] += 1
        table.numbered = table.numbered or columns.cell(row, "label").isdecimal()
    return table


def _name(columns: Columns, row: list[str], otherwise: str) -> str:
    """The picture of a row; raises ValueError where the row is too short."""
    if len(row) <= columns.last:
        raise ValueError("fewer cells than the header")
    if "path" not in columns.of:
        return otherwise
    name = columns.cell(row, "path")
    if not name:
        raise ValueError("no path")
    return name


def _answer(cell: str) -> int:
    """The place in VOTED of what a rater answered, a name or an index into EMOTIONS."""
    try:
        return emotion_index(cell)
    except ValueError:
        if not cell or cell.isdecimal():
            raise
        return answer_index(cell)


def _grey(cell: str) -> Image:
    """A square grey picture written as numbers, (S, S, 3) uint8."""
    values = np.array(cell.split(), np.float64)
    side = round(len(values) ** 0.5)
    if side == 0 or side * side != len(values) or not ((values >= 0) & (values <= 255)).all():
        raise ValueError(f"expected the pixels of a square picture, got {len(values)} numbers")
    return np.repeat(values.astype(np.uint8).reshape(side, side, 1), 3, axis=2)
