"""What a run over photos depends on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.outputs import layout
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos.analyse import PhotoSettings

OUTPUTS = (layout.FACES, layout.PHOTOS, layout.FAILURES, layout.REPORT, layout.SUMMARY)


SHEETS = (layout.QUALITY_SHEET, layout.CONTRIBUTORS_SHEETS)


Tick = Callable[[str, int, int], None]
"""Told the stage, what is done and what there is."""


@dataclass(frozen=True)
class PhotoRunSettings:
    """All that a run depends on besides the networks.

    quality: fixed reference percentiles, or the seed's over the set; pictures: write annotated
    photos and sheets of faces; targets: emotions whose contributors are shown; privacy: blur
    hides faces and writes no sheets, group writes nothing about single people; text: read the
    words in the photos as well.
    """

    photo: PhotoSettings = field(default_factory=PhotoSettings)
    quality: Literal["fixed", "seed"] = "fixed"
    privacy: Privacy = Privacy.OFF
    pictures: bool = True
    targets: tuple[str, ...] = ()
    overwrite: bool = False
    text: bool = False

    def __post_init__(self) -> None:
        for name in self.targets:
            if name not in EMOTIONS:
                raise ValueError(f"--target {name}: expected one of {', '.join(EMOTIONS)}")
        if not self.privacy.keeps_individuals and self.quality == "seed":
            raise ValueError(
                "--quality seed measures every face against the whole set, for which single faces "
                "must be kept: with --privacy group use --quality fixed"
            )
        if not self.privacy.keeps_individuals and self.text:
            raise ValueError("--text: words on badges can name people: not with --privacy group")
