"""The embedded emotion networks on a GPU: faces are cut there, only logits are downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.networks.classifiers.embedded import SIZE, EmbeddedClassifier, square
from moodstream.realtime.networks.engines.base import NetworkWrapper, Precision, TensorNetwork
from moodstream.realtime.networks.engines.device_images import cut, levels, pictures_on
from moodstream.realtime.networks.engines.torch import TorchNetwork, from_onnx
from moodstream.realtime.networks.weights import packaged

MAX_BATCH = 256


class EmbeddedTorch(EmbeddedClassifier):
    """A network of this package by torch.

    Args:
        name: As of ``EmbeddedClassifier``.
        device: "cuda", "mps" or "cpu".
        precision: f32, f16 or bf16.
    """

    def __init__(self, name: str, device: str, precision: Precision = "f32") -> None:
        self.name, self.precision = name, precision
        self._pictures = pictures_on(device)
        self._torch: TensorNetwork = TorchNetwork(
            from_onnx(packaged.embedded(name)), device, precision
        )
        # As cv2 makes a BGR picture grey.
        self._grey = np.array([0.114, 0.587, 0.299], np.float32)

    def with_networks(self, wrap: NetworkWrapper) -> EmbeddedTorch:
        """The same classifier with ``wrap`` around its network."""
        other = copy(self)
        other._torch = wrap(self._torch)
        return other

    def _logits(self, images: Sequence[Image], boxes: Sequence[F32]) -> F32:
        import torch

        if not any(map(len, boxes)):
            return np.zeros((0, len(self.classes)), np.float32)
        weight = torch.from_numpy(self._grey).to(self._pictures.device)[:, None, None]
        grey = [
            (self._pictures.get(image) * weight).sum(0, keepdim=True).round() for image in images
        ]
        where = [np.array([square(box) for box in rows], np.int64) for rows in boxes]
        faces = levels(cut(grey, where, (SIZE, SIZE), "area"))
        chunks = [self._torch.run(chunk)[0] for chunk in faces.split(MAX_BATCH)]
        logits: F32 = torch.cat(chunks).cpu().numpy()
        return logits
