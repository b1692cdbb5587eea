"""Intervals of a group's shares: between which figures ten people's mean share would lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from moodstream.realtime.arrays import F64

LEVEL = 0.90
"""How often ten people's mean share lies inside an interval."""


@dataclass(frozen=True)
class ErrorModel:
    """Variances of what ten people say about what is read, for a face and for a group.

    Attributes:
        own: Of a face about a share p that is read from it, as a part of p (1 - p) and of what its
            quality lacks to 1. It averages out over people.
        common: Of the error that a camera and a room make on all faces alike, as a part of
            P (1 - P) (1 + 4 P) of the group's share and of what the mean quality lacks to 1: it
            takes from what most show. It does not average out.
    """

    own: float
    common: float


ERRORS = ErrorModel(own=0.60, common=0.015)
"""At these, intervals hold for groups of 1 to 40 people made of the faces of FER2013's PublicTest
and the ten votes on each (``moodstream evaluate groups --split val --fit-intervals``).

``common`` lies between what fits the two networks of the package, 0.012 and 0.017.
"""

BEST_QUALITY = 0.65
"""Faces of a higher quality count as of this one: the errors were measured on none better."""

_END = 0.005  # an end nearer to 0 or 1 than this is 0 or 1: a share of ten votes can be just that
_GROWTH = 4.0  # of the common error with the share
_MIN_PRECISION = 0.02  # of a beta distribution


def share_variances(
    added: F64,
    quality: npt.ArrayLike,
    seen: npt.ArrayLike = 1.0,
    errors: ErrorModel = ERRORS,
) -> F64:
    """Variances (7,) of ten people's mean shares about those of a group.

    Args:
        added: (N, 7) what each person adds to the shares (``group_contributions``), N ≥ 1.
        quality: (N,) of their faces, in [0, 1]; one person counts once, however often they were
            seen.
        seen: Share (N,) of the time in which each was seen, above 0: those who were not seen at the
            same time may be one person, whose track broke.
        errors: How far off what is read may be.
    """
    shares = added.sum(axis=0)
    weights = added.sum(axis=1)
    lacks = 1 - np.minimum(np.asarray(quality, np.float64), BEST_QUALITY)
    each = added * (weights[:, None] - added)  # w² p (1 - p)
    own = errors.own * (lacks / np.minimum(seen, 1.0)) @ each
    common = errors.common * float(lacks @ weights) * shares * (1 - shares) * (1 + _GROWTH * shares)
    return np.asarray(own + common)


def share_interval(
    added: F64,
    quality: npt.ArrayLike,
    seen: npt.ArrayLike = 1.0,
    level: float = LEVEL,
    errors: ErrorModel = ERRORS,
) -> F64:
    """The intervals of a group's shares in which ten people's mean shares lie.

    Quantiles of the beta distribution whose mean is the share and whose variance is that of
    ``share_variances``.

    Args:
        added: As for ``share_variances``.
        quality: As for ``share_variances``.
        seen: As for ``share_variances``.
        level: How often they lie inside, between 0 and 1.
        errors: As for ``share_variances``.

    Returns:
        Lower and upper ends (2, 7), in [0, 1] and around the shares.
    """
    from scipy.special import betaincinv  # half a second when it is first imported

    shares = np.clip(added.sum(axis=0), 0.0, 1.0)
    spread = np.maximum(shares * (1 - shares), 1e-12)
    variances = np.maximum(share_variances(added, quality, seen, errors), 1e-12)
    precision = np.maximum(spread / variances - 1, _MIN_PRECISION)
    a, b = np.maximum(np.stack([shares, 1 - shares]) * precision, 1e-6)
    tails = np.array([[(1 - level) / 2], [(1 + level) / 2]])
    ends = betaincinv(a, b, tails)
    ends = np.where(ends < _END, 0.0, np.where(ends > 1 - _END, 1.0, ends))
    return np.stack([np.minimum(ends[0], shares), np.maximum(ends[1], shares)])
