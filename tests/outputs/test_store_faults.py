"""The timeline store, whatever happens to the process, the disk or the file."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from support.paths import ROOT
from support.recordings import moments, offer, recorder
from support.waiting import SOON, wait_for

from moodstream.realtime.outputs.recording import store as stores
from moodstream.realtime.outputs.recording.store import STORE, StoreWriter, prepare_store
from moodstream.realtime.outputs.recording.store_reader import StoreReader


@pytest.mark.parametrize("attempt", range(3))
def test_kill_9_loses_no_more_than_the_last_second(tmp_path, attempt):
    path = tmp_path / STORE
    with recorder(path) as process:
        assert process.stdout is not None
        last = float(process.stdout.readline())
        moment = time.monotonic() + random.uniform(1.2, 3.5)
        while time.monotonic() < moment:
            last = float(process.stdout.readline())
        process.kill()
    with StoreReader(path) as reader:
        assert "ended" not in reader.meta
        for source in range(2):
            times = [row["t"] for row in reader.timeline(source)]
            assert times == sorted(times)
            assert times[-1] > last - 1.5
            assert len(list(reader.people(source))) == 3 * len(times)


def test_several_look_while_it_is_written_and_the_log_stays_short(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_WAL_PAGES", 64)
    monkeypatch.setattr(stores, "_WAL_BYTES", 2**20)
    path = tmp_path / STORE
    rows = list(moments(40, people=20))
    writer = StoreWriter(path, {}, ["a"], commit_every=0.005)
    done, seen, errors = threading.Event(), [0, 0, 0], []

    def look(k: int) -> None:
        try:
            with StoreReader(path) as reader:
                while not done.is_set():
                    times = [row["t"] for row in reader.timeline(0)]
                    assert times == pytest.approx([0.2 * k for k in range(len(times))])
                    seen[k] += 1
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=look, args=(k,)) for k in range(3)]
    for thread in readers:
        thread.start()
    longest = 0
    log = tmp_path / f"{STORE}-wal"
    for k in range(2000):
        offer(writer, 100, (round(0.2 * k, 3), *rows[k % len(rows)][1:]))
        longest = max(longest, log.stat().st_size if log.exists() else 0)
    writer.close()
    done.set()
    for thread in readers:
        thread.join(20)
    assert errors == []
    assert min(seen) >= 2
    assert writer.lost == 0
    assert 0 < longest < 2**21  # 5 MB where nothing is done about it
    with StoreReader(path) as reader:
        assert sum(1 for _ in reader.people(0)) == 40_000


def test_who_never_stops_reading_does_not_hold_up_the_writer(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_WAL_BYTES", 2**19)
    path = tmp_path / STORE
    writer = StoreWriter(path, {}, ["a"], commit_every=0.005)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM timeline").fetchall()
    for row in moments(400, people=5):
        offer(writer, 5, row)
    wait_for(lambda: writer.written == 400)  # 70 transactions: more than a minute if each one waits
    assert (writer.lost, writer.problem) == (0, None)
    other.execute("ROLLBACK")
    other.close()
    writer.close()
    assert [p.name for p in tmp_path.iterdir()] == [STORE]


FULL_DISK = """
import resource, sys, time
from pathlib import Path
from support.recordings import moments
from moodstream.realtime.outputs.recording.store import StoreWriter

path, limited = Path(sys.argv[1]), sys.argv[2] == "limit"
writer = StoreWriter(path, {}, ["a"], commit_every=0.05)
if limited:
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
for row in moments(100_000, people=60):
    writer.sink(0).write(*row)
    time.sleep(0.005)
    if writer.problem:
        break
print(f"{row[0]} {writer.problem}", flush=True)
while True:  # goes on as a stream does, in less than a minute of rows
    for row in moments(100, start=row[0] + 0.2):
        writer.sink(0).write(*row)
    break
if limited:
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
else:
    (path.parent / "filler").unlink()
deadline = time.monotonic() + 20
while writer.problem and time.monotonic() < deadline:
    time.sleep(0.05)
print(writer.problem, row[0], flush=True)
writer.close()
print(writer.lost, writer.problem, flush=True)
"""


@pytest.fixture(params=["limit", "mount"])
def small_disk(request, tmp_path):
    """(kind, folder): a disk with no more than 1 MB of room, made by a mount or a limit."""
    if request.param == "limit":
        pytest.importorskip("resource")
        yield request.param, tmp_path
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here (needs root)")
    try:
        (tmp_path / "filler").write_bytes(bytes(2 * 2**20))
        yield request.param, tmp_path
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(small_disk):
    kind, folder = small_disk
    path = folder / STORE
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path), kind],
        capture_output=True,
        text=True,
        cwd=ROOT / "tests",
        timeout=60,
    )
    full, again, closed = done.stdout.splitlines()
    assert "cannot be written" in full
    assert ("disk is full" in full) == (kind == "mount")
    last = float(again.split()[1])
    assert again.startswith("None ")
    assert closed == "0 None"
    with StoreReader(path) as reader:
        times = [row["t"] for row in reader.timeline(0)]
    assert times == pytest.approx([0.2 * k for k in range(round(last / 0.2) + 1)])


def test_a_folder_that_goes_away_and_comes_back(tmp_path):
    folder = tmp_path / "usb"
    path = prepare_store(folder)
    writer = StoreWriter(path, {"settings": {"a": 1}}, ["a", "b"], commit_every=0.02)
    rows = list(moments(1000))
    for row in rows[:10]:
        writer.sink(0).write(*row)
    wait_for(lambda: writer.written == 10)
    shutil.rmtree(folder)
    for row in rows[10:20]:
        writer.sink(0).write(*row)
    wait_for(lambda: writer.problem)
    assert str(path) in writer.problem
    assert "\n" not in writer.problem
    for row in rows[20:]:
        writer.sink(0).write(*row)
    # no more than a minute of both sources waits
    assert writer.waiting <= 600
    wait_for(lambda: writer.lost >= 300)
    folder.mkdir()
    wait_for(lambda: writer.problem is None)
    writer.close()
    with StoreReader(path) as reader:
        assert reader.meta["settings"] == {"a": 1}
        times = [row["t"] for row in reader.timeline(0)]
        assert times == [t for t, _, _ in rows[-len(times) :]]
        assert len(times) + writer.lost == 990
        assert reader.meta["lost"] == writer.lost


def test_closing_ends_in_time_while_the_file_is_locked(tmp_path):
    path = tmp_path / STORE
    writer = StoreWriter(path, {}, ["a"], commit_every=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        for row in moments(7):
            writer.sink(0).write(*row)
        wait_for(lambda: writer.problem)
        assert "locked" in writer.problem
        before = time.monotonic()
        writer.close()
        assert time.monotonic() - before < SOON
        assert writer.lost == 7
    finally:
        other.execute("ROLLBACK")
        other.close()
    wait_for(lambda: not writer.alive)
