"""Which pictures to label, and which of them to train, tune and test on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from math import ceil

import numpy as np

SPLITS = {"train": 0.70, "val": 0.15, "test": 0.15}
MIN_CATEGORY_SIZE = 10
"""Pictures; a category with fewer is put with the other such ones."""
OTHER = "other"
_ROUNDING = 1e-9  # of floats that stand for whole numbers

_WORD = re.compile(r"[^\W\d_]{3,}")


def category(name: str) -> str:
    """What a picture is of: the first word of three letters or more in its file name."""
    match = _WORD.search(name.rsplit("/", 1)[-1].rsplit(".", 1)[0])
    return match.group().casefold() if match else OTHER


def categories(names: Sequence[str]) -> list[str]:
    """The category of each picture, OTHER for those of fewer than MIN_CATEGORY_SIZE."""
    raw = [category(name) for name in names]
    counts = Counter(raw)
    return [one if counts[one] >= MIN_CATEGORY_SIZE else OTHER for one in raw]


def split(groups: Sequence[str], seed: int = 42) -> list[str]:
    """Split pictures 70/15/15, stratified by category; of 3,083 it makes 2,158, 462 and 463.

    Args:
        groups: The category of each picture.
        seed: Of the random draw.

    Returns:
        ``train``, ``val`` or ``test`` for each picture.
    """
    rng = np.random.default_rng(seed)
    counts = Counter(groups)
    test_and_val = ceil((1 - SPLITS["train"]) * len(groups) - _ROUNDING)
    held = quotas(counts, test_and_val)
    tested = quotas(held, ceil(test_and_val / 2))
    parts = ["train"] * len(groups)
    for name in sorted(counts):
        rows = [i for i, one in enumerate(groups) if one == name]
        for place, i in enumerate(rng.permutation(rows)[: held[name]].tolist()):
            parts[i] = "test" if place < tested[name] else "val"
    return parts


def quotas(counts: Mapping[str, int], total: int) -> dict[str, int]:
    """Share out a total over groups in proportion to their sizes, by largest remainder.

    Args:
        counts: Size of each group.
        total: At most the sum of all sizes.
    """
    everyone = sum(counts.values())
    if not everyone:
        return dict.fromkeys(counts, 0)
    exact = {name: n * total / everyone for name, n in counts.items()}
    shares = {name: int(share + _ROUNDING) for name, share in exact.items()}
    order = sorted(counts, key=lambda name: (shares[name] - exact[name], name))
    for name in order[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def spread(strata: Sequence[Hashable], n: int, seed: int = 42) -> list[int]:
    """Draw a sample in which the strata are as equal in size as can be.

    Args:
        strata: The stratum of each item.
        n: Size of the sample.
        seed: Of the random draw.

    Returns:
        The indices of the items, ascending.
    """
    rng = np.random.default_rng(seed)
    kinds = sorted(set(strata), key=str)
    queues = [
        rng.permutation([i for i, one in enumerate(strata) if one == kind]).tolist()
        for kind in kinds
    ]
    picked: list[int] = []
    while len(picked) < n and any(queues):
        for queue in queues:
            if queue and len(picked) < n:
                picked.append(queue.pop())
    return sorted(picked)
