"""The network of this package, as ONNX files and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIZE = 48


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


class EmotionNet(nn.Module):
    """Grey faces (N, 1, 48, 48) in 0..255 to logits (N, 7).

    Each picture is standardised inside the network, so exposure and contrast do not matter and
    the caller needs no constants.
    """

    def __init__(
        self, widths: tuple[int, ...] = (40, 96, 224), depths: tuple[int, ...] = (2, 2, 2)
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(1, widths[0], 5, 2, 2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        inputs = widths[0]
        for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            for index in range(depth):
                layers.append(Block(inputs, width, 2 if stage and index == 0 else 1))
                inputs = width
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(inputs, len(CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean((1, 2, 3), keepdim=True)
        spread = (centred * centred).mean((1, 2, 3), keepdim=True).sqrt()
        features = self.features(centred / (spread + 4.0))
        return self.head(self.dropout(features.mean((2, 3))))


@torch.no_grad()
def logits_of(model: nn.Module, images: Tensor, flip: bool = False) -> Tensor:
    model.eval()
    out = []
    for batch in images.split(256):
        x = batch[:, None].float()
        out.append(model(x) if not flip else (model(x) + model(x.flip(3))) / 2)
    return torch.cat(out)


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


def export(model: nn.Module, path: Path) -> None:
    """Write ONNX: faces (n, 1, 48, 48) to logits (n, 7), float16 weights that run in float32."""
    import openvino as ov

    model = model.eval().to(memory_format=torch.contiguous_format)
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


@torch.no_grad()
def take_over(model: nn.Module, path: Path, faces: Tensor) -> None:
    """Load an exported network, whose normalisations are folded, back into ``model``.

    Each normalisation gets the statistics of its layer on ``faces`` (N, 48, 48), and the scale
    and shift that leave the network's answers as they are. Filters get the norm of fresh ones,
    which the answers do not depend on but the learning rate does.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    values = {
        tensor.name.removesuffix(".half"): torch.from_numpy(
            numpy_helper.to_array(tensor).astype(np.float32)
        )
        for tensor in graph.initializer
    }
    plain = {k: v for k, v in values.items() if not k.startswith("onnx::")}
    model.load_state_dict(plain, strict=False)
    folded = iter(
        [n.input[1:3] for n in graph.node if n.op_type == "Conv" and "onnx::" in n.input[1]]
    )
    x = faces[:, None].float()
    modules = list(model.modules())
    norms = [m for m in modules if isinstance(m, nn.BatchNorm2d)]
    convs = [m for m in modules if isinstance(m, nn.Conv2d) and m.bias is None]
    for conv, norm in zip(convs, norms, strict=True):
        weight, bias = (values[name] for name in next(folded))
        size = 3**-0.5 / weight.flatten(1).norm(dim=1).clamp(min=1e-6)
        conv.weight.copy_(weight * size[:, None, None, None])
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.copy_(1 / size)
        norm.bias.copy_(bias)
    before = logits_of(model, faces[:256])
    seen: dict[nn.Module, Tensor] = {}
    hooks = [
        norm.register_forward_pre_hook(lambda module, args: seen.__setitem__(module, args[0]))
        for norm in norms
    ]
    model(x)
    for hook, norm in zip(hooks, norms, strict=True):
        hook.remove()
        variance, mean = torch.var_mean(seen[norm], (0, 2, 3))
        norm.bias.add_(norm.weight * mean)
        norm.weight.mul_((variance + norm.eps).sqrt())
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
    gap = (logits_of(model, faces[:256]) - before).abs().max()
    if gap > 1e-2:
        raise SystemExit(f"the network taken over differs from {path} by {gap}")
