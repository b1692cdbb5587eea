"""Made-up rows for stores; run as a module, a recording in real time that waits to be killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.outputs.recording.store import StoreWriter
from support.paths import ROOT
from support.waiting import wait_for

Moment = tuple[float, GroupState, Faces]


def moment(rng: np.random.Generator, t: float, people: int, extras: bool = False) -> Moment:
    """A row of ``people`` persons of whom one in five was not read yet."""
    probs = rng.dirichlet(np.ones(7), people).astype(np.float32)
    probs[rng.random(people) < 0.2] = np.nan
    faces = Faces(
        boxes=rng.uniform(0, 1280, (people, 4)).astype(np.float32),
        scores=np.ones(people, np.float32),
        quality=rng.random(people).astype(np.float32),
        probs=probs,
        track_ids=np.arange(1, people + 1),
        seen=np.ones(people, bool),
        extras=rng.normal(size=(people, 3)).astype(np.float32) if extras else None,
    )
    mixes = rng.dirichlet(np.ones(7), 3)
    state = GroupState(
        t=t,
        people=people,
        effective_people=people * rng.random(),
        probs=mixes[0],
        interval=np.stack([0.8 * mixes[0], 0.2 + 0.8 * mixes[0]]),
        weighted=mixes[1],
        unweighted=mixes[2],
        entropy=rng.random(),
        entropy_share=rng.random(),
        dominant=EMOTIONS[int(mixes[0].argmax())],
        shift=rng.random() if t > 10 else None,
        extras=rng.normal(size=3) if extras else None,
    )
    return t, state, faces


def moments(n: int, people: int = 2, start: float = 0.0, extras: bool = False) -> Iterator[Moment]:
    """Rows every 0.2 s."""
    rng = np.random.default_rng(n)
    for k in range(n):
        yield moment(rng, round(start + 0.2 * k, 3), people, extras)


def write(path: Path, rows: Iterable[Moment], individuals: bool = True) -> Path:
    """A store of one source with these rows and a proper end."""
    writer = StoreWriter(path, {}, ["camera 0"], individuals, commit_every=0.01)
    for row in rows:
        offer(writer, 200, row)
    writer.close()
    assert (writer.lost, writer.problem) == (0, None)
    return path


def offer(writer: StoreWriter, most: int, row: Moment, sources: int = 1) -> None:
    """Write a row to so many sources once fewer than ``most`` wait: real streams are slower."""
    wait_for(lambda: writer.waiting <= most, meanwhile=lambda: time.sleep(0.001))
    for source in range(sources):
        writer.sink(source).write(*row)


def recorder(path: Path) -> subprocess.Popen[str]:
    """A process that records in real time until it is killed, and prints the time of each row."""
    command = [sys.executable, "-m", "support.recordings", str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT / "tests")


def _record(path: Path) -> None:
    writer = StoreWriter(path, {"settings": {}}, ["left", "right"])
    sinks = [writer.sink(0), writer.sink(1)]
    rng, began = np.random.default_rng(0), time.monotonic()
    while True:
        t = time.monotonic() - began
        for sink in sinks:
            sink.write(*moment(rng, t, 3))
        print(t, flush=True)
        time.sleep(0.02)


if __name__ == "__main__":
    _record(Path(sys.argv[1]))
