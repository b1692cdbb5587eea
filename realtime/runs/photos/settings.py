"""The settings of a run over photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.photos.analyse import PhotoSettings


@dataclass(frozen=True)
class PhotoRunSettings:
    """All that a run over photos depends on besides the networks.

    Attributes:
        photo: Which faces count in a photo, and how they are summed up.
        quality: What sizes and blur scores are measured against: ``fixed`` reference values, or
            ``dataset``, the 5th and 95th percentiles over all faces of the run.
        privacy: ``blur`` hides faces in pictures and writes no contact sheets; ``group`` besides
            writes nothing about single people.
        pictures: Whether annotated photos and contact sheets of faces are written.
        targets: Emotions whose contributors are shown; none stands for the one shown most.
        overwrite: Whether the results of an earlier run are replaced.
        text: Whether words in the photos (signs, badges) are read as well.
    """

    photo: PhotoSettings = field(default_factory=PhotoSettings)
    quality: Literal["fixed", "dataset"] = "fixed"
    privacy: Privacy = Privacy.OFF
    pictures: bool = True
    targets: tuple[str, ...] = ()
    overwrite: bool = False
    text: bool = False

    def __post_init__(self) -> None:
        if self.quality not in ("fixed", "dataset"):
            raise ValueError(f"expected quality fixed or dataset, got {self.quality}")
        for name in self.targets:
            if name not in EMOTIONS:
                raise ValueError(f"--target {name}: expected one of {', '.join(EMOTIONS)}")
        if not self.privacy.keeps_individuals and self.quality == "dataset":
            raise ValueError(
                "--quality dataset measures every face against the whole set, for which single "
                "faces must be kept: with --privacy group use --quality fixed"
            )
        if not self.privacy.keeps_individuals and self.text:
            raise ValueError("--text: words on badges can name people: not with --privacy group")

    @property
    def shows_faces(self) -> bool:
        """Whether faces may be recognised in what is written."""
        return self.pictures and not self.privacy.hides_faces

    @property
    def annotates(self) -> bool:
        """Whether annotated photos are written."""
        return self.pictures and self.privacy.keeps_individuals
