"""Runs over folders of made-up photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from moodstream.realtime.networks.models import Models
from moodstream.realtime.runs.photos.analyse import PhotoSettings
from moodstream.realtime.runs.photos.files import find_photos
from moodstream.realtime.runs.photos.run import BATCH, PhotoRun
from moodstream.realtime.runs.photos.schemas import PhotosSummary
from moodstream.realtime.runs.photos.settings import PhotoRunSettings
from support.fakes import models_of, noise

BOXES = [[10, 10, 60, 70], [90, 20, 130, 90], [40, 80, 70, 110]]
SMALL = PhotoSettings(min_face=4)

Tick = Callable[[str, int, int], None]


def write_photos(folder: Path, count: int, seed: int = 0) -> Path:
    """So many pictures of noise, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        cv2.imwrite(str(folder / f"{i:04d}.png"), noise(seed=seed + i))
    return folder


def run(
    folder: Path,
    out: Path,
    models: Models | None = None,
    tick: Tick = lambda stage, done, total: None,
    **settings: Any,
) -> PhotosSummary:
    """The summary of a run with three faces in every photo."""
    asked = PhotoRunSettings(**{"photo": SMALL, **settings})
    job = PhotoRun(find_photos([folder], beside=out), out, models or models_of(BOXES), asked)
    return job.run(tick)


def files_in(folder: Path) -> list[str]:
    """Every file below a folder, by its path in it."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def ends_after(batches: int) -> Tick:
    """A tick that breaks the run off as a user would, once so many batches are kept."""

    def tick(stage: str, done: int, total: int) -> None:
        if stage == "photos" and done >= batches * BATCH:
            raise KeyboardInterrupt

    return tick
