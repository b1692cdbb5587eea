"""How often the intervals of a group's shares hold: made groups, and windows of made timelines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from moodstream.realtime.analysis.group.aggregator import GroupAggregator, GroupSettings
from moodstream.realtime.analysis.group.distribution import group_contributions
from moodstream.realtime.analysis.group.intervals import (
    ERRORS,
    LEVEL,
    ErrorModel,
    share_interval,
)
from moodstream.realtime.arrays import F64, I64
from moodstream.realtime.evaluation.groups.drawing import (
    CHANGES,
    DISTRIBUTIONS,
    Condition,
    FacePredictions,
    GroupSampler,
    K,
)
from moodstream.realtime.evaluation.groups.study import GroupStudySettings
from moodstream.realtime.frames import Faces
from moodstream.realtime.networks.classifiers.calibration import TINY
from moodstream.realtime.progress import ProgressCallback

PEOPLE = (1, 2, 5, 12, 40)
"""How many people the groups and timelines have."""

SHARE_EDGES = (0.0, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0)
"""Between which the shares lie that coverage is told of apart."""

_PASSES_PER_S = 5
_TIMELINE_S = 30.0
_STAYS_S = (3.0, 20.0)  # how long people are in the picture
_BREAKS_S = 8.0  # a track breaks after so long on average, and goes on under a new id
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Estimate:
    """One group as it was summed up, and what is true of it.

    Attributes:
        people: How many it has.
        shares: (7,) of the group.
        interval: (2, 7) about them.
        truth: (7,) mean shares of the raters.
    """

    people: int
    shares: F64
    interval: F64
    truth: F64

    def inside(self) -> F64:
        """Whether the truth lies inside each interval, (7,) 0 or 1."""
        low, high = self.interval
        held: F64 = (self.truth >= low - _ROUNDING) & (self.truth <= high + _ROUNDING)
        return held.astype(np.float64)


@dataclass(frozen=True)
class Coverage:
    """How often intervals hold, and how wide they are, for groups of one size.

    Attributes:
        people: How many the groups have.
        groups: How many groups, or windows of timelines.
        inside: How often the truth lies inside, over all moods.
        width: Mean width of the interval of the largest share.
        by_mood: (7,) how often, mood by mood.
        by_share: How often between each two of SHARE_EDGES, NaN where there is no such share.
    """

    people: int
    groups: int
    inside: float
    width: float
    by_mood: F64
    by_share: F64


@dataclass(frozen=True)
class _MadeGroup:
    """A made group before it has intervals: arguments of ``share_interval``, and the truth."""

    added: F64
    quality: F64
    truth: F64

    def estimate(self, errors: ErrorModel = ERRORS) -> Estimate:
        interval = share_interval(self.added, self.quality, errors=errors)
        return Estimate(len(self.added), self.added.sum(axis=0), interval, self.truth)


@dataclass(frozen=True)
class CoverageStudy:
    """How often intervals hold.

    Attributes:
        groups: In made groups, for each of PEOPLE.
        timelines: In windows of made timelines, for each of PEOPLE.
        fitted: The errors at which they would in these groups; None where they were not asked for.
    """

    groups: list[Coverage]
    timelines: list[Coverage]
    fitted: ErrorModel | None = None


def study_coverage(
    predictions: FacePredictions,
    settings: GroupStudySettings,
    fit: bool = False,
    on_progress: ProgressCallback = lambda *_: None,
) -> CoverageStudy:
    """How often intervals hold in made groups and in made timelines.

    Args:
        predictions: The faces, with the shares of raters.
        settings: How many groups are drawn, and how many of their faces degraded.
        fit: Whether the errors that intervals assume are fitted as well.
        on_progress: Called after each kind of timeline.
    """
    each, degraded, seed = max(1, settings.draws // 10), settings.degraded, settings.seed
    groups = made_groups(predictions, each, degraded, seed)
    timelines = timeline_coverage(predictions, max(1, each // 10), degraded, seed, on_progress)
    fitted = fit_errors(groups, LEVEL) if fit else None
    return CoverageStudy(group_coverage(groups), timelines, fitted)


def rooms(degraded: float) -> list[Condition]:
    """Faces as they are, a part of them degraded, and all through one bad camera."""
    return [Condition(), Condition(degraded), Condition(1.0, one_camera=True)]


def made_groups(
    predictions: FacePredictions, each: int, degraded: float, seed: int
) -> list[_MadeGroup]:
    """``each`` groups of each of PEOPLE, of every one of DISTRIBUTIONS and ``rooms``."""
    rng, sampler = np.random.default_rng(seed), GroupSampler(predictions)
    groups = []
    for people in PEOPLE:
        for condition in rooms(degraded):
            for draw in DISTRIBUTIONS.values():
                for _ in range(each):
                    group = sampler.group(rng, draw, people, condition)
                    added = group_contributions(group.calibrated, group.quality, group.prior)
                    assert added is not None  # there are people
                    groups.append(_MadeGroup(added, group.quality, group.truth))
    return groups


def group_coverage(groups: Sequence[_MadeGroup], errors: ErrorModel = ERRORS) -> list[Coverage]:
    """How often the intervals of ``made_groups`` hold, for each of PEOPLE."""
    return coverage([group.estimate(errors) for group in groups])


def timeline_coverage(
    predictions: FacePredictions,
    each: int,
    degraded: float,
    seed: int,
    on_progress: ProgressCallback = lambda *_: None,
) -> list[Coverage]:
    """How often the intervals hold in windows of made timelines, for each of PEOPLE.

    People come, stay for some seconds and are followed by others; their predictions move from pass
    to pass as those of a face that is slightly moved, and now and then a track breaks. The real
    ``GroupAggregator`` sums them.

    Args:
        predictions: The faces, with the shares of raters.
        each: Timelines of each size, distribution and room; of few people up to four
            times as many.
        degraded: The share of the faces that is degraded in the second of the ``rooms``.
        seed: Of the random numbers.
        on_progress: Called after each kind of timeline.
    """
    rng, sampler = np.random.default_rng(seed), GroupSampler(predictions)
    kinds = [(n, room) for n in PEOPLE for room in rooms(degraded)]
    estimates: list[Estimate] = []
    for done, (people, room) in enumerate(kinds):
        for draw in DISTRIBUTIONS.values():
            for _ in range(each * max(1, min(4, 20 // people))):  # the small ones say little each
                cast = sampler.people(rng, draw, 8 * people)
                stream = _Stream(rng, predictions, cast, people, room)
                estimates += stream.estimates()
        on_progress("making timelines", done + 1, len(kinds))
    return coverage(estimates)


class _Stream:
    """One made timeline: ``people`` places in a room, each taken by one person after another.

    Args:
        rng: Random numbers.
        predictions: Of all faces.
        cast: The faces to draw from, with the emotions that the room shows.
        people: How many there are at a time.
        room: What is done to their pictures.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        predictions: FacePredictions,
        cast: I64,
        people: int,
        room: Condition,
    ) -> None:
        self._rng, self._predictions, self._cast, self._room = rng, predictions, cast, room
        logs = np.log(np.maximum(predictions.calibrated[0], TINY))
        assert predictions.moved is not None  # as there are raters
        self._moves = np.log(np.maximum(predictions.moved, TINY)) - logs
        self._camera = int(rng.integers(1, len(CHANGES)))
        self._ids = 0
        self._face, self._change, self._id = np.zeros((3, people), np.int64)
        self._until = np.zeros(people)
        self._come(np.arange(people), 0.0)
        self._until = rng.uniform(0.0, _STAYS_S[1], people)  # the first ones were there before

    def estimates(self) -> Iterator[Estimate]:
        """The group at the end of each window but the first."""
        settings = GroupSettings(prior=self._predictions.prior)
        group, steps = GroupAggregator(settings), round(settings.window * _PASSES_PER_S)
        truths: list[F64] = []
        people = len(self._face)
        for k in range(round(_TIMELINE_S * _PASSES_PER_S)):
            t = k / _PASSES_PER_S
            self._come(np.flatnonzero(self._until <= t), t)
            breaks = self._rng.random(people) < 1 / (_BREAKS_S * _PASSES_PER_S)
            self._rename(np.flatnonzero(breaks))
            group.add(t, self._seen())
            shares = self._predictions.shares
            assert shares is not None  # what ten people say of each face
            truths.append(shares[self._face].mean(axis=0))
            if k % steps == 0 and k:
                state = group.state(t)
                assert state.probs is not None
                assert state.interval is not None
                truth = np.mean(truths[-steps:], axis=0)
                yield Estimate(people, state.probs, state.interval, truth)

    def _come(self, places: I64, t: float) -> None:
        """Others take these places."""
        n, rng = len(places), self._rng
        self._face[places] = rng.choice(self._cast, n)
        changes = self._camera if self._room.one_camera else rng.integers(1, len(CHANGES), n)
        self._change[places] = np.where(rng.random(n) < self._room.degraded, changes, 0)
        self._until[places] = t + rng.uniform(*_STAYS_S, n)
        self._rename(places)

    def _rename(self, places: I64) -> None:
        self._id[places] = self._ids + np.arange(len(places))
        self._ids += len(places)

    def _seen(self) -> Faces:
        """Everyone as one detection pass sees them."""
        n = len(self._face)
        probs = self._predictions.calibrated[self._change, self._face]
        logs = np.log(np.maximum(probs, TINY))
        logs = logs + self._rng.normal(size=(n, 1)) * self._moves[self._face]
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        return Faces(
            np.tile(np.array([0, 0, 48, 48], np.float32), (n, 1)),
            np.ones(n, np.float32),
            self._predictions.quality[self._change, self._face],
            (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32),
            self._id.copy(),
            np.ones(n, bool),
        )


def coverage(estimates: Sequence[Estimate]) -> list[Coverage]:
    """How often the intervals of some groups hold, by how many people the groups have."""
    sizes = np.array([one.people for one in estimates])
    inside = np.array([one.inside() for one in estimates]).reshape(-1, K)
    shares = np.array([one.shares for one in estimates]).reshape(-1, K)
    widths = np.array([one.interval[1] - one.interval[0] for one in estimates]).reshape(-1, K)
    widest = np.take_along_axis(widths, shares.argmax(axis=1)[:, None], axis=1)[:, 0]
    found = []
    for people in np.unique(sizes):
        of_size = sizes == people
        held, bins = inside[of_size], np.digitize(shares[of_size], SHARE_EDGES[1:-1])
        by_share = [
            held[bins == k].mean() if (bins == k).any() else np.nan
            for k in range(len(SHARE_EDGES) - 1)
        ]
        found.append(
            Coverage(
                int(people),
                int(of_size.sum()),
                float(held.mean()),
                float(widest[of_size].mean()),
                held.mean(axis=0),
                np.array(by_share),
            )
        )
    return found


def fit_errors(groups: Sequence[_MadeGroup], level: float, steps: int = 40) -> ErrorModel:
    """The errors at which the intervals of ``made_groups`` hold as often as they should.

    Args:
        groups: The groups.
        level: How often they should.
        steps: Of the search (Nelder and Mead 1965).

    Returns:
        The errors of the least squared distance from ``level`` over PEOPLE.
    """
    from scipy.optimize import minimize

    def distance(logs: F64) -> float:
        errors = ErrorModel(*np.exp(logs).tolist())
        return sum((found.inside - level) ** 2 for found in group_coverage(groups, errors))

    start = np.log([ERRORS.own, ERRORS.common])
    simplex = start + np.array([[0.0, 0.0], [0.3, 0.0], [0.0, 0.3]])
    options = {"maxiter": steps, "initial_simplex": simplex}
    best = minimize(distance, start, method="Nelder-Mead", options=options).x
    return ErrorModel(*(round(float(x), 4) for x in np.exp(best)))
