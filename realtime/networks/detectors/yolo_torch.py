"""YOLOv8 faces by torch on any device, read by ultralytics from the .pt file."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors.batches import by_size
from moodstream.realtime.networks.detectors.geometry import Letterbox, input_size
from moodstream.realtime.networks.detectors.yolo import (
    GREY,
    MAX_FACES,
    NMS_IOU,
    in_picture,
)
from moodstream.realtime.networks.engines.base import NetworkWrapper, Precision, TensorNetwork

MAX_BATCH = 16


class YoloFaceTorch:
    """A one-class YOLOv8 detector, with or without five keypoints, by torch on any device.

    Each picture is uploaded once, and those of one shape share a batch; letterboxing, decoding
    and suppression run on the device.

    Args:
        weights: The .pt file, read by ultralytics.
        device: "cuda", "cuda:1", "mps" or "cpu".
        size: Longer side of the input in px; the same canvas as that of the ONNX file.
        precision: f32, f16 or bf16.

    Raises:
        MoodstreamError: The file cannot be read without running code from it (unless
            ULTRALYTICS_SAFE_LOAD=0), or is another kind of network.
    """

    def __init__(
        self, weights: Path, device: str, size: int = 640, precision: Precision = "f32"
    ) -> None:
        quiet_ultralytics()
        _refuse_pickled_code()
        from ultralytics.models import YOLO

        from moodstream.realtime.networks.engines.device_images import pictures_on
        from moodstream.realtime.networks.engines.torch import TorchNetwork

        self.name, self._size = weights.stem, size
        try:
            model = YOLO(str(weights))
        except (TypeError, OSError) as error:
            raise MoodstreamError(f"cannot read {weights} as YOLO weights: {error}") from error
        if model.task not in ("detect", "pose") or len(model.names) != 1:
            raise MoodstreamError(f"not a face detector of one class: {weights}")
        self._network: TensorNetwork = TorchNetwork(
            model.model.fuse(verbose=False), device, precision
        )
        self._pictures = pictures_on(device)

    def with_networks(self, wrap: NetworkWrapper) -> YoloFaceTorch:
        """The same detector with ``wrap`` around its network."""
        other = copy(self)
        other._network = wrap(self._network)
        return other

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces for each (H, W, 3) uint8 BGR picture, best score first."""
        size_of = partial(input_size, side=self._size)
        detect = partial(self._detect, threshold=min_confidence)
        return by_size(images, size_of, lambda _: MAX_BATCH, detect)

    def _detect(
        self, images: Sequence[Image], canvas: tuple[int, int], threshold: float
    ) -> list[Detections]:
        import torch
        from torchvision.ops import batched_nms

        fits = [Letterbox.fit(image.shape, canvas) for image in images]
        inputs = [self._input(i, fit, canvas) for i, fit in zip(images, fits, strict=True)]
        output = self._network.run(torch.stack(inputs))[0]
        picture, anchor = torch.nonzero(output[:, 4] > threshold, as_tuple=True)
        rows = output[picture, :, anchor]
        half = rows[:, 2:4] / 2
        boxes = torch.cat([rows[:, :2] - half, rows[:, :2] + half], dim=1)
        keep = batched_nms(boxes, rows[:, 4], picture, NMS_IOU)
        kept = torch.cat([picture[:, None], boxes, rows[:, 4:]], dim=1)[keep].cpu().numpy()
        return [
            in_picture(kept[kept[:, 0] == index, 1:][:MAX_FACES], fit, image.shape)
            for index, (image, fit) in enumerate(zip(images, fits, strict=True))
        ]

    def _input(self, image: Image, fit: Letterbox, size: tuple[int, int]) -> Any:
        """A picture as the network's input: (3, *size) RGB, 0 to 1, as ``letterboxed``."""
        import torch

        picture = self._pictures.get(image)
        if image.shape[:2] != (fit.height, fit.width):
            fitted = (fit.height, fit.width)
            picture = torch.nn.functional.interpolate(picture[None], fitted, mode="bilinear")[0]
        canvas = picture.new_full((3, *size), GREY)
        inside = canvas[:, fit.top : fit.top + fit.height, fit.left : fit.left + fit.width]
        inside.copy_(picture.round())
        return canvas.flip(0) / 255


def quiet_ultralytics() -> None:
    """Keep ultralytics from the network, from pip, from pickled code and from the user's settings.

    Call before its first import. Variables by which the user allows pickled code or chooses the
    settings folder are respected.
    """
    os.environ["YOLO_OFFLINE"] = "1"
    os.environ["YOLO_AUTOINSTALL"] = "False"
    os.environ.setdefault("YOLO_VERBOSE", "False")
    os.environ.setdefault("ULTRALYTICS_SAFE_LOAD", "true")
    # Importing it writes a settings file where there is none; not into the user's own folder.
    os.environ.setdefault("YOLO_CONFIG_DIR", str(user_cache_path("moodstream")))
    from ultralytics.utils import SETTINGS

    # Its own setter would write the file.
    dict.__setitem__(SETTINGS, "sync", False)
    # If it was imported before, its choice to send events has been made already.
    for module in ("ultralytics.utils.events", "ultralytics.hub.utils"):
        events = getattr(sys.modules.get(module), "events", None)
        if events is not None:
            events.enabled = False


def _refuse_pickled_code() -> None:
    """Have ultralytics build only classes it knows from a .pt file, whoever imported it first.

    It reads ULTRALYTICS_SAFE_LOAD once, when it is imported: a program that did so before
    moodstream would have every .pt run the code in it.
    """
    from ultralytics.nn import tasks

    allowed = os.environ["ULTRALYTICS_SAFE_LOAD"].strip().lower() in ("0", "false", "no", "off")
    tasks.SAFE_LOAD = not allowed
