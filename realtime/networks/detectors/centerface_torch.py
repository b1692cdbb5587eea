"""CenterFace on a GPU: each picture is uploaded once, only boxes are downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors.centerface import NMS_IOU, STRIDE, CenterFace, geometry
from moodstream.realtime.networks.engines.base import NetworkWrapper, Precision, TensorNetwork
from moodstream.realtime.networks.engines.device_images import cut, pictures_on
from moodstream.realtime.networks.engines.torch import TorchNetwork, from_onnx


class CenterFaceTorch(CenterFace):
    """CenterFace by torch on any device; resizing, decoding and suppression run there, too.

    Args:
        weights: The ONNX file.
        device: "cuda", "mps" or "cpu".
        max_side: As of ``CenterFace``.
        min_side: As of ``CenterFace``.
        precision: f32, f16 or bf16.
    """

    def __init__(
        self,
        weights: Path,
        device: str,
        max_side: int = 1280,
        min_side: int = 0,
        precision: Precision = "f32",
    ) -> None:
        super().__init__(weights, max_side, min_side, precision)
        self._pictures = pictures_on(device)
        self._torch: TensorNetwork = TorchNetwork(from_onnx(weights), device, precision)

    def with_networks(self, wrap: NetworkWrapper) -> CenterFaceTorch:
        """The same detector with ``wrap`` around its network."""
        other = copy(self)
        other._torch = wrap(self._torch)
        return other

    def _detect(
        self, images: Sequence[Image], size: tuple[int, int], threshold: float
    ) -> list[Detections]:
        import torch
        from torchvision.ops import batched_nms

        whole = [np.array([[0, 0, im.shape[1], im.shape[0]]]) for im in images]
        batch = cut([self._pictures.get(image) for image in images], whole, size, "area")
        heat, *maps = self._torch.run(batch)
        image, rows, cols = torch.nonzero(heat[:, 0] > threshold, as_tuple=True)
        sizes, shifts, marks = (part[image, :, rows, cols].T for part in maps)
        limits = heat.shape[2] * STRIDE, heat.shape[3] * STRIDE
        boxes, points = geometry(torch, rows, cols, sizes, shifts, marks, limits)
        scores = heat[image, 0, rows, cols]
        keep = batched_nms(boxes, scores, image, NMS_IOU)
        parts = [image[:, None], boxes, scores[:, None], points.flatten(1)]
        rows_of_all = torch.cat(parts, dim=1)[keep].cpu().numpy()
        return [
            Detections(own[:, 1:5], own[:, 5], own[:, 6:].reshape(-1, 5, 2))
            for own in (rows_of_all[rows_of_all[:, 0] == index] for index in range(len(images)))
        ]
