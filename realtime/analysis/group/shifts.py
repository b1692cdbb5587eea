"""Mood shifts: when the group changes from one distribution to another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.group.segmentation import Boundary, Segmentation, Step
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.frames import GroupState

ShiftStatus = Literal["provisional", "confirmed", "withdrawn", "unconfirmed"]
"""What is known of a mood shift: told early, then confirmed or withdrawn; ``unconfirmed`` where the
stream ended or everyone left before either."""

SHORTEST_S = 1.6
"""Seconds that the group has to stay changed for a mood shift."""

MAX_ABSENCE_S = 2.0
"""Seconds without anybody over which before and after are still compared."""

CONFIRMED_AFTER_S = 5.0
"""Seconds after a mood shift from which it can be confirmed."""

WITHDRAWN_AFTER_S = 10.0
"""Seconds after which it is withdrawn if it cannot be."""

FADE_S = 4.0
"""Seconds that one change may take: two in the same direction within them are one."""

_KEPT_STEPS = 125  # 25 s of the timeline, in which changes are sought
_SAME_S = 1.0  # between the places of one shift as more is seen, and for which it may be missed
_CONFIRMING_EVIDENCE = 2.0  # in penalties; it is told from one


def penalty(people: float) -> float:
    """What a mood shift has to explain to be told: seconds times squared distance.

    One face changes more by chance than the mean of many: fitted so that steady made rooms of 1, 3,
    8 and 20 people have at most one false alarm an hour (``benchmarks/shifts.py``).

    Args:
        people: The effective number of people.
    """
    return float(0.05 + 1.15 / max(people, 1.0) ** 1.15)


@dataclass(frozen=True)
class MoodShift:
    """A change of the group distribution.

    Attributes:
        t: The most likely time of the change, in seconds of media time.
        start: The class that lost most.
        end: The class that gained most.
        size: JSD in nats between the means before and after, over a window at most.
        noticed: When it was first told, in seconds of media time; not before ``t``.
        before: The share of ``end`` before the change.
        after: The share of ``end`` after it.
        status: What is known of it.
        number: The same for all that is told of one change, and for no other of the stream.
    """

    t: float
    start: str
    end: str
    size: float
    noticed: float
    before: float
    after: float
    status: ShiftStatus = "confirmed"
    number: int = 1

    @property
    def is_final(self) -> bool:
        """Whether it goes into the results: it is confirmed, or can be neither that nor denied."""
        return self.status in ("confirmed", "unconfirmed")


def brought_up_to_date(shifts: Iterable[MoodShift], news: Iterable[MoodShift]) -> list[MoodShift]:
    """What is known of each mood shift by its newest version, without those withdrawn.

    Args:
        shifts: What was known, of one stream.
        news: What has been told since then, in its order.
    """
    newest = {shift.number: shift for shift in [*shifts, *news]}
    return [shift for shift in newest.values() if shift.status != "withdrawn"]


@dataclass
class _Candidate:
    """A provisional shift, where it was last found, and when."""

    shift: MoodShift
    boundary: Boundary
    found: float

    @property
    def is_sure(self) -> bool:
        """Whether there is the evidence to confirm it."""
        return self.boundary.evidence >= _CONFIRMING_EVIDENCE


class ShiftDetector:
    """Detects mood shifts as the group goes on.

    What was seen is cut into stretches of much the same distribution (``Segmentation``), anew with
    every row. A boundary is told as a provisional shift at once, and confirmed seconds later, if
    there is twice the evidence then. It is withdrawn when it has not been found again for a second,
    or still lacks that evidence after more seconds.

    Args:
        group: Whose states these are; it still has what they were summed from.
    """

    def __init__(self, group: GroupAggregator) -> None:
        self.group = group
        self._told = 0
        self._taken_until = float("-inf")
        self._seen_until = float("inf")
        self._restart()

    def update(self, state: GroupState) -> list[MoodShift]:
        """Take the next state; returns what is new of mood shifts, in the order of time."""
        seen = None if state.probs is None else self.group.added_since(self._taken_until)
        self._taken_until = state.t
        absent = (state.t if seen is None else seen.start) - self._seen_until
        news = self.flush() if absent > MAX_ABSENCE_S else []
        if seen is None:
            return news
        self._seen_until = state.t
        cost = penalty(state.effective_people)
        self._stretches.add(Step(seen.start, seen.seconds, seen.mass / seen.mass.sum(), cost))
        return news + self._judge(state.t)

    def flush(self) -> list[MoodShift]:
        """At the end of the stream, or of what can be compared: the shifts that are still open."""
        last = [replace(each.shift, status=_last_status(each)) for each in self._open]
        self._restart()
        return last

    def _restart(self) -> None:
        settings = self.group.settings
        self._stretches = Segmentation(
            len(EMOTIONS), SHORTEST_S, settings.window, FADE_S, _KEPT_STEPS
        )
        self._open: list[_Candidate] = []
        self._settled: deque[Boundary] = deque(maxlen=_KEPT_STEPS)
        self._seen_until = float("inf")

    def _judge(self, t: float) -> list[MoodShift]:
        news = []
        for boundary in self._stretches.boundaries(self.group.settings.shift_size):
            if any(_is_same(boundary, settled) for settled in self._settled):
                continue
            known = [each for each in self._open if _is_same(boundary, each.boundary)]
            if known:
                nearest = min(known, key=lambda each: abs(each.boundary.t - boundary.t))
                number, noticed = nearest.shift.number, nearest.shift.noticed
                nearest.shift = _described(boundary, number, noticed)
                nearest.boundary, nearest.found = boundary, t
            elif boundary.evidence >= 1 and self._is_news(boundary, t):
                self._told += 1
                shift = _described(boundary, self._told, noticed=t)
                self._open.append(_Candidate(shift, boundary, t))
                news.append(shift)
        return sorted(news + self._decided(t), key=lambda shift: shift.t)

    def _is_news(self, boundary: Boundary, t: float) -> bool:
        """Whether a boundary is neither too old to be told nor before what is settled."""
        settled = max((each.t for each in self._settled), default=float("-inf"))
        return boundary.t > max(settled, t - WITHDRAWN_AFTER_S)

    def _decided(self, t: float) -> list[MoodShift]:
        """The provisional shifts that are so no longer."""
        decided, still = [], []
        for each in self._open:
            age = t - each.boundary.t
            confirmed = each.is_sure and each.found == t and age >= CONFIRMED_AFTER_S
            late = age > WITHDRAWN_AFTER_S
            if confirmed or late:
                self._settled.append(each.boundary)
            if confirmed:
                decided.append(replace(each.shift, status="confirmed"))
            elif late or t - each.found > _SAME_S:
                decided.append(replace(each.shift, status="withdrawn"))
            else:
                still.append(each)
        self._open = still
        return decided


def _last_status(last: _Candidate) -> ShiftStatus:
    return "confirmed" if last.is_sure else "unconfirmed"


def _is_same(one: Boundary, other: Boundary) -> bool:
    """Whether two boundaries are of one change, seen at different times."""
    return abs(one.t - other.t) <= _SAME_S or one.is_one_with(other, FADE_S)


def _described(boundary: Boundary, number: int, noticed: float) -> MoodShift:
    gain = boundary.after - boundary.before
    most = int(gain.argmax())
    return MoodShift(
        t=boundary.t,
        start=EMOTIONS[int(gain.argmin())],
        end=EMOTIONS[most],
        size=boundary.size,
        noticed=max(noticed, boundary.t),
        before=float(boundary.before[most]),
        after=float(boundary.after[most]),
        status="provisional",
        number=number,
    )
