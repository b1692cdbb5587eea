"""Per-person readings over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SmoothingSettings:
    """tau: time constant in seconds, 0 for none; hold: the longest time, in seconds, that one
    reading speaks for; forget: seconds after which a person not read is dropped.
    """

    tau: float = 0.5
    hold: float = 0.5
    forget: float = 30.0

    def __post_init__(self) -> None:
        if self.tau < 0 or self.hold <= 0 or self.forget <= 0:
            raise ValueError(f"expected tau ≥ 0, hold > 0 and forget > 0, got {self}")


@dataclass
class _State:
    mass: F64
    weight: float
    t: float


class Smoother:
    """Quality-weighted exponential average of each person's readings in continuous time.

    A reading p of quality q stands for the time since the reading before it (at most ``hold``),
    and the estimate is the exact kernel average of that piecewise constant signal:

        ∫ q p e^(-(t-s)/τ) ds / ∫ q e^(-(t-s)/τ) ds

    so uneven steps are exact, frame rate does not matter, and a blurred face moves little.
    """

    def __init__(self, settings: SmoothingSettings | None = None) -> None:
        self.settings = settings or SmoothingSettings()
        self._people: dict[int, _State] = {}

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
        """Take readings at ``t`` seconds and return the estimates (N, K) of the same people.

        ids (N,), values (N, D) with rows all NaN where nothing was read, quality (N,) in [0, 1].
        A column that is always NaN stays NaN and touches no other; averages of distributions are
        distributions. People never read have NaN rows. Raises ValueError where time runs
        backwards.
        """
        out = np.full(values.shape, np.nan, np.float32)
        for row, person in enumerate(ids.tolist()):
            if not np.isnan(values[row]).all():
                self._read(person, t, values[row].astype(np.float64), float(quality[row]))
            state = self._people.get(person)
            if state is not None:
                out[row] = state.mass / state.weight
        old = [p for p, s in self._people.items() if t - s.t > self.settings.forget]
        for person in old:
            del self._people[person]
        return out

    def _read(self, person: int, t: float, p: F64, quality: float) -> None:
        tau, hold = self.settings.tau, self.settings.hold
        quality = max(quality, 1e-6)  # even the worst face is better than no estimate at all
        state = self._people.get(person)
        if state is None:
            self._people[person] = _State(p * quality * 1e-3, quality * 1e-3, t)
            return
        dt = t - state.t
        if dt < 0:
            raise ValueError(f"expected time to go on from {state.t}, got {t}")
        if tau == 0:
            state.mass, state.weight, state.t = p * quality, quality, t
            return
        keep = float(np.exp(-dt / tau))
        gain = quality * -float(np.expm1(-min(dt, hold) / tau))
        if keep * state.weight + gain > 1e-12:
            state.mass = keep * state.mass + gain * p
            state.weight = keep * state.weight + gain
        state.t = t
