"""The rolling group distribution."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from moodstream.realtime import maths
from moodstream.realtime.analysis.group.distribution import group_contributions
from moodstream.realtime.analysis.group.intervals import share_interval
from moodstream.realtime.arrays import F64
from moodstream.realtime.emotions import EMOTIONS, EXTRAS, LN_K, PRIOR, check_prior
from moodstream.realtime.errors import require
from moodstream.realtime.frames import Faces, GroupState

_FIRST_DURATION_S = 0.1  # for which the first predictions stand: there is no time before them
_MIN_PRESENCE = 0.2  # share of a window with somebody in it, for a shift: a passing face is no mood


@dataclass(frozen=True)
class GroupSettings:
    """How people are summed into the group, and when the group shifts.

    Attributes:
        window: Seconds of media time that are summed over.
        hold: The longest time in seconds that one prediction stands for.
        shift_size: JSD in nats from before to after, from which a change is a mood shift.
        prior: The class distribution (7,) that the network's answers assume.
    """

    window: float = 5.0
    hold: float = 0.5
    shift_size: float = 0.06
    prior: tuple[float, ...] = PRIOR

    def __post_init__(self) -> None:
        check_prior(self.prior)
        require(self.window > 0 and self.hold > 0, "window and hold above 0 s", self)
        require(self.shift_size >= 0, "shift_size of at least 0", self.shift_size)


_T, _DT, _SHARE, _ID, _QUALITY = range(5)
_PROBS = slice(5, 5 + len(EMOTIONS))
_EXTRAS = slice(5 + len(EMOTIONS), 5 + len(EMOTIONS) + len(EXTRAS))


def _observation(t: float, dt: float, faces: Faces) -> F64:
    """Everyone seen with an estimate at ``t``, a row each, for the ``dt`` seconds before it.

    Columns as above; a share is 1 divided by the number of rows.
    """
    seen = np.flatnonzero(faces.seen & ~np.isnan(faces.probs).any(1))
    rows = np.empty((len(seen), _EXTRAS.stop))
    rows[:, [_T, _DT, _SHARE]] = t, dt, 1 / max(len(seen), 1)
    rows[:, _ID] = faces.track_ids[seen]
    rows[:, _QUALITY] = maths.quality_weights(faces.quality[seen])
    rows[:, _PROBS] = faces.probs[seen]
    rows[:, _EXTRAS] = np.nan if faces.extras is None else faces.extras[seen]
    return rows


@dataclass(frozen=True)
class _Window:
    """The N people of one window.

    Attributes:
        weights: (N,) quality times share of the window.
        shares: (N,) share of the window in which each was seen.
        means: (N, 7) mean probabilities of each.
        plain: (7,) class masses in which all faces count alike.
        presence: Seconds in which someone was seen.
        at_once: People at a time on average.
        extras: (3,) weighted means.
    """

    weights: F64
    shares: F64
    means: F64
    plain: F64
    presence: float
    at_once: float
    extras: F64

    def mean(self) -> F64 | None:
        """The quality-weighted average (7,), None without anybody."""
        return maths.weighted_mean(self.means, self.weights)


@dataclass(frozen=True)
class Added:
    """What was added in a short time.

    Attributes:
        start: When it begins, in seconds of media time.
        seconds: For which someone was seen.
        mass: (7,) class masses, ∫ Σ q p dt.
    """

    start: float
    seconds: float
    mass: F64


class GroupAggregator:
    """Sums the people over a rolling window of media time.

    A person's weight is face quality times the share of the window in which they were seen, so
    neither frame rate nor a track that breaks changes the total:

        P = Σ_i ∫ q_i p_i dt / Σ_i ∫ q_i dt

    is ``weighted``. For ``probs`` the probabilities of each are adapted to the group before they
    are summed (``group_contributions``).

    Args:
        settings: Window, prior and thresholds.

    Example:
        >>> import numpy as np
        >>> from moodstream.realtime.frames import Faces
        >>> happy = np.array([[0.02, 0.02, 0.02, 0.88, 0.02, 0.02, 0.02]], np.float32)
        >>> box, one = np.array([[0, 0, 50, 50]], np.float32), np.ones(1, np.float32)
        >>> group = GroupAggregator(GroupSettings(window=5.0))
        >>> for k in range(10):
        ...     group.add(k / 5, Faces(box, one, one, happy, np.array([1]), np.array([True])))
        >>> state = group.state(2.0)
        >>> state.dominant, state.people, round(state.effective_people, 3)
        ('happy', 1, 1.0)
    """

    def __init__(self, settings: GroupSettings | None = None) -> None:
        self.settings = settings or GroupSettings()
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._observations: deque[F64] = deque()
        self._start: float | None = None
        self._last: float | None = None
        self._people = 0

    def add(self, t: float, faces: Faces, people: int | None = None) -> None:
        """Take the people of one detection pass.

        Args:
            t: Seconds of media time.
            faces: The people; those not seen or without an estimate do not count.
            people: How many are present, by default all of ``faces``.

        Raises:
            ValueError: Time runs backwards.
        """
        if self._last is not None and t < self._last:
            raise ValueError(f"expected time to go on from {self._last}, got {t}")
        if self._last is None or self._start is None:
            self._start = t
            dt = _FIRST_DURATION_S
        else:
            dt = t - self._last
        self._last = t
        self._people = len(faces) if people is None else people
        rows = _observation(t, min(dt, self.settings.hold), faces)
        if len(rows):
            self._observations.append(rows)
        oldest = t - 2 * self.settings.window - 1.0
        while self._observations and self._observations[0][0, _T] <= oldest:
            self._observations.popleft()

    def state(self, t: float) -> GroupState:
        """The group at ``t``, from what was added up to then."""
        window = self.settings.window
        now = self._sum(t - window, t)
        # A person whose track broke has several ids in a window, but is one at any time.
        added = group_contributions(
            now.means, now.weights, self.settings.prior, now.shares, now.at_once
        )
        if added is None:
            return GroupState(t=t, people=self._people)
        shares = added.sum(axis=0)
        nats = maths.entropy(shares)
        return GroupState(
            t=t,
            people=self._people,
            effective_people=maths.kish(now.weights),
            probs=shares,
            interval=share_interval(
                added, now.weights / now.shares, now.shares * window / now.presence
            ),
            weighted=now.mean(),
            unweighted=now.plain / now.plain.sum(),
            entropy=nats,
            entropy_share=nats / LN_K,
            dominant=EMOTIONS[int(shares.argmax())],
            shift=self._shift(now, t),
            extras=now.extras,
        )

    def _shift(self, now: _Window, t: float) -> float | None:
        window = self.settings.window
        if self._start is None or t - 2 * window < self._start - window / 2:
            return None
        before = self._sum(t - 2 * window, t - window)
        if min(before.presence, now.presence) < _MIN_PRESENCE * window:
            return None
        # averages, as prior adaptation would magnify a drift that all predictions have in common
        earlier, later = before.mean(), now.mean()
        return None if earlier is None or later is None else maths.jsd(earlier, later)

    def _sum(self, start: float, end: float) -> _Window:
        rows, seconds = self._between(start, end)
        if len(rows) == 0:
            zero, none = np.zeros(len(EMOTIONS)), np.zeros((0, len(EMOTIONS)))
            unknown = np.full(len(EXTRAS), np.nan)
            return _Window(np.zeros(0), np.zeros(0), none, zero, 0.0, 0.0, unknown)
        weight, probs = rows[:, _QUALITY] * seconds, rows[:, _PROBS]
        presence = float(rows[:, _SHARE] @ seconds)
        _, person = np.unique(rows[:, _ID], return_inverse=True)
        weights = np.bincount(person, weight)
        cells = person[:, None] * len(EMOTIONS) + np.arange(len(EMOTIONS))
        mass = np.bincount(cells.ravel(), (weight[:, None] * probs).ravel())
        return _Window(
            weights / self.settings.window,
            np.bincount(person, seconds) / self.settings.window,
            mass.reshape(-1, len(EMOTIONS)) / weights[:, None],
            seconds @ probs,
            presence,
            seconds.sum() / presence,
            weight @ rows[:, _EXTRAS] / weight.sum(),
        )

    def _between(self, start: float, end: float) -> tuple[F64, F64]:
        """The rows (N, C) that stand for a part of a span, and for how many seconds of it (N,)."""
        if not self._observations:
            return np.zeros((0, _EXTRAS.stop)), np.zeros(0)
        rows = np.concatenate(self._observations)
        t = rows[:, _T]
        seconds = np.minimum(t, end) - np.maximum(t - rows[:, _DT], start)
        inside = seconds > 0
        return rows[inside], seconds[inside]

    def added_since(self, t: float) -> Added | None:
        """What was added after ``t``, None where nobody was seen."""
        steps = list(takewhile(lambda rows: rows[0, _T] > t, reversed(self._observations)))
        if not steps:
            return None
        first, rows = steps[-1][0], np.concatenate(steps)
        mass = (rows[:, _DT] * rows[:, _QUALITY]) @ rows[:, _PROBS]
        return Added(float(first[_T] - first[_DT]), float(rows[:, _DT] @ rows[:, _SHARE]), mass)
