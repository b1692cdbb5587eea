"""HSEmotion on a GPU: faces are cut and resized there, only outputs are downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.networks.classifiers.hsemotion import (
    MAX_BATCH,
    MEAN,
    STD,
    HSEmotionClassifier,
    inside,
)
from moodstream.realtime.networks.engines.base import (
    NetworkWrapper,
    Precision,
    RunsOn,
    TensorNetwork,
)
from moodstream.realtime.networks.engines.device_images import cut, levels, pictures_on
from moodstream.realtime.networks.engines.torch import TorchNetwork


class HSEmotionTorch(HSEmotionClassifier):
    """One HSEmotion model from its .pt file by torch on any device.

    Args:
        name: As of ``HSEmotionClassifier``.
        weights: The .pt file of that model.
        device: "cuda", "mps" or "cpu".
        precision: f32, f16 or bf16.

    Raises:
        MoodstreamError: As of ``HSEmotionClassifier``, and for files other than .pt.
    """

    def __init__(
        self, name: str, weights: Path, device: RunsOn, precision: Precision = "f32"
    ) -> None:
        super().__init__(name, weights, device, precision)
        if not isinstance(self._network, TorchNetwork):
            raise MoodstreamError(f"{weights.name} does not run by torch; use {name}.pt")
        self._torch: TensorNetwork = self._network
        self._pictures = pictures_on(device)

    def with_networks(self, wrap: NetworkWrapper) -> HSEmotionTorch:
        """The same classifier with ``wrap`` around its network."""
        other = copy(self)
        other._torch = wrap(self._torch)
        return other

    def raw(self, images: Sequence[Image], boxes: Sequence[F32]) -> F32:
        """The network's outputs (ΣN, n_out) float32, as ``HSEmotionClassifier.raw``."""
        import torch

        where = [
            np.array([inside(box, image.shape) for box in rows], np.int64)
            for image, rows in zip(images, boxes, strict=True)
        ]
        if not any(map(len, where)):
            return np.zeros((0, self._outputs), np.float32)
        there = self._pictures.device
        mean, std = (torch.from_numpy(v).to(there)[:, None, None] for v in (MEAN, STD))
        pictures = [self._pictures.get(image) for image in images]
        faces = levels(cut(pictures, where, (self.size, self.size), "triangle")).flip(1)
        batches = ((batch / 255 - mean) / std for batch in faces.split(MAX_BATCH))
        outputs: F32 = torch.cat([self._torch.run(batch)[0] for batch in batches]).cpu().numpy()
        return outputs
