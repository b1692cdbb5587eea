"""Which pictures are labelled, and which of them are for training, tuning and testing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodstream.realtime.labels import sampling


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("Wedding_0012.jpg", "wedding"),
        ("2007_007763.jpg", "other"),
        ("a_12-team3.png", "team"),
        ("x/of/ab_party.jpeg", "party"),
        ("été.jpg", "été"),
        ("ab.party", "other"),  # what follows the point is no name
    ],
)
def test_the_category_is_the_first_word_of_the_name(name, want):
    assert sampling.category(name) == want


def test_rare_categories_are_put_together():
    names = [f"team{i}.jpg" for i in range(10)] + [f"party{i}.jpg" for i in range(9)]
    assert Counter(sampling.categories(names)) == {"team": 10, "other": 9}


def test_the_split_of_the_reference():
    sizes = (1000, 900, 600, 400, 100, 50, 20, 13)
    groups = [f"kind{k}" for k, n in enumerate(sizes) for _ in range(n)]
    assert len(groups) == 3083
    parts = sampling.split(groups)
    assert Counter(parts) == {"train": 2158, "val": 462, "test": 463}
    for kind, n in zip(sorted(set(groups)), sizes, strict=True):
        of = Counter(p for p, g in zip(parts, groups, strict=True) if g == kind)
        assert abs(of["train"] - 0.7 * n) <= 1
        assert abs(of["val"] - 0.15 * n) <= 1.5
    assert parts == sampling.split(groups)
    assert parts != sampling.split(groups, seed=1)


@given(st.lists(st.sampled_from("abcd"), max_size=60))
def test_every_picture_is_in_one_part(groups):
    parts = sampling.split(groups)
    held = len(groups) - parts.count("train")
    assert len(parts) == len(groups)
    assert held == int(np.ceil(0.3 * len(groups) - 1e-9))
    assert parts.count("test") - parts.count("val") in (0, 1)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 50), max_size=6), st.data())
def test_quotas_share_out_everything_in_proportion(counts, data):
    total = data.draw(st.integers(0, sum(counts.values())))
    shares = sampling.quotas(counts, total)
    assert sum(shares.values()) == total
    for name, n in counts.items():
        assert abs(shares[name] - n * total / max(1, sum(counts.values()))) < 1
        assert shares[name] <= n


@given(st.lists(st.sampled_from(["high", "mid", "low"]), max_size=40), st.integers(0, 50))
def test_the_sample_takes_all_strata_alike(strata, n):
    picked = sampling.spread(strata, n)
    assert picked == sorted(set(picked))
    assert len(picked) == min(n, len(strata))
    of, there = Counter(strata[i] for i in picked), Counter(strata)
    for kind in there:  # a stratum has fewer than another only where it has no more
        assert of[kind] >= max(of.values(), default=0) - 1 or of[kind] == there[kind]
