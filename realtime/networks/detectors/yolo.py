"""YOLOv8 faces by OpenVINO on the CPU, from ONNX and TFLite files of any of its layouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Detections
from moodstream.realtime.networks.detectors.geometry import Letterbox, clip, input_size, nms, solid
from moodstream.realtime.networks.detectors.yolo_outputs import Reader, reader_of
from moodstream.realtime.networks.engines.base import Network, NetworkWrapper, Pixels, Precision, T
from moodstream.realtime.networks.engines.compile import compile_model
from moodstream.realtime.networks.engines.openvino import input_shape
from moodstream.realtime.networks.engines.shape_cache import ShapeCache

NMS_IOU = 0.7
MAX_FACES = 300
GREY = 114
KEPT_SHARE = 4
"""Networks are kept for so many times ``size``² px: one of each shape of picture."""


class YoloFaceOnnx:
    """A one-class YOLOv8 detector, with or without five keypoints, on OpenVINO.

    Args:
        weights: An ONNX or TFLite file, in any layout that ``yolo_outputs`` reads; one with a
            fixed input size keeps that.
        size: Longer side of the input in px, a multiple of 32; the shorter one follows from the
            picture's shape, as in ultralytics.
        precision: What it computes in.
        streams: Calls that run side by side.

    Raises:
        MoodstreamError: The file is another kind of network, or none.
    """

    def __init__(
        self, weights: Path, size: int = 640, precision: Precision = "f32", streams: int = 1
    ) -> None:
        self.name, self._size = weights.stem, size
        channels_last, self._fixed = _input_of(weights)
        if weights.suffix.casefold() == ".tflite":
            streams = 1  # OpenVINO 2026.4 answers nonsense for int8 ones in several streams
        compiled = partial(
            compile_model,
            weights,
            "cpu",
            precision=precision,
            streams=streams,
            pixels=Pixels(scale=(255.0,) * 3, swap=True, channels_last=channels_last),
        )
        self._network_of: Callable[[tuple[int, ...]], Network]
        self._network_of = ShapeCache(compiled, KEPT_SHARE * size**2)
        self._read = self._reader(weights)

    def _reader(self, weights: Path) -> Reader:
        """How to read its outputs, found out on a picture with nobody in it."""
        size = self._canvas((self._size, self._size))
        blank = np.full((*size, 3), GREY, np.uint8)
        try:
            outputs = self._run(blank, lambda outputs: [np.array(out) for out in outputs])
        except RuntimeError as error:  # such as one that cannot take pictures of this size
            raise MoodstreamError(f"{weights}: does not run ({_first_line(error)})") from error
        reader = reader_of(outputs, size)
        if reader is None:
            shapes = ", ".join(str(out.shape) for out in outputs)
            raise MoodstreamError(
                f"expected a YOLO face detector of one class with 0 or 5 keypoints, "
                f"got outputs of shape {shapes}: {weights}"
            )
        return reader

    def with_networks(self, wrap: NetworkWrapper) -> YoloFaceOnnx:
        """The same detector with ``wrap`` around its network of each input shape."""
        other = copy(self)
        other._network_of = lambda shape: wrap(self._network_of(shape))
        return other

    def full_side(self, shape: tuple[int, ...]) -> int:
        """The longer side in px at which it takes a picture (H, W, …)."""
        fit = Letterbox.fit(shape, self._canvas(shape))
        return max(fit.height, fit.width)

    def tile_reader(self, size: tuple[int, int]) -> tuple[YoloFaceOnnx, tuple[int, int]]:
        """Itself, and the height and width of the pictures that it takes as they are."""
        return self, self._fixed or (self._size, self._size)

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        """Faces for each (H, W, 3) uint8 BGR picture, best score first."""
        # One by one: on a CPU a batch is no quicker, and files with a fixed input take one.
        return [self._detect(image, min_confidence) for image in images]

    def _detect(self, image: Image, threshold: float) -> Detections:
        fit = Letterbox.fit(image.shape, self._canvas(image.shape))
        rows = self._run(letterboxed(image, fit), lambda outputs: self._read(outputs, threshold))
        keep = nms(rows[:, :4], rows[:, 4], NMS_IOU)[:MAX_FACES]
        return in_picture(rows[keep], fit, image.shape)

    def _canvas(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return self._fixed or input_size(shape, self._size)

    def _run(self, canvas: Image, take: Callable[[list[F32]], T]) -> T:
        """What ``take`` makes of the network's outputs, of which it must keep nothing."""
        network = self._network_of((1, 3, *canvas.shape[:2]))
        return network.infer_in_place(canvas[None], take)


def _input_of(weights: Path) -> tuple[bool, tuple[int, int] | None]:
    """Whether a file's input has the channels last, and its height and width if they are fixed."""
    try:
        shape = input_shape(weights)
    except RuntimeError as error:
        raise MoodstreamError(f"{weights}: not a network ({_first_line(error)})") from error
    channels_last = len(shape) == 4 and shape[3] == 3 and shape[1] != 3
    channels = shape[3 if channels_last else 1] if len(shape) == 4 else None
    if channels not in (-1, 3) or shape[0] not in (-1, 1):
        raise MoodstreamError(
            f"expected a YOLO face detector that takes (1, 3, H, W) or (1, H, W, 3), "
            f"got one that takes {shape}: {weights}"
        )
    height, width = shape[1:3] if channels_last else shape[2:]
    return channels_last, None if -1 in (height, width) else (height, width)


def _first_line(error: RuntimeError) -> str:
    """What went wrong, in a line: the last of OpenVINO's, whose first name its own files."""
    return next(iter(str(error).strip().splitlines()[::-1]), "").strip()[:160]


def letterboxed(image: Image, fit: Letterbox) -> Image:
    """A picture on its grey canvas, as ultralytics makes it: linear, uint8, grey 114."""
    if image.shape[:2] != (fit.height, fit.width):
        image = cv2.resize(image, (fit.width, fit.height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
    bars = (fit.top, fit.bottom, fit.left, fit.right)
    return cv2.copyMakeBorder(image, *bars, cv2.BORDER_CONSTANT, value=(GREY,) * 3)  # type: ignore[return-value]


def in_picture(rows: F32, fit: Letterbox, shape: tuple[int, ...]) -> Detections:
    """Faces (N, 5) or (N, 20) as xyxy box, score and five keypoints, canvas px to picture px."""
    height, width = shape[:2]
    marks = None
    if rows.shape[1] == 20:
        points = rows[:, 5:].reshape(-1, 5, 3)[:, :, :2]
        marks = clip(fit.to_picture(points), height, width)
    boxes = clip(fit.to_picture(rows[:, :4]), height, width)
    return Detections(boxes, rows[:, 4], marks).take(solid(boxes))
