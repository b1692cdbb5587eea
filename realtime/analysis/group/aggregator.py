"""The rolling group distribution and the moments it shifts."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.arrays import F64
from moodstream.realtime.emotions import EMOTIONS, EXTRAS, LN_K, PRIOR, check_prior
from moodstream.realtime.frames import Faces, GroupState

_FIRST = 0.1


def adapt_to_group(
    probs: npt.NDArray[Any],
    weights: npt.NDArray[Any],
    prior: Sequence[float],
    prior_people: float | None,
    presence: npt.ArrayLike = 1.0,
    people: float | None = None,
) -> F64 | None:
    """What is said of a group: its shares (7,), or with ``prior_people`` None the weighted mean.

    probs (N, 7), weights (N,): quality times presence, presence (N,); prior and prior_people: as
    in GroupSettings; people: how many there are, as in ``maths.group_shares``. None for nobody.
    """
    if prior_people is None:
        return maths.weighted_mean(probs, weights)
    soft = maths.softened(weights, presence)
    return maths.group_shares(probs, soft, np.asarray(prior), prior_people, people)


@dataclass(frozen=True)
class GroupSettings:
    """window: seconds summed over; hold: the longest time that one sighting stands for;
    shift_on, shift_off: JSD in nats at which a mood shift begins and ends (hysteresis);
    prior (7,): the mix that the network's answers assume; prior_people: how many people it counts
    for when the group's shares settle the doubt about single faces (maths.group_shares), None for
    plain weighted averages.
    """

    window: float = 5.0
    hold: float = 0.5
    shift_on: float = 0.10
    shift_off: float = 0.05
    prior_people: float | None = 4.0
    prior: tuple[float, ...] = PRIOR

    def __post_init__(self) -> None:
        check_prior(self.prior)
        if self.prior_people is not None and not self.prior_people > 0:
            raise ValueError(f"expected prior_people above 0, got {self.prior_people}")
        if self.window <= 0 or self.hold <= 0:
            raise ValueError(f"expected window and hold above 0 s, got {self}")
        if not 0 <= self.shift_off <= self.shift_on:
            raise ValueError(f"expected 0 ≤ shift_off ≤ shift_on, got {self}")


_T, _DT, _SHARE, _ID, _QUALITY = range(5)
_PROBS = slice(5, 5 + len(EMOTIONS))
_EXTRAS = slice(5 + len(EMOTIONS), 5 + len(EMOTIONS) + len(EXTRAS))


def _sighting(t: float, dt: float, faces: Faces) -> F64:
    """Everyone read at ``t``, a row each, standing for the ``dt`` seconds before it.

    Columns as above; a share is 1 divided by the number of rows.
    """
    read = np.flatnonzero(faces.seen & ~np.isnan(faces.probs).any(1))
    rows = np.empty((len(read), _EXTRAS.stop))
    rows[:, [_T, _DT, _SHARE]] = t, dt, 1 / max(len(read), 1)
    rows[:, _ID] = faces.track_ids[read]
    rows[:, _QUALITY] = maths.seen_weights(faces.quality[read])
    rows[:, _PROBS] = faces.probs[read]
    rows[:, _EXTRAS] = np.nan if faces.extras is None else faces.extras[read]
    return rows


@dataclass(frozen=True)
class _Sum:
    """A window: weight per person (N,), the share of it in which they were seen (N,), their mean
    probabilities (N, 7), plain class masses (7,), seconds in which someone was seen, people at
    once on average, weighted means of the extras (3,).
    """

    weights: F64
    shares: F64
    means: F64
    plain: F64
    presence: float
    at_once: float
    extras: F64

    def mean(self) -> F64 | None:
        """The quality-weighted average (7,), None where nobody was read."""
        return maths.weighted_mean(self.means, self.weights)


class GroupAggregator:
    """Sums the people over a rolling window of media time.

    A person's weight is face quality times the share of the window in which they were seen, so
    neither frame rate nor a track that is lost and found again changes the total:

        P = Σ_i ∫ q_i p_i dt / Σ_i ∫ q_i dt

    and with ``prior_people`` the doubt about single people is settled by the group's shares, where
    they weigh by the root of their quality (``maths.softened``).
    """

    def __init__(self, settings: GroupSettings | None = None) -> None:
        self.settings = settings or GroupSettings()
        self.reset()

    def reset(self) -> None:
        """Forget everything seen."""
        self._sightings: deque[F64] = deque()
        self._start: float | None = None
        self._last: float | None = None
        self._people = 0

    def add(self, t: float, faces: Faces, people: int | None = None) -> None:
        """Take the faces read at ``t``; ``people`` are those present (default: all given).

        Predicted boxes and faces without probabilities do not count. Raises ValueError where
        time runs backwards.
        """
        if self._last is not None and t < self._last:
            raise ValueError(f"expected time to go on from {self._last}, got {t}")
        if self._last is None or self._start is None:
            self._start = t
            dt = _FIRST  # the first look speaks for an instant, not for the time before it
        else:
            dt = t - self._last
        self._last = t
        self._people = len(faces) if people is None else people
        rows = _sighting(t, min(dt, self.settings.hold), faces)
        if len(rows):
            self._sightings.append(rows)
        while self._sightings and self._sightings[0][0, _T] <= t - 2 * self.settings.window - 1.0:
            self._sightings.popleft()

    def state(self, t: float) -> GroupState:
        """The group at ``t``, from what was added up to then."""
        window = self.settings.window
        now = self._sum(t - window, t)
        settings = self.settings
        # A person whose track broke has several ids in a window, but is one at any time.
        shares = adapt_to_group(
            now.means,
            now.weights,
            settings.prior,
            settings.prior_people,
            now.shares,
            now.at_once,
        )
        if shares is None:
            return GroupState(t=t, people=self._people)
        nats = maths.entropy(shares)
        return GroupState(
            t=t,
            people=self._people,
            effective_people=maths.kish(now.weights),
            probs=shares,
            weighted=now.mean(),
            unweighted=now.plain / now.plain.sum(),
            entropy=nats,
            entropy_share=nats / LN_K,
            dominant=EMOTIONS[int(shares.argmax())],
            shift=self._shift(now, t),
            extras=now.extras,
        )

    def _shift(self, now: _Sum, t: float) -> float | None:
        window = self.settings.window
        if self._start is None or t - 2 * window < self._start - window / 2:
            return None
        before = self._sum(t - 2 * window, t - window)
        enough = 0.2 * window  # a passing face is not a mood
        if min(before.presence, now.presence) < enough:
            return None
        # Averages, not settled shares: those magnify the drift that a whole room's readings have.
        earlier, later = before.mean(), now.mean()
        return None if earlier is None or later is None else maths.jsd(earlier, later)

    def _sum(self, start: float, end: float) -> _Sum:
        rows, seconds = self._between(start, end)
        if len(rows) == 0:
            zero, none = np.zeros(len(EMOTIONS)), np.zeros((0, len(EMOTIONS)))
            unknown = np.full(len(EXTRAS), np.nan)
            return _Sum(np.zeros(0), np.zeros(0), none, zero, 0.0, 0.0, unknown)
        weight, probs = rows[:, _QUALITY] * seconds, rows[:, _PROBS]
        presence = float(rows[:, _SHARE] @ seconds)
        _, person = np.unique(rows[:, _ID], return_inverse=True)
        weights = np.bincount(person, weight)
        cells = person[:, None] * len(EMOTIONS) + np.arange(len(EMOTIONS))
        mass = np.bincount(cells.ravel(), (weight[:, None] * probs).ravel())
        return _Sum(
            weights / self.settings.window,
            np.bincount(person, seconds) / self.settings.window,
            mass.reshape(-1, len(EMOTIONS)) / weights[:, None],
            seconds @ probs,
            presence,
            seconds.sum() / presence,
            weight @ rows[:, _EXTRAS] / weight.sum(),
        )

    def _between(self, start: float, end: float) -> tuple[F64, F64]:
        """The rows of all sightings that reach into a span, and the seconds (N,) that they do."""
        if not self._sightings:
            return np.zeros((0, _EXTRAS.stop)), np.zeros(0)
        rows = np.concatenate(self._sightings)
        t = rows[:, _T]
        seconds = np.minimum(t, end) - np.maximum(t - rows[:, _DT], start)
        inside = seconds > 0
        return rows[inside], seconds[inside]

    def change_within(self, start: float, end: float) -> tuple[float, F64, F64] | None:
        """The most likely moment of change between two times, and the mix before and after it."""
        inside = [rows for rows in self._sightings if start < rows[0, _T] <= end]
        if len(inside) < 2:
            return None
        masses = np.stack([rows[0, _DT] * (rows[:, _QUALITY] @ rows[:, _PROBS]) for rows in inside])
        split, _ = maths.change_point(masses)
        if split == 0:
            return None
        before, after = masses[:split].sum(0), masses[split:].sum(0)
        return float(inside[split][0, _T]), before / before.sum(), after / after.sum()
