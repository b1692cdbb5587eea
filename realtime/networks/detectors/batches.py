"""Pictures of several shapes for a network that takes those of one size together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Detections

Size = tuple[int, int]


def by_size(
    images: Sequence[Image],
    size_of: Callable[[tuple[int, ...]], Size],
    most: Callable[[Size], int],
    detect: Callable[[Sequence[Image], Size], list[Detections]],
) -> list[Detections]:
    """The faces of each picture, by ``detect`` on batches of one input size.

    size_of: height and width at which a picture (H, W, …) is read; most: pictures of a size that
    go together.
    """
    members: dict[Size, list[int]] = {}
    for index, image in enumerate(images):
        members.setdefault(size_of(image.shape), []).append(index)
    found: dict[int, Detections] = {}
    for size, indices in members.items():
        for start in range(0, len(indices), most(size)):
            chunk = indices[start : start + most(size)]
            faces = detect([images[index] for index in chunk], size)
            found.update(zip(chunk, faces, strict=True))
    return [found[index] for index in range(len(images))]
