"""Votes in a file of their own, row for row with labelled faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.csv_columns import numbered_rows, opened
from moodstream.realtime.evaluation.datasets.from_npz import load_arrays, votes_in
from moodstream.realtime.evaluation.datasets.synonyms import VOTED
from moodstream.realtime.evaluation.datasets.votes import Votes

_OPTION = "--votes"


def read_votes(path: Path) -> Votes:
    """The votes of a .npz (votes, and classes or vote_classes) or CSV file (a column an answer).

    Raises:
        MoodstreamError: The file cannot be read, or holds no votes.
    """
    try:
        if not path.is_file():
            raise MoodstreamError(f"{_OPTION} {path}: no such file")
    except OSError as error:
        raise MoodstreamError(f"{_OPTION} {path}: cannot be read ({error.strerror})") from None
    suffix = path.suffix.casefold()
    if suffix == ".npz":
        arrays = load_arrays(path, _OPTION)
        if "votes" not in arrays:
            there = ", ".join(arrays) or "none"
            raise MoodstreamError(f"{_OPTION} {path}: expected an array votes; there are {there}")
        return votes_in(path, arrays, _OPTION)[0]
    if suffix in (".csv", ".tsv"):
        return _from_csv(path)
    raise MoodstreamError(f"{_OPTION} {path}: expected a .npz or a .csv file")


def _from_csv(path: Path) -> Votes:
    with opened(path, _OPTION) as (columns, rows):
        if not columns.answers:
            raise MoodstreamError(
                f"{_OPTION} {path}: expected a column of counts for each emotion; there are "
                f"{columns.known}"
            )
        counts = []
        for number, row in numbered_rows(rows):
            try:
                if len(row) <= columns.last:
                    raise ValueError("fewer cells than the header")
                counts.append(columns.counts(row))
            except ValueError as error:
                raise MoodstreamError(f"{_OPTION} {path}: row {number}: {error}") from None
    return Votes(np.array(counts, np.int64).reshape(-1, len(VOTED)))
