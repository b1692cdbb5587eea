"""Made-up rows for stores; run as a script, a recording in real time that waits to be killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from moodstream.realtime.frames import EMOTIONS, Faces
from moodstream.realtime.group import GroupState
from moodstream.realtime.store import StoreWriter

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
