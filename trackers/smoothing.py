"""The predictions for each person, averaged over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

_MIN_QUALITY = 1e-6  # even the worst face is better than no estimate at all
_FIRST_DURATION_S = 1e-3  # for which a first prediction stands: any later one outweighs it
_MIN_WEIGHT = 1e-12  # below which the average would be lost in rounding


@dataclass(frozen=True)
class SmoothingSettings:
    """How the predictions for each person are averaged over time.

    Attributes:
        tau: Time constant in seconds; 0 for no smoothing.
        hold: The longest time in seconds that one prediction stands for.
        forget: Seconds after which a person without predictions is dropped.
    """

    tau: float = 0.5
    hold: float = 0.5
    forget: float = 30.0

    def __post_init__(self) -> None:
        if not (self.tau >= 0 and self.hold > 0 and self.forget > 0):  # so that NaN is refused
            raise ValueError(f"expected tau ≥ 0, hold > 0 and forget > 0, got {self}")


@dataclass
class _Average:
    """Of one person: the weighted sum of predictions (D,), of weights, and when it was taken."""

    mass: F64
    weight: float
    t: float


class Smoother:
    """Quality-weighted exponential average of each person's predictions in continuous time.

    A prediction p of quality q stands for the time since the one before it (at most ``hold``), and
    the estimate is the exact kernel average of that piecewise constant signal:

        ∫ q p e^(-(t-s)/τ) ds / ∫ q e^(-(t-s)/τ) ds

    so uneven steps are exact, frame rate does not matter, and a blurred face moves little.

    Args:
        settings: Time constant and the like.

    Example:
        >>> import numpy as np
        >>> smoother = Smoother(SmoothingSettings(tau=1.0))
        >>> ids, quality = np.array([7]), np.ones(1, np.float32)
        >>> _ = smoother.update(0.0, ids, np.array([[1, 0]], np.float32), quality)
        >>> smoother.update(0.5, ids, np.array([[0, 1]], np.float32), quality).round(2)
        array([[0., 1.]], dtype=float32)
        >>> smoother.update(1.0, ids, np.array([[1, 0]], np.float32), quality).round(2)
        array([[0.62, 0.38]], dtype=float32)
    """

    def __init__(self, settings: SmoothingSettings | None = None) -> None:
        self.settings = settings or SmoothingSettings()
        self._people: dict[int, _Average] = {}

    def reset(self) -> None:
        """Forget everyone."""
        self._people.clear()

    def update(
        self,
        t: float,
        ids: npt.NDArray[np.int64],
        values: npt.NDArray[np.float32],
        quality: npt.NDArray[np.float32],
    ) -> npt.NDArray[np.float32]:
        """Add predictions and return the estimates of the same people.

        A column that is always NaN stays NaN and affects no other; averages of distributions are
        distributions.

        Args:
            t: Seconds of media time.
            ids: Whom the rows are about, (N,).
            values: Predictions (N, D), rows of NaN for those without one.
            quality: Of their faces, (N,) in [0, 1].

        Returns:
            Estimates (N, D), rows of NaN for people without any prediction so far.

        Raises:
            ValueError: Time runs backwards.
        """
        out = np.full(values.shape, np.nan, np.float32)
        for row, person in enumerate(ids.tolist()):
            if not np.isnan(values[row]).all():
                self._add(person, t, values[row].astype(np.float64), float(quality[row]))
            average = self._people.get(person)
            if average is not None:
                out[row] = average.mass / average.weight
        gone = [p for p, a in self._people.items() if t - a.t > self.settings.forget]
        for person in gone:
            del self._people[person]
        return out

    def _add(self, person: int, t: float, p: F64, quality: float) -> None:
        tau, hold = self.settings.tau, self.settings.hold
        quality = max(quality, _MIN_QUALITY)
        state = self._people.get(person)
        if state is None:
            first = quality * _FIRST_DURATION_S
            self._people[person] = _Average(p * first, first, t)
            return
        dt = t - state.t
        if dt < 0:
            raise ValueError(f"expected time to go on from {state.t}, got {t}")
        if tau == 0:
            state.mass, state.weight, state.t = p * quality, quality, t
            return
        keep = float(np.exp(-dt / tau))
        gain = quality * -float(np.expm1(-min(dt, hold) / tau))
        if keep * state.weight + gain > _MIN_WEIGHT:
            state.mass = keep * state.mass + gain * p
            state.weight = keep * state.weight + gain
        state.t = t
