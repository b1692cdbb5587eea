"""YOLOv8 faces: the ONNX file on OpenVINO, or the .pt file by torch on a GPU."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from platformdirs import user_cache_path

from moodstream.realtime.detectors.geometry import Letterbox, clip, nms, solid
from moodstream.realtime.engines.base import Precision
from moodstream.realtime.engines.openvino import OpenVinoNetwork
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import F32, Detections, Image

NMS_IOU = 0.7
MAX_FACES = 300
MAX_BATCH = 16
GREY = 114


class YoloFaceOnnx:
    """A one-class YOLOv8 detector, with or without five keypoints, on OpenVINO.

    weights: the ONNX file; size: side of the square input in px, a multiple of 32. A file with
    a fixed input size keeps its own. Raises MoodstreamError for other networks.
    """

    def __init__(self, weights: Path, size: int = 640, precision: Precision = "f32") -> None:
        self.name = weights.stem
        network = OpenVinoNetwork(weights, precision=precision)
        if -1 in network.input_shape:
            network = OpenVinoNetwork(weights, (1, 3, size, size), precision)
        if network.input_shape[:2] != (1, 3) or len(network.input_shape) != 4:
            raise MoodstreamError(
                f"expected a YOLO face detector that takes (1, 3, H, W), "
                f"got one that takes {network.input_shape}: {weights}"
            )
        self._network = network
        self._height, self._width = network.input_shape[2:]
        answer = network(np.zeros(network.input_shape, np.float32))[0]
        if answer.ndim != 3 or answer.shape[1] not in (5, 20):
            raise MoodstreamError(
                f"expected a YOLO face detector of one class with 0 or 5 keypoints, "
                f"got an output of shape {answer.shape}: {weights}"
            )

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces for each (H, W, 3) uint8 BGR picture, best score first."""
        # One by one: on a CPU a batch is no quicker, and files with a fixed input take one.
        return [
            decode(self._run(image), self._fit(image), image.shape, min_confidence)
            for image in images
        ]

    def _fit(self, image: Image) -> Letterbox:
        return Letterbox.fit(image.shape, (self._height, self._width))

    def _run(self, image: Image) -> F32:
        canvas = letterboxed(image, self._fit(image))
        blob = canvas[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32) / 255
        return self._network(blob)[0][0]


class YoloFaceTorch:
    """A one-class YOLOv8 detector, with or without five keypoints, by torch on any device.

    weights: the .pt file, read by ultralytics; device: "cuda", "cuda:1", "mps" or "cpu"; size:
    side of the square input in px, the same canvas as that of the ONNX file on the CPU. Pictures
    go up once and share a batch; letterboxing, decoding and suppression run on the device.
    Raises MoodstreamError if the file cannot be read without running code from it (unless
    ULTRALYTICS_SAFE_LOAD=0) or is another kind of network.
    """

    def __init__(
        self, weights: Path, device: str, size: int = 640, precision: Precision = "f32"
    ) -> None:
        quiet_ultralytics()
        from ultralytics.models import YOLO

        from moodstream.realtime.engines.pictures import pictures_on
        from moodstream.realtime.engines.torch import TorchNetwork

        self.name, self._size = weights.stem, size
        try:
            model = YOLO(str(weights))
        except (TypeError, OSError) as error:
            raise MoodstreamError(f"cannot read {weights} as YOLO weights: {error}") from error
        if model.task not in ("detect", "pose") or len(model.names) != 1:
            raise MoodstreamError(f"not a face detector of one class: {weights}")
        self._network = TorchNetwork(model.model.fuse(verbose=False), device, precision)
        self._pictures = pictures_on(device)

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces for each (H, W, 3) uint8 BGR picture, best score first."""
        found: list[Detections] = []
        for start in range(0, len(images), MAX_BATCH):
            found += self._detect(images[start : start + MAX_BATCH], min_confidence)
        return found

    def _detect(self, images: Sequence[Image], threshold: float) -> list[Detections]:
        import torch
        from torchvision.ops import batched_nms

        fits = [Letterbox.fit(image.shape, (self._size, self._size)) for image in images]
        canvases = [self._canvas(image, fit) for image, fit in zip(images, fits, strict=True)]
        output = self._network.run(torch.stack(canvases))[0]
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

    def _canvas(self, image: Image, fit: Letterbox) -> Any:
        """A picture as the network wants it: (3, size, size) RGB, 0 to 1, as ``letterboxed``."""
        import torch

        picture = self._pictures.get(image)
        if image.shape[:2] != (fit.height, fit.width):
            size = (fit.height, fit.width)
            picture = torch.nn.functional.interpolate(picture[None], size, mode="bilinear")[0]
        canvas = picture.new_full((3, self._size, self._size), GREY)
        inside = canvas[:, fit.top : fit.top + fit.height, fit.left : fit.left + fit.width]
        inside.copy_(picture.round())
        return canvas.flip(0) / 255


def quiet_ultralytics() -> None:
    """Keep ultralytics from the network, from pip, from pickled code and from the user's settings.

    Call before its first import. A variable that the user set to allow loading of pickled code
    or to choose the settings folder is respected.
    """
    os.environ["YOLO_OFFLINE"] = "1"
    os.environ["YOLO_AUTOINSTALL"] = "False"
    os.environ.setdefault("YOLO_VERBOSE", "False")
    os.environ.setdefault("ULTRALYTICS_SAFE_LOAD", "1")
    # Importing it writes a settings file where there is none; not into the user's own folder.
    os.environ.setdefault("YOLO_CONFIG_DIR", str(user_cache_path("moodstream")))
    from ultralytics.utils import SETTINGS

    # Its own setter would write the file.
    dict.__setitem__(SETTINGS, "sync", False)
    # Where someone else imported it before, the choice has been made already.
    for module in ("ultralytics.utils.events", "ultralytics.hub.utils"):
        events = getattr(sys.modules.get(module), "events", None)
        if events is not None:
            events.enabled = False


def letterboxed(image: Image, fit: Letterbox) -> Image:
    """A picture on its grey canvas, as ultralytics makes it: linear, uint8, grey 114."""
    if image.shape[:2] != (fit.height, fit.width):
        image = cv2.resize(image, (fit.width, fit.height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    bars = (fit.top, fit.bottom, fit.left, fit.right)
    return cv2.copyMakeBorder(image, *bars, cv2.BORDER_CONSTANT, value=(GREY,) * 3)  # type: ignore[return-value]


def decode(output: F32, fit: Letterbox, shape: tuple[int, ...], threshold: float) -> Detections:
    """Read one picture's faces off a YOLOv8 output.

    output: (5, A) as centre x, y, width, height in canvas px and score, or (20, A) with five
    keypoints of x, y, visibility; shape: the picture's (H, W, …); threshold: scores must be
    above it. Returns picture px.
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
