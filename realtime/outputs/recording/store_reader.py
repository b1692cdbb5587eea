"""Reads a timeline store, also while it is written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.recording.rows import person_row
from moodstream.realtime.outputs.recording.store import APPLICATION, PERSON_DTYPE, VERSION
from moodstream.realtime.outputs.schemas import (
    TIMELINE_COLUMNS,
    Gap,
    PersonRow,
    ShiftEvent,
    StoreMeta,
    TimelineRow,
)

_BATCH_ROWS = 250


class StoreReader:
    """Reads a store without changing it, also while it is written or after a kill -9.

    What an older version of moodstream did not record is None.
    Rows are read in small batches, so that memory stays bounded and the writer is never held up.
    Leaving its context closes the file.

    Args:
        path: Of the store.

    Attributes:
        meta: What belongs to the whole recording.
        sources: Names of the sources, in the order of their numbers.
        individuals: Whether single people were recorded.

    Raises:
        MoodstreamError: It is no store of this version, or it is damaged; also while reading.

    Example:
        >>> import tempfile
        >>> from moodstream.realtime.frames import Faces, GroupState
        >>> from moodstream.realtime.outputs.recording.store import StoreWriter
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = Path(folder.name) / "moodstream.db"
        >>> with StoreWriter(path, {}, ["camera 0"]) as writer:
        ...     writer.sink(0).write(0.2, GroupState(t=0.2, people=0), Faces.none())
        >>> with StoreReader(path) as reader:
        ...     [(row["t"], row["people"]) for row in reader.timeline(source=0)]
        [(0.2, 0)]
        >>> folder.cleanup()
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise MoodstreamError(f"{path}: there is no such recording")
        address = f"{path.resolve().as_uri()}?mode=ro"
        self._db = sqlite3.connect(address, uri=True, timeout=5.0, isolation_level=None)
        try:
            self._check()
            stored = self._rows("SELECT key, value FROM meta")
            self._timeline_columns = self._selection("timeline", TIMELINE_COLUMNS)
            self.meta = cast(StoreMeta, {key: json.loads(value) for key, value in stored})
        except BaseException:
            self._db.close()
            raise
        self.sources: tuple[str, ...] = tuple(self.meta["sources"])
        self.individuals: bool = self.meta["individuals"]

    def __enter__(self) -> StoreReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def timeline(self, source: int, after: float = -np.inf) -> Iterator[TimelineRow]:
        """The rows of a source later than ``after`` seconds, as in timeline.parquet."""
        return (row for _, row in self._steps(source, after))

    def people(self, source: int) -> Iterator[PersonRow]:
        """The rows of a source as in people.parquet; none where individuals were not recorded."""
        for _, people in self.steps(source):
            yield from people

    def steps(self, source: int) -> Iterator[tuple[TimelineRow, list[PersonRow]]]:
        """Each row of a source's timeline together with the rows of the people in it."""
        for step, row in self._steps(source):
            yield row, self._people(step, row["t"]) if self.individuals else []

    def events(self, source: int) -> Iterator[ShiftEvent]:
        """The mood shifts of a source, as in events.json."""
        names = tuple(ShiftEvent.__annotations__)
        if self._version == 1:  # before there were more
            names = names[:5]
        later: dict[str, Any] = {"before": None, "after": None, "status": "confirmed"}
        rows = self._rows_of("events", names, source)
        return (cast(ShiftEvent, row if "status" in row else row | later) for row in rows)

    def gaps(self, source: int) -> Iterator[Gap]:
        """When a source had no picture: start and end in seconds, and the reason."""
        names = tuple(Gap.__annotations__)
        return cast(Iterator[Gap], self._rows_of("gaps", names, source))

    def _rows_of(self, table: str, names: tuple[str, ...], source: int) -> Iterator[dict[str, Any]]:
        columns = self._selection(table, names)
        rows = self._rows(f"SELECT {columns} FROM {table} WHERE source = ? ORDER BY rowid", source)
        return (dict(zip(names, row, strict=True)) for row in rows)

    def _selection(self, table: str, names: tuple[str, ...]) -> str:
        """What to select for these columns: null for those that an older store lacks."""
        present = {name for _, name, *_ in self._rows(f"PRAGMA table_info({table})")}
        return ", ".join(f'"{name}"' if name in present else "NULL" for name in names)

    def _steps(self, source: int, after: float = -np.inf) -> Iterator[tuple[int, TimelineRow]]:
        """(step, row) by time, in batches: a query left open would keep the log growing."""
        query = (
            f"SELECT step, {self._timeline_columns} FROM timeline "
            "WHERE source = ? AND (t, step) > (?, ?) ORDER BY t, step LIMIT ?"
        )
        last = np.iinfo(np.int64).max
        t = float(after)
        while batch := self._rows(query, source, t, int(last), _BATCH_ROWS):
            for step, *values in batch:
                row = dict(zip(TIMELINE_COLUMNS, values, strict=True))
                yield step, cast(TimelineRow, row)
            last, t = batch[-1][:2]

    def _people(self, step: int, t: float) -> list[PersonRow]:
        query = "SELECT track_id, reading FROM people WHERE step = ? ORDER BY place"
        return [
            person_row(t, track_id, np.frombuffer(reading, PERSON_DTYPE).tolist())
            for track_id, reading in self._rows(query, step)
        ]

    def _check(self) -> None:
        ((application,),) = self._rows("PRAGMA application_id")
        ((version,),) = self._rows("PRAGMA user_version")
        if application != APPLICATION:
            raise MoodstreamError(f"{self.path}: is not a recording of moodstream")
        self._version: int = version
        if version > VERSION:
            raise MoodstreamError(
                f"{self.path}: was recorded by a newer moodstream "
                f"(store version {version}, this one reads up to {VERSION})"
            )

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise MoodstreamError(f"{self.path}: cannot be read ({error})") from None
