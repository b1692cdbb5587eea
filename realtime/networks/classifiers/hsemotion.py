"""HSEmotion (Savchenko, 2022): EfficientNet on AffectNet, as ONNX or as the original pickle."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from moodstream.realtime.arrays import F32, Image
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import EmotionPredictions
from moodstream.realtime.maths import softmax
from moodstream.realtime.networks.classifiers.checkpoint import state_dict_of
from moodstream.realtime.networks.engines.base import (
    Network,
    NetworkWrapper,
    Pixels,
    Precision,
    RunsOn,
)
from moodstream.realtime.networks.weights.store import WeightsError

NAMES = (
    "enet_b0_8_best_vgaf",
    "enet_b0_8_best_afew",
    "enet_b0_8_va_mtl",
    "enet_b2_7",
    "enet_b2_8",
)
"""The models of HSEmotion that can be used."""

CLASSES = ("angry", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
MAX_BATCH = 32

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def size_of(name: str) -> int:
    """The side in px of the square picture that a model takes."""
    return 224 if "_b0_" in name else 260


def classes_of(name: str) -> tuple[str, ...]:
    """The classes of a model, in the order of its outputs."""
    return tuple(c for c in CLASSES if c != "contempt") if "_7" in name else CLASSES


class HSEmotionClassifier:
    """One HSEmotion model, on the CPU by OpenVINO (.onnx) or by torch (.pt, any device).

    Args:
        name: One of ``NAMES``.
        weights: The .onnx or .pt file of that model.
        device: Where it runs; "cpu" for a .onnx file.
        precision: What it computes in.
        streams: Calls that run side by side, with OpenVINO.

    Raises:
        MoodstreamError: There is no such model, or the device is not there.
        WeightsError: The file is not that of the model.
    """

    def __init__(
        self,
        name: str,
        weights: Path,
        device: RunsOn = "cpu",
        precision: Precision = "f32",
        streams: int = 1,
    ) -> None:
        if name not in NAMES:
            raise MoodstreamError(f"no HSEmotion model {name!r}; there are {', '.join(NAMES)}")
        self.name = name
        self.classes = classes_of(name)
        self.size = size_of(name)
        self._outputs = len(self.classes) + (2 if name.endswith("_mtl") else 0)
        self._takes_pixels = weights.suffix == ".onnx"
        self._network = _load(weights, name, device, precision, streams)
        # A file of another model would otherwise only show by senseless predictions.
        outputs = self._network(self._input(np.zeros((1, self.size, self.size, 3), np.uint8)))[0]
        if outputs.shape != (1, self._outputs):
            raise WeightsError(
                f"{weights}: expected {self._outputs} outputs for {name}, got {outputs.shape[-1]}"
            )

    def with_networks(self, wrap: NetworkWrapper) -> HSEmotionClassifier:
        """The same classifier with ``wrap`` around its network."""
        other = copy(self)
        other._network = wrap(self._network)
        return other

    def _input(self, crops: Image) -> Any:
        return crops if self._takes_pixels else normalised(crops)

    def raw(self, images: Sequence[Image], boxes: Sequence[F32]) -> F32:
        """The network's outputs (ΣN, n_out) float32, before the softmax.

        ``images`` are (H, W, 3) uint8 BGR, ``boxes`` (N_i, 4) xyxy px; columns are ``classes``,
        then valence and arousal for the ``_mtl`` model. Faces of all pictures share batches.
        """
        faces = [(im, box) for im, where in zip(images, boxes, strict=True) for box in where]
        chunks = [np.zeros((0, self._outputs), np.float32)]
        for start in range(0, len(faces), MAX_BATCH):
            batch = [crop(im, box, self.size) for im, box in faces[start : start + MAX_BATCH]]
            chunks.append(self._network(self._input(np.stack(batch)))[0])
        return np.concatenate(chunks)

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> EmotionPredictions:
        """Softmax over the classes; of the ``_mtl`` model also valence and arousal, in [-1, 1]."""
        raw = self.raw(images, boxes)
        k = len(self.classes)
        affect = np.clip(raw[:, k:], -1, 1) if self._outputs > k else None
        return EmotionPredictions(softmax(raw[:, :k]), affect)


def inside(box: F32, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """A box (4,) as whole xyxy px within a picture (H, W, …), at least one pixel wide and high.

    Raises ValueError for a box that is not finite.
    """
    if not np.isfinite(box).all():
        raise ValueError("expected finite boxes, got NaN or infinity")
    height, width = shape[:2]
    x1, y1, x2, y2 = np.rint(box).astype(int).tolist()
    left, top = min(max(x1, 0), width - 1), min(max(y1, 0), height - 1)
    return left, top, min(max(x2, left + 1), width), min(max(y2, top + 1), height)


def crop(image: Image, box: F32, size: int) -> Image:
    """One box (4,) xyxy px of a (H, W, 3) uint8 BGR picture as (size, size, 3) uint8 RGB.

    Clipped to the picture and at least one pixel wide. Resized as torchvision resizes a PIL
    picture, which is what the models were trained on; cv2's bilinear does not average when it
    shrinks. Raises ValueError for a box that is not finite.
    """
    left, top, right, bottom = inside(box, image.shape)
    rgb = np.ascontiguousarray(image[top:bottom, left:right, ::-1])
    shrunk = Pillow.fromarray(rgb).resize((size, size), Pillow.Resampling.BILINEAR)
    return np.asarray(shrunk, np.uint8)


def normalised(crops: Image) -> F32:
    """(N, S, S, 3) uint8 RGB to (N, 3, S, S) float32, ImageNet mean and deviation."""
    batch = (crops.astype(np.float32) / 255 - MEAN) / STD
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2))


def _load(weights: Path, name: str, device: RunsOn, precision: Precision, streams: int) -> Network:
    if weights.suffix == ".pt":
        from moodstream.realtime.networks.engines.torch import TorchNetwork

        return TorchNetwork(efficientnet(weights, name, device), device, precision)
    if weights.suffix != ".onnx":
        raise WeightsError(f"expected weights that end in .onnx or .pt, got {weights}")
    if device != "cpu":
        raise MoodstreamError(f"{weights.name} runs on the CPU only; on {device} use {name}.pt")
    from moodstream.realtime.networks.engines.openvino import OpenVinoNetwork

    try:
        shape = (-1, 3, size_of(name), size_of(name))
        mean, deviation = (tuple((255 * values).tolist()) for values in (MEAN, STD))
        return OpenVinoNetwork(weights, shape, precision, streams, Pixels(mean, deviation))
    except RuntimeError as error:
        raise WeightsError(f"{weights} is not an ONNX file of {name} that can be read") from error


def efficientnet(weights: Path, name: str, device: str) -> Any:
    """An EfficientNet of timm with the tensors of a pickled one; ``device`` must be there."""
    import timm
    import torch

    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not available[device]:
        raise MoodstreamError(f"PyTorch finds no {device} device here; use the device cpu")
    state = state_dict_of(weights)
    head = state.get("classifier.weight")
    if head is None:
        raise WeightsError(f"{weights} has no classifier.weight, so it is not {name}")
    kind = "tf_efficientnet_b0" if "_b0_" in name else "tf_efficientnet_b2"
    model = timm.create_model(kind, pretrained=False, num_classes=head.shape[0])
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"{weights} does not hold the tensors of {kind}") from error
    return model
