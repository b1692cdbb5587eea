"""Scenes to be drawn: pictures of noise, some people, a group and its last minute."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from moodstream.overlays.scene import Scene, ShownShift

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def noise(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def scene(image: np.ndarray, boxes: Any = (), seed: int = 0, **changes: Any) -> Scene:
    rng = np.random.default_rng(seed)
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    n, t = len(boxes), np.arange(0, 60, 0.5, dtype=np.float32)
    group = np.array([0.05, 0.02, 0.08, 0.5, 0.1, 0.15, 0.1], np.float32)
    fields: dict[str, Any] = {
        "image": image,
        "t": 75.25,
        "classes": CLASSES,
        "boxes": boxes,
        "track_ids": np.arange(1, n + 1),
        "probs": rng.dirichlet(np.full(7, 0.4), n).astype(np.float32).reshape(n, 7),
        "quality": np.full(n, 0.8, np.float32),
        "people": n,
        "effective_people": 0.8 * n,
        "group": group,
        "unweighted": group[::-1].copy(),
        "entropy": 1.52,
        "entropy_share": 1.52 / math.log(7),
        "dominant": 3,
        "shift": 0.04,
        "history_t": t + 15,
        "history": rng.dirichlet(np.ones(7), len(t)).astype(np.float32),
        "shifts": (ShownShift(20.0, "sad", "happy"),),
    }
    return Scene(**{**fields, **changes})


def nobody(**changes: Any) -> dict[str, Any]:
    none = dict.fromkeys(("group", "unweighted", "entropy", "entropy_share", "dominant", "shift"))
    return {**none, **changes}


def many_people(n: int = 40, width: int = 1920, height: int = 1080) -> np.ndarray:
    columns = 8
    at = np.array([(i % columns, i // columns) for i in range(n)], np.float32)
    corner = at * [width / columns, height / math.ceil(n / columns)] + [60, 50]
    return np.concatenate([corner, corner + np.array([85, 110])], axis=1).astype(np.float32)
