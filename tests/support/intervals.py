"""Made intervals, for what carries and shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.arrays import F64
from moodstream.realtime.runs.photos import analyse


def made_interval(shares: F64) -> F64:
    """From 0.8 of each share to 0.2 above that, (2, 7)."""
    return np.stack([0.8 * shares, 0.2 + 0.8 * shares])


def make_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every group with a distribution has made intervals."""

    def with_interval(made: Any) -> Any:
        return made if made.probs is None else replace(made, interval=made_interval(made.probs))

    state, group = GroupAggregator.state, analyse._group
    monkeypatch.setattr(GroupAggregator, "state", lambda self, t: with_interval(state(self, t)))
    monkeypatch.setattr(analyse, "_group", lambda *given: with_interval(group(*given)))
