"""Attributes of the people of a data set: which are asked for, and the groups they make."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.evaluation.datasets.listing import Attributes, Words

MAX_VALUES = 20
"""Different values from which an attribute is cut at its quartiles, if they are numbers."""


def asked_for(names: Sequence[str], attributes: Attributes) -> list[str]:
    """The attributes of a data set that are asked for by name, in any case, each once.

    Raises:
        MoodstreamError: There is none of such a name, or its values make no groups.
    """
    known = {name.casefold(): name for name in attributes}
    found = []
    for name in names:
        if name.strip().casefold() not in known:
            there = ", ".join(attributes) or "none"
            raise MoodstreamError(
                f"--by {name}: the data has no such column; there are {there} besides pictures "
                "and labels"
            )
        found.append(known[name.strip().casefold()])
        in_groups(found[-1], attributes[found[-1]])
    return list(dict.fromkeys(found))


def in_groups(name: str, values: Words) -> tuple[Words, list[str]]:
    """The group of each of N values, and the names of the groups in order.

    Numbers with more than MAX_VALUES different ones are cut at their quartiles.

    Args:
        name: Of the attribute.
        values: (N,); those that are ``""`` are not known and stay so.

    Raises:
        MoodstreamError: There are too many different words, or fewer than two values.
    """
    words = np.char.strip(values)
    different = [str(word) for word in np.unique(words) if word]
    if len(different) < 2:
        got = different[0] if different else "none"
        raise MoodstreamError(f"--by {name}: expected two or more different values, got {got}")
    numbers = _numbers(words)
    if len(different) <= MAX_VALUES:
        if numbers is not None:
            different.sort(key=float)
        return words, different
    if numbers is None:
        raise MoodstreamError(
            f"--by {name}: has {len(different)} different values, expected at most {MAX_VALUES}, "
            "or numbers"
        )
    return _quartiles(words, numbers)


def _numbers(words: Words) -> np.ndarray | None:
    """Words as numbers (N,), NaN where there is none; None if one is no number."""
    try:
        numbers = np.array([float(word) if word else np.nan for word in words])
    except ValueError:
        return None
    return None if np.isinf(numbers).any() else numbers


def _quartiles(words: Words, numbers: np.ndarray) -> tuple[Words, list[str]]:
    edges = np.unique(np.nanquantile(numbers, (0.25, 0.5, 0.75)))
    names = [f"to {edges[0]:g}"]
    names += [f"over {low:g} to {high:g}" for low, high in pairwise(edges)]
    names.append(f"over {edges[-1]:g}")
    place = np.searchsorted(edges, np.nan_to_num(numbers))
    groups = np.where(words == "", "", np.array(names)[place])
    return groups, [name for name in names if (groups == name).any()]
