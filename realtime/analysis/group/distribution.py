"""The distribution of a group from its people: one definition for photos, files and streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from moodstream.realtime import maths
from moodstream.realtime.arrays import F64

PRIOR_PEOPLE = 20.0
"""How many people the prior counts for in ``maths.group_contributions``.

Chosen on groups made of the faces of FER2013's PublicTest and the votes on them, as they are and
degraded: from 12 to 30 hardly differ, fewer are worse for groups that are a random sample of all
faces, more for groups in which one mood is common (``moodstream evaluate groups``).
"""


def group_contributions(
    probs: npt.NDArray[Any],
    weights: npt.NDArray[Any],
    prior: Sequence[float],
    presence: npt.ArrayLike = 1.0,
    people: float | None = None,
) -> F64 | None:
    """What each person adds to the distribution of a group, by prior adaptation.

    Args:
        probs: (N, 7) of each person.
        weights: Quality times presence (N,).
        prior: (7,) the class distribution that ``probs`` assume.
        presence: Share of the window (N,) in which each person was seen.
        people: How many there are, as in ``maths.group_contributions``.

    Returns:
        (N, 7), which sum to the distribution (7,); None for nobody.
    """
    evidence = maths.evidence_weights(weights, presence)
    return maths.group_contributions(probs, evidence, np.asarray(prior), PRIOR_PEOPLE, people)
