"""Timeline files: rows of fixed steps of media time, written as they come."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.recording.rows import event_row, people_rows, timeline_row
from moodstream.realtime.outputs.schemas import (
    PEOPLE_COLUMNS,
    TIMELINE_COLUMNS,
    PersonRow,
    ShiftEvent,
    TimelineRow,
)

_FLUSH_ROWS = 250  # 50 s of the timeline: memory has settled within the first minute
_MAX_GROUP_ROWS = 10_000  # of people: each row group costs memory until the end, so they are few
_MIN_TRACK_S = 1.0  # shorter tracks are mostly passing errors


def _schema(columns: tuple[str, ...]) -> Any:
    import pyarrow as pa

    numbers = {"t": pa.float64(), "people": pa.int32(), "track_id": pa.int64()}
    texts = {"dominant": pa.string(), "label": pa.string()}
    return pa.schema([(name, {**numbers, **texts}.get(name, pa.float32())) for name in columns])


class _Table:
    """A Parquet file that grows by row groups, in bounded memory."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        import pyarrow.parquet as pq

        self._schema = _schema(columns)
        self._rows: list[Mapping[str, object]] = []
        # a file of ours: pyarrow leaves its own open where the end cannot be written
        self._file = path.open("wb")
        # opened at once, so that a run's memory does not jump minutes after its start
        self._writer = pq.ParquetWriter(self._file, self._schema, compression="zstd")

    def add(self, row: Mapping[str, object]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _MAX_GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()

    def close(self) -> None:
        """Finish the file; it is closed whether or not that can be done."""
        if self._file.closed:
            return
        with self._file:
            try:
                self.flush()
                self._writer.close()
            finally:
                self._writer.is_open = False  # or it would try once more when it is deleted

    def discard(self) -> None:
        """Close the file as it is."""
        self._rows.clear()
        with suppress(Exception):  # such as a footer that a full disk does not take
            self.close()


class TimelineWriter:
    """Writes timeline.parquet, timeline.csv, people.parquet and events.json into a folder.

    Files carry ``.part`` until ``close`` gives them their names; ``discard`` removes them. As a
    context manager it closes at the end of the block, and discards where the block fails.

    Args:
        folder: Where the files go; it must be there.
        individuals: Whether there is a people.parquet.

    Attributes:
        events: The mood shifts so far, as in events.json.
        rows: Rows of the timeline so far.
        people_at_once: The most people present at a time.
    """

    def __init__(self, folder: Path, individuals: bool = True) -> None:
        self._names = [layout.TIMELINE, layout.TIMELINE_CSV, layout.EVENTS]
        self._names += [layout.PEOPLE] if individuals else []
        self._folder = folder
        self.events: list[ShiftEvent] = []
        self.rows = self.people_at_once = 0
        self._steps_of: Counter[int] = Counter()
        self._done = False
        self._people: _Table | None = None
        with ExitStack() as opened:
            opened.callback(self._unlink)
            self._csv_file = opened.enter_context(
                self._part(layout.TIMELINE_CSV).open("w", newline="", encoding="utf-8")
            )
            self._csv = csv.DictWriter(self._csv_file, TIMELINE_COLUMNS)
            self._csv.writeheader()
            self._timeline = _Table(self._part(layout.TIMELINE), TIMELINE_COLUMNS)
            opened.callback(self._timeline.discard)
            if individuals:
                self._people = _Table(self._part(layout.PEOPLE), PEOPLE_COLUMNS)
            opened.pop_all()

    def __enter__(self) -> TimelineWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    @property
    def people(self) -> int:
        """People tracked for a second or more in all."""
        return sum(
            steps * ROW_INTERVAL_S >= _MIN_TRACK_S - 1e-9 for steps in self._steps_of.values()
        )

    def _part(self, name: str) -> Path:
        return self._folder / f"{name}.part"

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        """Add the row of time ``t``."""
        self.add(timeline_row(t, state), people_rows(t, faces))

    def add(self, row: TimelineRow, people: Iterable[PersonRow]) -> None:
        """Add a row of the timeline and the rows of the people present."""
        self._timeline.add(row)
        self._csv.writerow({k: _csv_value(v) for k, v in row.items()})
        for person in people:
            if self._people is not None:
                self._people.add(person)
            self._steps_of[person["track_id"]] += 1
        self.rows += 1
        if self.rows % _FLUSH_ROWS == 0:
            self._flush()
        self.people_at_once = max(self.people_at_once, row["people"])

    def _flush(self) -> None:
        self._timeline.flush()
        if self._people is not None:
            self._people.flush()

    def event(self, shift: MoodShift) -> None:
        """Add a mood shift once nothing more is to be told of it."""
        if shift.is_final:
            self.events.append(event_row(shift))

    def close(self) -> None:
        """Finish the files and give them their names, once; what fails leaves none of them."""
        if self._done:
            return
        try:
            with ExitStack() as closing:
                closing.callback(self._csv_file.close)
                for table in self._tables():
                    closing.callback(table.close)
            self._part(layout.EVENTS).write_text(json.dumps(self.events, indent=2) + "\n")
            for name in self._names:
                self._part(name).replace(self._folder / name)
        except BaseException:
            self.discard()
            raise
        self._done = True

    def discard(self) -> None:
        """Close the files and remove them, unless they have their names already."""
        if self._done:
            return
        self._done = True
        for table in self._tables():
            table.discard()
        with suppress(OSError):  # on a full disk the end of a file cannot be written
            self._csv_file.close()
        self._unlink()

    def _tables(self) -> list[_Table]:
        return [self._timeline] + ([] if self._people is None else [self._people])

    def _unlink(self) -> None:
        for name in self._names:
            self._part(name).unlink(missing_ok=True)


def _csv_value(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
