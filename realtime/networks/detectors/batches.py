"""Pictures of several shapes for a network that takes batches of one input size."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Detections

Size = tuple[int, int]


def by_size(
    images: Sequence[Image],
    size_of: Callable[[tuple[int, ...]], Size],
    max_batch: Callable[[Size], int],
    detect: Callable[[Sequence[Image], Size], list[Detections]],
) -> list[Detections]:
    """The faces of each picture, by ``detect`` on batches of one input size.

    Args:
        images: Pictures (H, W, 3) uint8 BGR, of any shapes.
        size_of: Shape (H, W, …) of a picture to the input size (height, width) that it needs.
        max_batch: Input size to how many pictures may share a batch.
        detect: Pictures and their input size to the faces of each.
    """
    members: dict[Size, list[int]] = {}
    for index, image in enumerate(images):
        members.setdefault(size_of(image.shape), []).append(index)
    detections: dict[int, Detections] = {}
    for size, indices in members.items():
        for start in range(0, len(indices), max_batch(size)):
            chunk = indices[start : start + max_batch(size)]
            faces = detect([images[index] for index in chunk], size)
            detections.update(zip(chunk, faces, strict=True))
    return [detections[index] for index in range(len(images))]
