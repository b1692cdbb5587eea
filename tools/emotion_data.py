"""The faces that the emotion networks are trained and fitted on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from emotion_net import LABELS, SIZE, VOTES
from torch import Tensor

PEOPLE = 10
"""How many people were asked about a face."""

MIN_VOTES = 5
"""So many of them must have named one of VOTES for a face's shares to count, and fewer must have
said that it is not a face."""

SPLITS = ("train", "public", "private", "other")
"""FER2013's Training with the even faces of the second set, PublicTest, PrivateTest, and the odd
faces of the second set."""

OTHER_DRAWN = 3.0
"""How many times as often a face of the second set is drawn as one of FER2013."""


@dataclass(frozen=True)
class Split:
    """Some labelled faces.

    Attributes:
        images: (N, 48, 48) uint8.
        labels: (N,) of LABELS.
        votes: (N, 10) how many people named each of VOTES, did not know, or saw no face; of faces
            of the second set ten for their label.
        other: (N,) whether they are of the second set.
    """

    images: Tensor
    labels: Tensor
    votes: Tensor
    other: Tensor

    @property
    def voted(self) -> Tensor:
        """(N,) whether enough people named something for their shares to mean something."""
        return (self._named.sum(1) >= MIN_VOTES) & (self.votes[:, -1] < MIN_VOTES)

    @property
    def shares(self) -> Tensor:
        """(N, 8) of those who named one of VOTES."""
        return self._named / self._named.sum(1, keepdim=True).clamp(min=1)

    @property
    def _named(self) -> Tensor:
        return self.votes[:, : len(VOTES)].float()

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Split:
        """The same on a device."""
        return Split(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))

    @classmethod
    def joined(cls, first: Split, second: Split) -> Split:
        """The faces of both."""
        names = cls.__dataclass_fields__
        return cls(*(torch.cat([getattr(first, n), getattr(second, n)]) for n in names))

    def draw_weights(self, balance: float = 0.25) -> Tensor:
        """How often each face is drawn (N,): by the count of its class to the power of -balance."""
        counts = torch.bincount(self.labels, minlength=len(LABELS)).float()
        return counts.pow(-balance)[self.labels] * (1 + (OTHER_DRAWN - 1) * self.other.float())


def read(fer: Path, votes: Path, expressions: Path) -> dict[str, Split]:
    """The four SPLITS.

    Args:
        fer: ``images (N, 48, 48) uint8``, ``labels`` and ``usage`` (0 Training, 1 PublicTest,
            2 PrivateTest).
        votes: ``votes (N, 10)`` of the same pictures: VOTES, unknown, not a face.
        expressions: ``images (N, 128, 128, 3) uint8 RGB`` and ``labels``.
    """
    faces, others, voted = np.load(fer), np.load(expressions), np.load(votes)["votes"]
    for archive in (faces, others):
        if tuple(archive["classes"]) != LABELS:
            raise SystemExit(f"expected the classes {LABELS}, got {tuple(archive['classes'])}")
    if len(voted) != len(faces["labels"]):
        raise SystemExit(f"expected votes for {len(faces['labels'])} faces, got {len(voted)}")
    splits = {}
    for code, name in enumerate(SPLITS[:3]):
        rows = faces["usage"] == code
        splits[name] = _split(faces["images"][rows], faces["labels"][rows], voted[rows], False)
    grey, labels = grey_crops(others["images"]), others["labels"]
    certain = PEOPLE * np.eye(voted.shape[1], dtype=np.int64)[labels]
    splits["train"] = Split.joined(
        splits["train"], _split(grey[0::2], labels[0::2], certain[0::2], True)
    )
    splits["other"] = _split(grey[1::2], labels[1::2], certain[1::2], True)
    return splits


def grey_crops(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Colour crops (N, H, W, 3) RGB to grey (N, 48, 48)."""
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    return np.stack([cv2.resize(g, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for g in grey])


def _split(
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    votes: npt.NDArray[np.int64],
    other: bool,
) -> Split:
    return Split(
        torch.from_numpy(np.ascontiguousarray(images)),
        torch.from_numpy(labels.astype(np.int64)),
        torch.from_numpy(votes.astype(np.int64)),
        torch.full((len(labels),), other),
    )
