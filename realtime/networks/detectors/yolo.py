"""YOLOv8 faces: the ONNX file on OpenVINO, or the .pt file by torch on a GPU."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from platformdirs import user_cache_path

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors.batches import by_size
from moodstream.realtime.networks.detectors.geometry import Letterbox, clip, input_size, nms, solid
from moodstream.realtime.networks.engines.base import (
    Network,
    NetworkWrapper,
    Pixels,
    Precision,
    T,
    TensorNetwork,
)
from moodstream.realtime.networks.engines.compile import compile_model
from moodstream.realtime.networks.engines.openvino import input_shape
from moodstream.realtime.networks.engines.shape_cache import ShapeCache

NMS_IOU = 0.7
MAX_FACES = 300
MAX_BATCH = 16
GREY = 114
KEPT_SHARE = 4
"""Networks are kept for so many times ``size``² px: one of each shape of picture."""


class YoloFaceOnnx:
    """A one-class YOLOv8 detector, with or without five keypoints, on OpenVINO.

    Args:
        weights: The ONNX file; one with a fixed input size keeps that.
        size: Longer side of the input in px, a multiple of 32; the shorter one follows from the
            picture's shape, as in ultralytics.
        precision: What it computes in.
        streams: Calls that run side by side.

    Raises:
        MoodstreamError: The file is another kind of network.
    """

    def __init__(
        self, weights: Path, size: int = 640, precision: Precision = "f32", streams: int = 1
    ) -> None:
        self.name, self._size = weights.stem, size
        compiled = partial(
            compile_model,
            weights,
            "cpu",
            precision=precision,
            streams=streams,
            pixels=Pixels(scale=(255.0,) * 3, swap=True),
        )
        self._network_of: Callable[[tuple[int, ...]], Network]
        self._network_of = ShapeCache(compiled, KEPT_SHARE * size**2)
        inputs = input_shape(weights)
        self._fixed: tuple[int, int] | None = None
        if -1 not in inputs and len(inputs) == 4:
            self._fixed = inputs[2], inputs[3]
        if len(inputs) != 4 or inputs[0] not in (-1, 1) or inputs[1] not in (-1, 3):
            raise MoodstreamError(
                f"expected a YOLO face detector that takes (1, 3, H, W), "
                f"got one that takes {inputs}: {weights}"
            )
        blank = np.zeros((*self._canvas((size, size)), 3), np.uint8)
        shape: tuple[int, ...] = self._run(blank, lambda output: output.shape)
        if len(shape) != 3 or shape[1] not in (5, 20):
            raise MoodstreamError(
                f"expected a YOLO face detector of one class with 0 or 5 keypoints, "
                f"got an output of shape {shape}: {weights}"
            )

    def with_networks(self, wrap: NetworkWrapper) -> YoloFaceOnnx:
        """The same detector with ``wrap`` around its network of each input shape."""
        other = copy(self)
        other._network_of = lambda shape: wrap(self._network_of(shape))
        return other

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces for each (H, W, 3) uint8 BGR picture, best score first."""
        # One by one: on a CPU a batch is no quicker, and files with a fixed input take one.
        return [self._detect(image, min_confidence) for image in images]

    def _detect(self, image: Image, threshold: float) -> Detections:
        fit = Letterbox.fit(image.shape, self._canvas(image.shape))
        return self._run(
            letterboxed(image, fit), lambda output: decode(output[0], fit, image.shape, threshold)
        )

    def _canvas(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return self._fixed or input_size(shape, self._size)

    def _run(self, canvas: Image, take: Callable[[F32], T]) -> T:
        """What ``take`` makes of the network's output, of which it must keep nothing."""
        network = self._network_of((1, 3, *canvas.shape[:2]))
        return network.infer_in_place(canvas[None], lambda outputs: take(outputs[0]))


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
            _in_picture(kept[kept[:, 0] == index, 1:][:MAX_FACES], fit, image.shape)
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


def letterboxed(image: Image, fit: Letterbox) -> Image:
    """A picture on its grey canvas, as ultralytics makes it: linear, uint8, grey 114."""
    if image.shape[:2] != (fit.height, fit.width):
        image = cv2.resize(image, (fit.width, fit.height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    bars = (fit.top, fit.bottom, fit.left, fit.right)
    return cv2.copyMakeBorder(image, *bars, cv2.BORDER_CONSTANT, value=(GREY,) * 3)  # type: ignore[return-value]


def decode(output: F32, fit: Letterbox, shape: tuple[int, ...], threshold: float) -> Detections:
    """One picture's faces from a YOLOv8 output, in px of the picture.

    Args:
        output: (5, A) as centre x, y, width, height in canvas px and score, or (20, A) with five
            keypoints of x, y, visibility.
        fit: How the picture lies in the canvas.
        shape: Shape of the picture, (H, W, …).
        threshold: Scores must be above it.
    """
    rows = output[:, output[4] > threshold].T
    half = rows[:, 2:4] / 2
    boxes = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1)
    keep = nms(boxes, rows[:, 4], NMS_IOU)[:MAX_FACES]
    return _in_picture(np.concatenate([boxes, rows[:, 4:]], axis=1)[keep], fit, shape)


def _in_picture(rows: F32, fit: Letterbox, shape: tuple[int, ...]) -> Detections:
    """Faces (N, 5) or (N, 20) as xyxy box, score and five keypoints, canvas px to picture px."""
    height, width = shape[:2]
    marks = None
    if rows.shape[1] == 20:
        points = rows[:, 5:].reshape(-1, 5, 3)[:, :, :2]
        marks = clip(fit.to_picture(points), height, width)
    boxes = clip(fit.to_picture(rows[:, :4]), height, width)
    return Detections(boxes, rows[:, 4], marks).take(solid(boxes))
