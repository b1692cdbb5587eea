"""Which pictures to label, and which of them to train, tune and test on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from math import ceil

import numpy as np

SPLITS = {"train": 0.70, "val": 0.15, "test": 0.15}
LEAST = 10
"""A category with fewer pictures is put with the other such ones."""
OTHER = "other"

_WORD = re.compile(r"[^\W\d_]{3,}")


def category(name: str) -> str:
    """What a picture is of, told by its file name: the first word of three letters or more."""
    found = _WORD.search(name.rsplit("/", 1)[-1].rsplit(".", 1)[0])
    return found.group().casefold() if found else OTHER


def categories(names: Sequence[str]) -> list[str]:
    """The category of each picture, OTHER for those of fewer than LEAST."""
    raw = [category(name) for name in names]
    counts = Counter(raw)
    return [one if counts[one] >= LEAST else OTHER for one in raw]


def split(groups: Sequence[str], seed: int = 42) -> list[str]:
    """``train``, ``val`` or ``test`` for each picture: 70/15/15, alike in every category.

    groups: the category of each. Of 3,083 pictures 2,158, 462 and 463, as in the reference.
    """
    rng = np.random.default_rng(seed)
    counts = Counter(groups)
    test_and_val = ceil((1 - SPLITS["train"]) * len(groups) - 1e-9)
    held = quotas(counts, test_and_val)
    tested = quotas(held, ceil(test_and_val / 2))
    found = ["train"] * len(groups)
    for name in sorted(counts):
        rows = [i for i, one in enumerate(groups) if one == name]
        for place, i in enumerate(rng.permutation(rows)[: held[name]].tolist()):
            found[i] = "test" if place < tested[name] else "val"
    return found


def quotas(counts: Mapping[str, int], total: int) -> dict[str, int]:
    """``total`` shared out over groups of so many in proportion, by largest remainder."""
    everyone = sum(counts.values())
    if not everyone:
        return dict.fromkeys(counts, 0)
    exact = {name: n * total / everyone for name, n in counts.items()}
    found = {name: int(share + 1e-9) for name, share in exact.items()}
    order = sorted(counts, key=lambda name: (found[name] - exact[name], name))
    for name in order[: total - sum(found.values())]:
        found[name] += 1
    return found


def spread(strata: Sequence[Hashable], n: int, seed: int = 42) -> list[int]:
    """``n`` places drawn so that every stratum has as many as can be, in their old order."""
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
