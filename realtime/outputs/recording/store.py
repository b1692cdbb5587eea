"""The timeline store: a SQLite file that survives kill -9 and can be read while it is written."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.environment import versions
from moodstream.realtime.errors import MoodstreamError, NotReplacedError
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.outputs.folders import prepare_folder
from moodstream.realtime.outputs.layout import STORE
from moodstream.realtime.outputs.recording.rows import event_row, person_values, timeline_row
from moodstream.realtime.outputs.schemas import TIMELINE_COLUMNS
from moodstream.realtime.threads import OwnedThread

logger = logging.getLogger(__name__)

VERSION = 2
"""Of the tables, kept as ``PRAGMA user_version``; the first had no intervals, and only shifts that
had ended."""

APPLICATION = 0x6D6F6F64
"""``PRAGMA application_id`` of every store: "mood"."""

PERSON_DTYPE = np.dtype("<f4")
"""Of ``person_values`` in the column ``reading`` of the table of people."""

_MAX_WAITING_S = 60.0  # of rows, for a slow or full disk
_MAX_WAITING_NOTES = 1000  # events and gaps
_LOCK_TIMEOUT_S = 1.0  # to wait for other users of the file
_CLOSE_TIMEOUT_S = 3.0
_REMEDY = "choose another folder, or replace it with"
_WAL_PAGES = 512
_WAL_BYTES = 4 * _WAL_PAGES * 4096  # from here on readers are waited for, to start the WAL anew

# measured: a row of the timeline with its place in the index, and a person's row
_STEP_BYTES = 400
_PERSON_BYTES = 84
_EMPTY_BYTES = 20_000

_KINDS = {"people": "INTEGER", "dominant": "TEXT"}
_COLUMNS = ", ".join(f"{name} {_KINDS.get(name, 'REAL')}" for name in TIMELINE_COLUMNS)
_TABLES = f"""
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE timeline (step INTEGER PRIMARY KEY, source INTEGER NOT NULL, {_COLUMNS});
CREATE INDEX timeline_by_time ON timeline (source, t);
CREATE TABLE events (source INTEGER, t REAL, "from" TEXT, "to" TEXT, size REAL, noticed REAL,
                     before REAL, after REAL, status TEXT);
CREATE TABLE gaps (source INTEGER, "start" REAL, "end" REAL, reason TEXT);
"""
# person_values as little-endian float32: half the size of columns, and exact
_PEOPLE = """
CREATE TABLE people (step INTEGER, place INTEGER, track_id INTEGER, reading BLOB,
                     PRIMARY KEY (step, place)) WITHOUT ROWID;
"""


def prepare_store(folder: Path, overwrite: bool = False) -> Path:
    """Make sure that a new store can be begun in a folder; what is in it is left as it is.

    Args:
        folder: Made where it is missing.
        overwrite: Whether a recording may be in it, for ``StoreWriter`` to replace.

    Returns:
        The path of the store.

    Raises:
        MoodstreamError: It cannot be written, holds a recording that is not to be replaced, or
            one that is in use.
    """
    path = folder / STORE
    if path.exists():
        if not overwrite:
            raise NotReplacedError(f"{folder}: holds a recording already", _REMEDY)
        _check_unused(path)
    prepare_folder(folder, (), overwrite=True)
    return path


def _check_unused(path: Path) -> None:
    db = sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S)
    try:
        db.execute("PRAGMA journal_mode = DELETE")  # refused while anybody else has it open
    except sqlite3.OperationalError as error:
        raise MoodstreamError(f"{path}: is in use, so it is not replaced ({error})") from None
    except sqlite3.DatabaseError:  # no database, so nobody is recording into it
        return
    finally:
        db.close()


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def predicted_bytes(hours: float, faces: float, individuals: bool = True) -> int:
    """Size of a closed store of one source in bytes.

    While it is written, the write-ahead log beside it takes a few MB more.

    Args:
        hours: How long it records.
        faces: Faces in view on average.
        individuals: Whether rows of single people are written.
    """
    steps = hours * 3600 / ROW_INTERVAL_S
    step_bytes = _STEP_BYTES + (faces * _PERSON_BYTES if individuals else 0)
    return round(_EMPTY_BYTES + steps * step_bytes)


@dataclass(frozen=True)
class _Step:
    """A row on its way to the disk: values of TIMELINE_COLUMNS, and the people in it."""

    source: int
    values: tuple[Any, ...]
    track_ids: list[int]
    people: list[bytes]  # person_values of each


class SourceSink:
    """Takes the rows, mood shifts and gaps of one source; never waits for the disk."""

    def __init__(self, writer: StoreWriter, source: int) -> None:
        self._writer, self._source = writer, source

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        """Take the row of time ``t``."""
        row = timeline_row(t, state)
        values = tuple(v.item() if isinstance(v, np.generic) else v for v in row.values())
        if not self._writer.individuals:
            faces = Faces.none()
        people = [row.tobytes() for row in person_values(faces).astype(PERSON_DTYPE)]
        self._writer.put(_Step(self._source, values, faces.track_ids.tolist(), people))

    def event(self, shift: MoodShift) -> None:
        """Take a mood shift once nothing more is to be told of it."""
        if shift.is_final:
            self._writer.note("events", (self._source, *event_row(shift).values()))

    def gap(self, start: float, end: float, reason: str) -> None:
        """Take a stretch of seconds for which there was no picture."""
        self._writer.note("gaps", (self._source, start, end, reason))


class StoreWriter:
    """Writes the timelines of several sources into one store, one transaction every second.

    All writing is done on a thread of its own. A killed process loses what came after the last
    transaction. A power cut may also lose the transactions that the system had not brought to the
    disk (``synchronous=NORMAL``: half a minute on most systems, everything since the last
    checkpoint at worst), but never damages what is older. At most a minute of rows waits for a
    slow or full disk; after that the oldest are dropped. Leaving its context closes it.

    Args:
        path: Of the store.
        meta: What belongs to the whole recording, as JSON can hold it; see ``StoreMeta``.
        sources: Their names, without passwords.
        individuals: Whether anything about single people is written.
        commit_every: Seconds between two transactions.
        overwrite: Whether a store at ``path`` is replaced.

    Attributes:
        lost: Rows that were dropped.
        problem: One line while writing fails; None while it works.

    Raises:
        MoodstreamError: There is a store that is not to be replaced or is in use, or none can be
            made.
    """

    def __init__(
        self,
        path: Path,
        meta: dict[str, Any],
        sources: Sequence[str],
        individuals: bool = True,
        commit_every: float = 1.0,
        overwrite: bool = False,
    ) -> None:
        self.path, self.individuals = path, individuals
        self.lost = 0
        self.problem: str | None = None
        about = {"started": _now(), "versions": versions(), "individuals": individuals}
        self._meta = {k: _json(v) for k, v in (about | meta | {"sources": sources}).items()}
        self._max_steps = max(1, len(sources)) * round(_MAX_WAITING_S / ROW_INTERVAL_S)
        self._steps: deque[_Step] = deque()
        self._notes: deque[tuple[str, tuple[Any, ...]]] = deque()
        self._lock = threading.Lock()
        self._written = self._lost_written = 0
        self._log_limit = _WAL_BYTES
        self._every, self._stop = commit_every, threading.Event()
        if path.exists():
            if not overwrite:
                raise NotReplacedError(f"{path}: exists already", _REMEDY)
            _check_unused(path)
        try:
            self._create()
        except (sqlite3.Error, OSError) as error:
            raise MoodstreamError(f"{path}: cannot be written ({error})") from None
        self._db: sqlite3.Connection | None = None
        self._inode = 0
        self._thread = OwnedThread(self._run, "store", self._on_error)
        self._thread.start()

    def sink(self, source: int) -> SourceSink:
        """Where the rows of source number ``source`` go."""
        return SourceSink(self, source)

    @property
    def waiting(self) -> int:
        """Rows that wait to be written."""
        return len(self._steps)

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.alive

    @property
    def written(self) -> int:
        """Rows that are on the disk."""
        return self._written

    def put(self, step: _Step) -> None:
        """Queue a row."""
        with self._lock:
            self._steps.append(step)
            self._trim()

    def note(self, table: str, values: tuple[Any, ...]) -> None:
        """Queue a row of events or gaps."""
        with self._lock:
            self._notes.append((table, values))
            self._trim()

    def close(self, summary: Mapping[str, object] | None = None) -> None:
        """Write what is queued and how it ended, and leave one file without a log beside it.

        Returns within 3 s; what the disk did not take by then is in ``lost`` and ``problem``.

        Args:
            summary: The last state of the session, as JSON can hold it.

        Raises:
            BaseException: What ended the thread early, if anything did.
        """
        if not self._stop.is_set():
            self._meta |= {"ended": _json(_now()), "summary": _json(summary)}
            self._stop.set()
        if not self._thread.join(_CLOSE_TIMEOUT_S):
            self.problem = f"{self.path}: the disk does not answer"
        with self._lock:
            waiting = len(self._steps) + len(self._notes)
            self.lost += waiting
            self._steps.clear()
            self._notes.clear()
        if waiting:
            logger.warning("%s: %d rows could not be recorded", self.path, waiting)
        self._thread.raise_error()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _trim(self) -> None:
        for queued, limit in ((self._steps, self._max_steps), (self._notes, _MAX_WAITING_NOTES)):
            while len(queued) > limit:
                queued.popleft()
                if self.lost == self._lost_written:  # one line for each stretch of them
                    logger.warning("%s: rows are dropped, the disk is too slow", self.path)
                self.lost += 1

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._every):
                self._commit()
            self._commit(last=True)
        finally:
            self._disconnect()

    def _on_error(self, error: BaseException) -> None:
        self.problem = f"{self.path}: recording has stopped ({error})"
        logger.warning("%s", self.problem)

    def _commit(self, last: bool = False) -> None:
        """Try to bring what is queued to the disk; where that fails, it stays queued."""
        with self._lock:
            steps, notes = list(self._steps), list(self._notes)
            self._steps.clear()
            self._notes.clear()
            lost = self.lost
        meta = dict(self._meta) if last else {}
        if lost != self._lost_written:
            meta["lost"] = _json(lost)
        if not (steps or notes or meta or self.problem):
            return
        try:
            self._transaction(steps, notes, meta)
            self._tidy(last)
        except (sqlite3.Error, OSError) as error:
            self._failed(error, steps, notes)
        else:
            if self.problem is not None:
                logger.info("%s: can be written again", self.path)
            self.problem = None
            self._lost_written = lost

    def _failed(
        self, error: Exception, steps: list[_Step], notes: list[tuple[str, tuple[Any, ...]]]
    ) -> None:
        if self.problem is None:
            logger.warning("%s: cannot be written (%s)", self.path, error)
        self.problem = f"{self.path}: cannot be written ({error})"
        if "full" not in str(error):  # a disk that was unplugged needs the file opened anew
            self._disconnect()
        with self._lock:
            self._steps.extendleft(reversed(steps))
            self._notes.extendleft(reversed(notes))
            self._trim()

    def _transaction(
        self, steps: list[_Step], notes: list[tuple[str, tuple[Any, ...]]], meta: dict[str, str]
    ) -> None:
        db, first = self._connection(), self._written + 1
        try:
            db.execute("BEGIN IMMEDIATE")
            for number, step in enumerate(steps, first):
                _insert(db, "timeline", (number, step.source, *step.values))
                for place, person in enumerate(zip(step.track_ids, step.people, strict=True)):
                    _insert(db, "people", (number, place, *person))
            for table, values in notes:
                _insert(db, table, values)
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
        self._written += len(steps)
        steps.clear()  # what fails from here on must not write them twice
        notes.clear()

    def _connection(self) -> sqlite3.Connection:
        """The open store; opened anew where it was closed, made anew where it was deleted."""
        if self._db is not None and not self._in_place():
            self._disconnect()
        if self._db is None:
            if not self.path.exists():
                logger.warning("%s: was removed, so it is made anew", self.path)
                self._create()
            self._db = _open(self.path)
            self._inode = self.path.stat().st_ino
        return self._db

    def _in_place(self) -> bool:
        # SQLite goes on writing into a deleted file without a word
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _create(self) -> None:
        _remove(self.path)
        db = _open(self.path)
        try:
            tables = _TABLES + (_PEOPLE if self.individuals else "")
            db.executescript(f"BEGIN; {tables}")
            db.executemany("INSERT INTO meta VALUES (?, ?)", self._meta.items())
            db.execute("COMMIT")
        finally:
            db.close()

    def _tidy(self, last: bool) -> None:
        """Keep the write-ahead log short, also where somebody is always reading."""
        assert self._db is not None
        log = self.path.with_name(self.path.name + "-wal")
        size = log.stat().st_size if log.exists() else 0
        if last or size > self._log_limit:
            ((busy, *_),) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            # a reader that never lets go must not be waited for every time
            self._log_limit = 2 * size if busy else _WAL_BYTES
        if last:
            with suppress(sqlite3.OperationalError):  # somebody is reading: the log stays
                self._db.execute("PRAGMA journal_mode = DELETE")


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_LOCK_TIMEOUT_S, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    except BaseException:
        db.close()
        raise
    return db


def _insert(db: sqlite3.Connection, table: str, values: tuple[Any, ...]) -> None:
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO {table} VALUES ({marks})", values)


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
