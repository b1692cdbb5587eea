"""Train the embedded emotion network and export it to ONNX.

    python tools/train_embedded.py --fer2013 fer2013.npz --expressions expressions.npz --out DIR

``fer2013.npz`` holds ``images (N, 48, 48) uint8``, ``labels`` and ``usage`` (0 Training,
1 PublicTest, 2 PrivateTest); ``expressions.npz`` holds ``images (N, 128, 128, 3) uint8 RGB``
and ``labels``. Even-numbered expressions are trained on, odd-numbered ones only measured.
PublicTest is watched during training; PrivateTest is read once, at the end.

Two phases: *broad* learns from strongly augmented pictures with mixup; *fine* starts from its
weight average and learns from mildly augmented ones, its targets mixed with the predictions of
that average (self-distillation: about one FER2013 label in ten is wrong). A run resumes from
``DIR/PHASE.pt``. One epoch took 75-130 s on two CPU cores (bf16).
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIZE = 48


@dataclass(frozen=True)
class Phase:
    """peak: highest learning rate; strength: of the augmentation, 0 to 1; teacher: its share."""

    name: str
    epochs: int
    peak: float
    strength: float
    mixup: bool
    teacher: float


BROAD = Phase("broad", 30, 0.08, 1.0, True, 0.0)
FINE = Phase("fine", 8, 0.03, 0.4, False, 0.4)


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


def grey_crops(images: np.ndarray) -> np.ndarray:
    """Colour crops (N, 128, 128, 3) RGB to grey (N, 48, 48)."""
    small = [
        cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (SIZE, SIZE), None, 0, 0, 3)
        for image in images
    ]
    return np.stack(small)


def load(fer_path: Path, expressions_path: Path) -> dict[str, tuple[Tensor, Tensor]]:
    fer = np.load(fer_path)
    other = np.load(expressions_path)
    for archive in (fer, other):
        if tuple(archive["classes"]) != CLASSES:
            raise SystemExit(f"expected the classes {CLASSES}, got {tuple(archive['classes'])}")
    other_grey, other_labels = grey_crops(other["images"]), other["labels"]

    def pair(images: np.ndarray, labels: np.ndarray) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(np.int64))

    splits = {
        name: pair(fer["images"][fer["usage"] == code], fer["labels"][fer["usage"] == code])
        for code, name in enumerate(("train", "public", "private"))
    }
    splits["other"] = pair(other_grey[1::2], other_labels[1::2])
    extra = pair(other_grey[0::2], other_labels[0::2])
    images, labels = splits["train"]
    splits["train"] = (torch.cat([images, extra[0]]), torch.cat([labels, extra[1]]))
    return splits


def sampling_weights(labels: Tensor, fer_count: int) -> Tensor:
    """Square-root class balance; the second domain counts three times."""
    counts = torch.bincount(labels, minlength=len(CLASSES)).float()
    weights = counts.rsqrt()[labels]
    weights[fer_count:] *= 3.0
    return weights


def augment(x: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """What a detector and a bad camera do to a face: (N, 1, 48, 48) to the same shape."""
    n = len(x)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape or (n,), generator=generator) * (high - low) + low

    geometry = 0.5 + 0.5 * strength
    angle = geometry * uniform(-0.3, 0.3)
    scale = 1 + geometry * uniform(-0.2, 0.2)
    aspect = uniform(0.92, 1.08)
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = flip * scale * aspect * angle.cos()
    theta[:, 0, 1] = -scale * angle.sin() * flip
    theta[:, 1, 0] = scale * angle.sin()
    theta[:, 1, 1] = scale / aspect * angle.cos()
    theta[:, :, 2] = geometry * uniform(-0.12, 0.12, n, 2)
    grid = F.affine_grid(theta, [n, 1, SIZE, SIZE], align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)

    order = torch.randperm(n, generator=generator)
    for part in order[: round(0.4 * strength * n)].chunk(
        8
    ):  # faces of 12-40 px are the rule in groups
        small = int(torch.randint(12, 40, (1,), generator=generator))
        shrunk = F.interpolate(x[part], (small, small), mode="bilinear", antialias=True)
        x[part] = F.interpolate(shrunk, (SIZE, SIZE), mode="bilinear")

    gamma = (strength * uniform(-0.4, 0.4)).exp().view(n, 1, 1, 1)
    x = 255 * (x.clamp(0, 255) / 255) ** gamma
    noisy = (uniform(0, 1) < 0.3 * strength).view(n, 1, 1, 1)
    x = x + noisy * uniform(0, 12).view(n, 1, 1, 1) * torch.randn(x.shape, generator=generator)
    for index in (uniform(0, 1) < 0.35 * strength).nonzero().flatten().tolist():
        h, w = torch.randint(6, 20, (2,), generator=generator).tolist()
        top = int(torch.randint(0, SIZE - h, (1,), generator=generator))
        left = int(torch.randint(0, SIZE - w, (1,), generator=generator))
        x[index, :, top : top + h, left : left + w] = 255 * torch.rand(1, generator=generator)
    return x


@torch.no_grad()
def logits_of(model: nn.Module, images: Tensor, flip: bool = False) -> Tensor:
    model.eval()
    out = []
    for batch in images.split(256):
        x = batch[:, None].float()
        out.append(model(x) if not flip else (model(x) + model(x.flip(3))) / 2)
    return torch.cat(out)


def scores(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro-F1, cross-entropy, 15-bin ECE."""
    probs = logits.float().softmax(1)
    confidence, predicted = probs.max(1)
    hit = predicted == labels
    recalls, f1s = [], []
    for k in range(len(CLASSES)):
        true, said = labels == k, predicted == k
        both = (true & said).sum().item()
        recalls.append(both / max(true.sum().item(), 1))
        f1s.append(2 * both / max((true.sum() + said.sum()).item(), 1))
    bins = (confidence * 15).long().clamp(max=14)
    ece = 0.0
    for b in range(15):
        inside = bins == b
        if inside.any():
            gap = hit[inside].float().mean() - confidence[inside].mean()
            ece += inside.float().mean().item() * abs(gap.item())
    return {
        "accuracy": hit.float().mean().item(),
        "balanced_accuracy": float(np.mean(recalls)),
        "macro_f1": float(np.mean(f1s)),
        "cross_entropy": F.cross_entropy(logits.float(), labels).item(),
        "ece": ece,
    }


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Temperature scaling (Guo et al. 2017): the T that minimises cross-entropy of logits / T."""
    grid = torch.linspace(0.3, 3.0, 541)
    losses = torch.stack([F.cross_entropy(logits / t, labels) for t in grid])
    return float(grid[losses.argmin()])


def train(
    args: argparse.Namespace,
    splits: dict[str, tuple[Tensor, Tensor]],
    phase: Phase,
    model: nn.Module,
) -> nn.Module:
    """Train ``model`` in place and return the average of its weights."""
    generator = torch.Generator().manual_seed(args.seed)
    images, labels = splits["train"]
    targets = F.one_hot(labels, len(CLASSES)).float()
    if phase.teacher:
        taught = logits_of(model, images, flip=True).softmax(1)
        targets = (1 - phase.teacher) * targets + phase.teacher * taught
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    weights = sampling_weights(labels, len(labels) - (len(splits["other"][1])))
    steps = len(labels) // args.batch
    optimiser = torch.optim.SGD(
        model.parameters(), 0.01, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, phase.peak, total_steps=steps * phase.epochs, pct_start=0.2
    )
    parts = {"model": model, "average": average, "optimiser": optimiser, "schedule": schedule}
    start, last = 0, args.out / f"{phase.name}.pt"
    if last.exists():
        state = torch.load(last, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        generator.set_state(state["generator"])
        start = state["epoch"]
    for epoch in range(start, phase.epochs):
        model.train()
        began, total = time.monotonic(), 0.0
        picks = torch.multinomial(weights, steps * args.batch, True, generator=generator)
        for pick in picks.split(args.batch):
            x = augment(images[pick][:, None].float(), generator, phase.strength)
            x, target = x.to(memory_format=torch.channels_last), targets[pick]
            if phase.mixup:
                mix = float(np.random.default_rng(int(pick[0])).beta(0.2, 0.2))
                mix = max(mix, 1 - mix)
                x = mix * x + (1 - mix) * x.flip(0)
                target = mix * target + (1 - mix) * target.flip(0)
            with torch.autocast("cpu", torch.bfloat16):
                out = model(x)
            loss = F.cross_entropy(out.float(), target, label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            average.update_parameters(model)
            total += loss.item()
        line = (
            f"{phase.name} {epoch + 1}: loss {total / steps:.4f}, {time.monotonic() - began:.0f} s"
        )
        if epoch % 2 or epoch + 1 == phase.epochs:
            for name in ("public", "other"):
                got = scores(logits_of(average.module, splits[name][0]), splits[name][1])
                line += f"; {name} acc {got['accuracy']:.4f} F1 {got['macro_f1']:.4f}"
        print(line, flush=True)
        state = {name: part.state_dict() for name, part in parts.items()}
        torch.save(state | {"generator": generator.get_state(), "epoch": epoch + 1}, last)
    return copy.deepcopy(average.module)


class Exported(nn.Module):
    """Logits divided by the fitted temperature, then softmax."""

    def __init__(self, model: nn.Module, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        return (self.model(x) / self.temperature).softmax(1)


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


def export(model: nn.Module, temperature: float, path: Path) -> None:
    """Write ONNX with float16 weights (half the size) that runs in float32."""
    import openvino as ov

    model = model.eval().to(memory_format=torch.contiguous_format)
    exported = Exported(model, temperature).eval()
    torch.onnx.export(
        exported,
        (torch.rand(2, 1, SIZE, SIZE) * 255,),
        path,
        input_names=["faces"],
        output_names=["probabilities"],
        dynamic_axes={"faces": {0: "n"}, "probabilities": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    halve_weights(path)
    x = torch.rand(9, 1, SIZE, SIZE) * 255
    compiled = ov.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.no_grad():
        gap = np.abs(compiled(x.numpy())[0] - exported(x).numpy()).max()
    if gap > 2e-3:  # what rounding the weights to float16 may do
        raise SystemExit(f"the exported network differs from torch by {gap}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fer2013", type=Path, required=True)
    parser.add_argument("--expressions", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=42)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    splits = load(args.fer2013, args.expressions)
    torch.manual_seed(args.seed)
    model: nn.Module = EmotionNet().to(memory_format=torch.channels_last)
    for phase in (BROAD, FINE):
        model = train(args, splits, phase, model)
    temperature = fit_temperature(logits_of(model, splits["public"][0]), splits["public"][1])
    export(model, temperature, args.out / "embedded.onnx")
    digest = hashlib.sha256((args.out / "embedded.onnx").read_bytes()).hexdigest()
    report: dict[str, object] = {
        "sha256": digest,
        "temperature": temperature,
        "classes": CLASSES,
    }
    for name in ("public", "private", "other"):
        logits = logits_of(model, splits[name][0])
        report[name] = scores(logits / temperature, splits[name][1])
    (args.out / "embedded.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
