"""The emotion networks of this package in torch, and their export to ONNX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The classes of FER2013's own labels: the first seven logits."""

VOTES = (*LABELS, "contempt")
"""What people vote for: the last eight logits, and all that is exported."""

SIZE = 48


@dataclass(frozen=True)
class Shape:
    """The layers of a network.

    Attributes:
        widths: Channels of each stage.
        depths: Residual blocks of each stage.
        stem: Side in px of the first filters.
        stem_stride: Their stride.
        dropout: Of the features before the head, in training.
        enlarge: Side in px to which faces are enlarged inside the network; None for none.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    stem: int = 5
    stem_stride: int = 2
    dropout: float = 0.1
    enlarge: int | None = None


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 8, 1)
        self.expand = nn.Conv2d(channels // 8, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.expand(torch.relu(self.reduce(x.mean((2, 3), keepdim=True))))
        return x * torch.sigmoid(gate)


class Block(nn.Module):
    """Residual block: two 3x3 convolutions and a squeeze-and-excitation gate."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
            SqueezeExcite(outputs),
        )
        self.skip: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.skip = nn.Sequential(
                nn.AvgPool2d(stride),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.skip(x))


def standardised(x: Tensor) -> Tensor:
    """Faces (N, 1, H, W) with a mean of 0 and a spread of nearly 1 each; flat ones stay flat."""
    centred = x - x.mean((1, 2, 3), keepdim=True)
    spread = (centred * centred).mean((1, 2, 3), keepdim=True).sqrt()
    return centred / (spread + 4.0)


class EmotionNet(nn.Module):
    """Grey faces (N, 1, 48, 48) in 0..255 to logits (N, 15): LABELS, then VOTES.

    Each picture is standardised inside the network, so exposure and contrast do not matter and
    the caller needs no constants.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths, stem = shape.widths, shape.stem
        layers: list[nn.Module] = [
            nn.Conv2d(1, widths[0], stem, shape.stem_stride, stem // 2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        inputs = widths[0]
        for stage, (width, depth) in enumerate(zip(widths, shape.depths, strict=True)):
            for index in range(depth):
                layers.append(Block(inputs, width, 2 if stage and index == 0 else 1))
                inputs = width
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(shape.dropout)
        self.head = nn.Linear(inputs, len(LABELS) + len(VOTES))
        self.enlarge = shape.enlarge

    def forward(self, x: Tensor) -> Tensor:
        x = standardised(x)
        if self.enlarge is not None:
            side = (self.enlarge, self.enlarge)
            x = nn.functional.interpolate(x, side, mode="bilinear", align_corners=False)
        return self.head(self.dropout(self.features(x).mean((2, 3))))

    def load(self, path: Path) -> EmotionNet:
        """Take the weights of a checkpoint, which may be stored in float16."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
        )
        return self

    def save(self, path: Path) -> None:
        """Write the weights, those of more than one dimension in float16."""
        halved = {
            k: v.half() if v.is_floating_point() and v.ndim > 1 else v
            for k, v in self.state_dict().items()
        }
        partial = path.with_suffix(".part")
        torch.save({k: v.cpu().contiguous() for k, v in halved.items()}, partial)
        partial.replace(path)


class VotesOnly(nn.Module):
    """Faces (N, 1, 48, 48) to the logits (N, 8) of VOTES: what is exported of a network."""

    def __init__(self, net: EmotionNet) -> None:
        super().__init__()
        self.features, self.head = net.features, nn.Linear(net.head.in_features, len(VOTES))
        with torch.no_grad():
            self.head.weight.copy_(net.head.weight[len(LABELS) :])
            self.head.bias.copy_(net.head.bias[len(LABELS) :])

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(standardised(x)).mean((2, 3)))


@torch.no_grad()
def logits_of(model: nn.Module, images: Tensor, flip: bool = False) -> Tensor:
    """Logits (N, K) of faces (N, 48, 48); with ``flip`` the mean with their mirror images."""
    model.eval()
    device = next(model.parameters()).device
    out = []
    for batch in images.split(512):
        x = batch[:, None].float().to(device)
        out.append(model(x) if not flip else (model(x) + model(x.flip(3))) / 2)
    return torch.cat(out).cpu()


def halve_weights(path: Path) -> None:
    """Store an ONNX file's large weights as float16 and cast them back where they are used."""
    import onnx
    from onnx import numpy_helper

    proto = onnx.load(path)
    graph, casts = proto.graph, []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 1000:
            continue
        small = numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}.half")
        graph.initializer.remove(tensor)
        graph.initializer.append(small)
        casts.append(
            onnx.helper.make_node("Cast", [small.name], [tensor.name], to=onnx.TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(proto)
    onnx.save(proto, path)


def export(net: EmotionNet, path: Path) -> None:
    """Write ONNX: faces (n, 1, 48, 48) to logits (n, 8), float16 weights that run in float32."""
    import openvino as ov

    model = VotesOnly(net).cpu().eval().to(memory_format=torch.contiguous_format)
    torch.onnx.export(
        model,
        (torch.rand(2, 1, SIZE, SIZE) * 255,),
        path,
        input_names=["faces"],
        output_names=["logits"],
        dynamic_axes={"faces": {0: "n"}, "logits": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    halve_weights(path)
    x = torch.rand(9, 1, SIZE, SIZE) * 255
    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    ours = torch.from_numpy(compiled(x.numpy())[0]).softmax(1)
    with torch.no_grad():
        gap = (ours - model(x).softmax(1)).abs().max()
    if gap > 2e-3:  # what rounding the weights to float16 may do
        raise SystemExit(f"the exported network differs from torch by {gap}")
