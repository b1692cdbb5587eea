"""Mood shifts on made rooms: found, missed, how late, and false alarms where nothing changes.

    python benchmarks/shifts.py --faces fer2013.npz --votes ferplus_votes.npz [--part private]

Rooms of 1, 3, 8 and 20 people are made of the faces of one part of FER2013 (``made_rooms.py``),
each mood as likely as it is frequent there. In rooms that change a mood lasts 2 to 25 s and the ten
people's votes before and after differ by at least 0.15 nats; a change counts by the shorter of the
two moods that it separates, and is found where a shift is told within 1.5 s of it. Steady rooms
show one mood; in half of them everyone's predictions drift slowly.

Beside the shifts of the timeline stand those of two other methods on its rows: neighbouring windows
(a shift while their JSD is above 0.10, until it is below 0.05), and PELT (Killick et al. 2012, of
the ``ruptures`` package, if it is installed), which sees all of a room before it says anything.
What was fitted was fitted on PublicTest. Prints Markdown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from made_rooms import Change, Pictures, Room, load_pictures, make_room, play

from moodstream.realtime.analysis.group.aggregator import GroupAggregator, GroupSettings
from moodstream.realtime.analysis.group.shifts import SHORTEST_S, MoodShift
from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S, Timeline
from moodstream.realtime.frames import Faces, GroupState

PEOPLE = (1, 3, 8, 20)
CLASSES = ((2.0, 4.0), (4.0, 8.0), (8.0, 10.0), (10.0, np.inf))
PARTS = {"public": 1, "private": 2}
NEAR_S = 1.5
ROOM_S, STEADY_S = 240.0, 600.0
_ON, _OFF = 0.10, 0.05  # nats, of neighbouring windows
_PELT_PENALTY = {"l2": 2.0, "rbf": 15.0}


@dataclass(frozen=True)
class Told:
    """A shift that a method has told: its place, and when it was first told, in seconds."""

    t: float
    told: float


class Recorder:
    """Keeps the states of a timeline and all that is told of shifts."""

    def __init__(self) -> None:
        self.states: list[GroupState] = []
        self.news: list[MoodShift] = []

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        """Take a row."""
        self.states.append(state)

    def event(self, shift: MoodShift) -> None:
        """Take what is new of a mood shift."""
        self.news.append(shift)

    def all_told(self) -> list[Told]:
        """Those that were told, also if they were withdrawn later."""
        newest = {each.number: each for each in self.news}
        return [Told(each.t, each.noticed) for each in newest.values()]

    def final(self) -> list[Told]:
        """The shifts of the results."""
        return [Told(each.t, each.noticed) for each in self.news if each.is_final]


def neighbouring_windows(record: Recorder) -> list[Told]:
    """Shifts while neighbouring windows differ; told when they are alike again."""
    told, largest, at = [], 0.0, 0.0
    for state in record.states:
        shift = state.shift or 0.0
        if shift >= max(_ON, largest):
            largest, at = shift, state.t - GroupSettings().window
        elif largest and shift < _OFF:
            told.append(Told(at, state.t))
            largest = 0.0
    return told + ([Told(at, record.states[-1].t)] if largest else [])


def pelt(record: Recorder, cost: str) -> list[Told]:
    """Changes of the rows by PELT, half a window earlier, as a row sums up the window before it."""
    import ruptures

    rows = np.stack([state.probs for state in record.states if state.probs is not None])
    half, steps = GroupSettings().window / 2, round(SHORTEST_S / ROW_INTERVAL_S)
    kernel = {"l2": "linear", "rbf": "rbf"}[cost]
    params = {"gamma": 10.0} if cost == "rbf" else {}
    search = ruptures.KernelCPD(kernel=kernel, min_size=steps, params=params)
    ends = search.fit(rows).predict(pen=_PELT_PENALTY[cost])[:-1]
    return [Told(end * ROW_INTERVAL_S - half, np.nan) for end in ends]


@dataclass
class Score:
    """What one method makes of many rooms."""

    found: dict[tuple[float, float], list[bool]] = field(
        default_factory=lambda: {each: [] for each in CLASSES}
    )
    right: list[bool] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    alarms: int = 0
    steady_s: float = 0.0

    def add(self, told: Sequence[Told], changes: Sequence[Change]) -> None:
        """Take a room that changes."""
        pairs = _pairs([each.t for each in told], [each.t for each in changes])
        self.right += [i in pairs for i in range(len(told))]
        by_change = {j: i for i, j in pairs.items()}
        for j, change in enumerate(changes):
            kind = next((c for c in CLASSES if c[0] <= change.lasts < c[1]), CLASSES[0])
            self.found[kind].append(j in by_change)
            if j in by_change:
                one = told[by_change[j]]
                self.delays.append(one.told - change.t)
                self.errors.append(one.t - change.t)

    def add_steady(self, told: Sequence[Told], seconds: float) -> None:
        """Take a room in which nothing changes."""
        self.alarms += len(told)
        self.steady_s += seconds

    def cells(self) -> list[str]:
        """Recall by class, precision, delay, error of t, false alarms an hour."""
        recall = [f"{np.mean(each):.2f}" if each else "–" for each in self.found.values()]
        precision = f"{np.mean(self.right):.2f}" if self.right else "–"
        delay = "at the end"
        if np.isfinite(self.delays).all() and self.delays:
            delay = f"{np.median(self.delays):.1f} s, {np.quantile(self.delays, 0.9):.1f} s"
        error = f"{np.quantile(np.abs(self.errors), 0.9):.2f} s" if self.errors else "–"
        alarms = f"{3600 * self.alarms / self.steady_s:.1f}" if self.steady_s else "–"
        return [*recall, precision, delay, error, alarms]


def _pairs(told: Sequence[float], planted: Sequence[float]) -> dict[int, int]:
    """Which told shift belongs to which planted one, the nearest first."""
    distances = sorted(
        (abs(a - b), i, j)
        for i, a in enumerate(told)
        for j, b in enumerate(planted)
        if abs(a - b) <= NEAR_S
    )
    pairs: dict[int, int] = {}
    for _, i, j in distances:
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


Method = Callable[[Recorder], list[Told]]


def methods() -> dict[str, Method]:
    """Everything that is compared, by name."""
    found: dict[str, Method] = {
        "moodstream": Recorder.final,
        "the same, all that is told": Recorder.all_told,
        "neighbouring windows": neighbouring_windows,
    }
    if find_spec("ruptures"):
        found |= {f"PELT, {cost}": lambda r, c=cost: pelt(r, c) for cost in _PELT_PENALTY}
    return found


def played(room: Room) -> Recorder:
    """What the timeline of a room tells."""
    record = Recorder()
    play(room, Timeline(GroupAggregator(), record))
    return record


def rooms(
    pictures: Pictures, people: int, changing: int, steady: int, seed: int
) -> Iterator[tuple[Room, bool]]:
    """Rooms, and whether they change; every other steady one drifts."""
    rng = np.random.default_rng([seed, people])
    for _ in range(changing):
        yield make_room(pictures, people, ROOM_S, rng), True
    for k in range(steady):
        drift = 0.7 if k % 2 else 0.0
        yield make_room(pictures, people, STEADY_S, rng, durations=None, drift=drift), False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, required=True, help="fer2013.npz")
    parser.add_argument("--votes", type=Path, required=True, help="ferplus_votes.npz")
    parser.add_argument("--part", choices=PARTS, default="private")
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE)
    parser.add_argument("--rooms", type=int, default=8, help="of 4 minutes that change")
    parser.add_argument("--steady", type=int, default=6, help="of 10 minutes that do not")
    parser.add_argument("--cache", type=Path, help="a folder that keeps the predictions")
    parser.add_argument("--seed", type=int, default=16)
    args = parser.parse_args()
    pictures = load_pictures(args.faces, args.votes, PARTS[args.part], args.cache)
    print("| people | method | 2–4 s | 4–8 s | 8–10 s | over 10 s | precision | told after, 90 % "
          "| error of t, 90 % | false alarms an hour |")  # fmt: skip
    print("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for people in args.people:
        scores = {name: Score() for name in methods()}
        for room, changes in rooms(pictures, people, args.rooms, args.steady, args.seed):
            record = played(room)
            for name, method in methods().items():
                if changes:
                    scores[name].add(method(record), room.changes)
                else:
                    scores[name].add_steady(method(record), STEADY_S)
        for name, score in scores.items():
            print(f"| {people} | {name} | {' | '.join(score.cells())} |")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
