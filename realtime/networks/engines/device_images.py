"""Pictures on a device: each is uploaded once, and faces are cropped from it there."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from moodstream.realtime.arrays import I64, Image

Filter = Literal["area", "triangle"]

_MAX_PICTURES = 32
"""Pictures kept on the device: those whose faces are detected and not yet classified."""
_MAX_CROPS = 32
"""Faces cropped in one call; each takes the memory of the largest."""


@lru_cache
def pictures_on(device: str) -> DeviceImageCache:
    """The pictures on a device, shared by every network that runs there."""
    return DeviceImageCache(device)


class DeviceImageCache:
    """Uploads pictures (H, W, 3) uint8 BGR, which must not be written to afterwards.

    Args:
        device: "cuda", "cuda:1", "mps" or "cpu".

    Attributes:
        uploads: How many pictures were uploaded so far.
    """

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        self._stream = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None
        self._there: OrderedDict[int, tuple[weakref.ref[Image], Tensor]] = OrderedDict()
        self._lock = threading.Lock()
        self.uploads = 0

    def get(self, image: Image) -> Tensor:
        """The picture as (3, H, W) float32 BGR, 0 to 255, on the device."""
        with self._lock:
            known = self._there.pop(id(image), None)
            if known is None or known[0]() is not image:
                known = weakref.ref(image), self._upload(image)
            self._there[id(image)] = known
            for key in [k for k, (alive, _) in self._there.items() if alive() is None]:
                del self._there[key]
            while len(self._there) > _MAX_PICTURES:
                self._there.popitem(last=False)
        return known[1].permute(2, 0, 1).float()

    def _upload(self, image: Image) -> Tensor:
        self.uploads += 1
        image = np.ascontiguousarray(image)
        host = torch.from_numpy(image if image.flags.writeable else image.copy())
        if self._stream is None:
            return host.to(self.device)
        with torch.cuda.stream(self._stream):
            # torch keeps the pinned memory until the copy, which runs beside the networks, is done
            there = host.pin_memory().to(self.device, non_blocking=True)
        main = torch.cuda.current_stream(self.device)
        main.wait_stream(self._stream)
        there.record_stream(main)
        return there


def cut(
    pictures: Sequence[Tensor], boxes: Sequence[I64], size: tuple[int, int], way: Filter
) -> Tensor:
    """Crops of pictures, resized on the device.

    The figures are those of cv2 and Pillow: a part is cropped first, so that nothing beside it
    leaks in, and enlarging is bilinear. ``roi_align``, which smooths twice and samples beyond the
    box, moved probabilities of real faces by up to 0.05.

    Args:
        pictures: Pictures (C, H, W) on the device.
        boxes: ``boxes[i]`` (N_i, 4) are whole xyxy px of ``pictures[i]``, not empty; what lies
            beyond a picture repeats its edge.
        size: Height and width in px of the crops.
        way: How to shrink, see ``weights``.

    Returns:
        (ΣN_i, C, height, width) float32.
    """
    rows = np.cumsum([0, *map(len, boxes)])
    out = pictures[0].new_empty((int(rows[-1]), pictures[0].shape[0], *size))
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, picture in enumerate(pictures):
        if len(boxes[index]):
            by_shape.setdefault(tuple(picture.shape), []).append(index)
    for members in by_shape.values():
        whole = torch.stack([pictures[i] for i in members])
        owner = np.repeat(np.arange(len(members)), [len(boxes[i]) for i in members])
        where = np.concatenate([boxes[i] for i in members])
        target = np.concatenate([np.arange(rows[i], rows[i + 1]) for i in members])
        for start in range(0, len(owner), _MAX_CROPS):
            part = slice(start, start + _MAX_CROPS)
            to = torch.from_numpy(target[part]).to(whole.device)
            out[to] = _parts(whole, owner[part], where[part], size, way)
    return out


def _parts(whole: Tensor, owner: I64, boxes: I64, size: tuple[int, int], way: Filter) -> Tensor:
    """Boxes (N, 4) of the pictures ``owner`` (N,) of a batch (B, C, H, W), resized."""
    there = whole.device
    left, top, right, bottom = torch.from_numpy(boxes.astype(np.int64)).to(there).T
    wide, high = right - left, bottom - top
    sides = (boxes[:, 2:] - boxes[:, :2]).max(0).tolist()
    x, y = (torch.arange(side, device=there) for side in sides)
    cols = (left[:, None] + x).clip(0, whole.shape[3] - 1)
    lines = (top[:, None] + y).clip(0, whole.shape[2] - 1)
    index = torch.from_numpy(owner).to(there)[:, None, None]
    cut_out = whole[index, :, lines[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)
    across, down = weights(wide, size[1], sides[0], way), weights(high, size[0], sides[1], way)
    lines_done = cut_out @ across[:, None].mT
    # Pillow keeps whole grey levels between its two passes
    return down[:, None] @ (levels(lines_done) if way == "triangle" else lines_done)


def levels(values: Tensor) -> Tensor:
    """Whole grey levels, halves up as cv2 and Pillow round them."""
    return (values + 0.5).floor()


def weights(lengths: Tensor, size: int, longest: int, way: Filter) -> Tensor:
    """How much each source px counts in each resized one.

    Args:
        lengths: Source px of each of N lines, (N,).
        size: Resized px.
        longest: The largest of ``lengths``.
        way: Enlarging, either filter is bilinear; shrinking, "area" is the mean of what a new px
            covers and "triangle" weighs twice that span (Pillow's bilinear).

    Returns:
        (N, size, longest); rows sum to 1.
    """
    pixel = torch.arange(longest, device=lengths.device)[None, None, :]
    scale = (lengths / size)[:, None, None]
    first = torch.arange(size, device=lengths.device)[None, :, None] * scale
    tent = (1 - (pixel + 0.5 - first - scale / 2).abs() / scale.clip(min=1)).clip(min=0)
    if way == "area":
        covered = torch.minimum(pixel + 1, first + scale) - torch.maximum(pixel + 0.0, first)
        tent = torch.where(scale > 1, covered.clip(min=0), tent)
    tent = tent * (pixel < lengths[:, None, None])
    return tent / tent.sum(2, keepdim=True)
