"""Train the emotion networks of this package and export them to ONNX.

    python tools/train_embedded.py train --member embedded --fer2013 F --expressions E --out DIR
    python tools/train_embedded.py export --fer2013 F --expressions E --out DIR

``fer2013.npz`` holds ``images (N, 48, 48) uint8``, ``labels`` and ``usage`` (0 Training,
1 PublicTest, 2 PrivateTest); ``expressions.npz`` holds ``images (N, 128, 128, 3) uint8 RGB``
and ``labels``. Even-numbered expressions are trained on, odd-numbered ones only measured.
PublicTest is watched during training and temperatures are fitted on it; PrivateTest is evaluated
once, by ``export``, which writes ``DIR/networks``: an ONNX file a member, and ``card.json``;
``tools/quantise.py`` makes their versions in int8.

``train`` runs the phases of one member (MEMBERS) and resumes from ``DIR/MEMBER/PHASE.pt``. Each
phase starts from the weight average of the one before; with ``--start NETWORKS --from PHASE`` the
phases before PHASE are left out and ``NETWORKS/MEMBER.onnx`` stands for them; ``export`` with
``--start`` takes members that were not trained again from there. An epoch takes 45-100 s on two
CPU cores (bf16).
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from emotion_net import CLASSES, SIZE, EmotionNet, export, logits_of, take_over
from torch import Tensor, nn
from torch.nn import functional as F

from moodstream.realtime.evaluation.emotions.calibrate import fit
from moodstream.realtime.evaluation.emotions.metrics import figures
from moodstream.realtime.networks.classifiers.calibration import rescale

SMALL = 40
"""px of the pictures of the first epochs, see ``Phase.small``."""


@dataclass(frozen=True)
class Phase:
    """One phase of the training of a network.

    Attributes:
        name: Name of the phase, and of its checkpoint.
        epochs: How many it has.
        peak: Highest learning rate.
        strength: Of the augmentation, 0 to 1.
        balance: Exponent by which rare classes are drawn more often: 0 as they are, 1 all alike.
        mixup: Whether pairs of pictures are mixed (mixup).
        small: The first epochs, which run on pictures of 40 px and take a third less.
        teacher: The share of the targets that is predicted, by all the networks of ``--start``
            together or else by the network the phase starts from (distillation: about one
            FER2013 label in ten is wrong).
    """

    name: str
    epochs: int
    peak: float
    strength: float
    balance: float = 0.25
    mixup: bool = False
    small: int = 0
    teacher: float = 0.0


@dataclass(frozen=True)
class Member:
    """One network of the ensemble.

    Attributes:
        widths: Channels of its stages.
        seed: Of the random numbers of its training.
        phases: The phases of its training.
    """

    widths: tuple[int, int, int]
    seed: int
    phases: tuple[Phase, ...]


MEMBERS: Mapping[str, Member] = {
    "embedded": Member(
        (32, 96, 256),
        1,
        (
            Phase("mild", 50, 0.1, 0.5, small=34),
            Phase("long", 40, 0.06, 0.5, small=26, teacher=0.3),
        ),
    ),
    "embedded_b": Member(
        (40, 96, 224),
        42,
        (
            Phase("broad", 30, 0.08, 1.0, balance=0.5, mixup=True),
            Phase("fine", 8, 0.03, 0.4, balance=0.5, teacher=0.4),
            # not in the package's file yet: the ensemble was no better on the second set
            Phase("mild", 30, 0.06, 0.5, small=20, teacher=0.5),
        ),
    ),
}


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


def sampling_weights(labels: Tensor, fer_count: int, balance: float) -> Tensor:
    """Rarer classes more often; the second domain counts three times."""
    counts = torch.bincount(labels, minlength=len(CLASSES)).float()
    weights = counts.pow(-balance)[labels]
    weights[fer_count:] *= 3.0
    return weights


def augment(
    x: Tensor, generator: torch.Generator, strength: float = 1.0, size: int = SIZE
) -> Tensor:
    """What a detector and a bad camera do to a face: (N, 1, 48, 48) to (N, 1, size, size)."""
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
    # faces of 12-40 px are the rule in groups
    for part in order[: round(0.4 * strength * n)].chunk(8):
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
    if size == SIZE:
        return x
    return F.interpolate(x, (size, size), mode="bilinear", antialias=True)


def scores(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> dict[str, Any]:
    """The scores that ``moodstream evaluate emotions`` reports."""
    probs = rescale(logits.float().softmax(1).numpy(), temperature)
    return asdict(figures(probs, labels.numpy()))


def train(
    args: argparse.Namespace,
    splits: dict[str, tuple[Tensor, Tensor]],
    phase: Phase,
    model: nn.Module,
    teachers: Sequence[nn.Module],
) -> nn.Module:
    """Train ``model`` in place and return the average of its weights."""
    member = MEMBERS[args.member]
    generator = torch.Generator().manual_seed(member.seed)
    images, labels = splits["train"]
    targets = F.one_hot(labels, len(CLASSES)).float()
    if phase.teacher:
        taught = sum(logits_of(t, images, flip=True).softmax(1) for t in teachers) / len(teachers)
        targets = (1 - phase.teacher) * targets + phase.teacher * taught
    average = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True
    )
    weights = sampling_weights(labels, len(labels) - len(splits["other"][1]), phase.balance)
    steps = len(labels) // args.batch
    optimiser = torch.optim.SGD(
        model.parameters(), 0.01, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, phase.peak, total_steps=steps * phase.epochs, pct_start=0.2
    )
    parts: dict[str, Any] = {
        "model": model,
        "average": average,
        "optimiser": optimiser,
        "schedule": schedule,
    }
    start, last = 0, args.out / args.member / f"{phase.name}.pt"
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
            size = SMALL if epoch < phase.small else SIZE
            x = augment(images[pick][:, None].float(), generator, phase.strength, size)
            x, target = x.to(memory_format=torch.channels_last), targets[pick]
            if phase.mixup:
                share = float(np.random.default_rng(int(pick[0])).beta(0.2, 0.2))
                share = max(share, 1 - share)
                x = share * x + (1 - share) * x.flip(0)
                target = share * target + (1 - share) * target.flip(0)
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
        partial = last.with_suffix(".part")
        torch.save(state | {"generator": generator.get_state(), "epoch": epoch + 1}, partial)
        partial.replace(last)
    return copy.deepcopy(average.module)


def run_training(args: argparse.Namespace) -> None:
    """Train one member through its phases."""
    (args.out / args.member).mkdir(parents=True, exist_ok=True)
    splits = load(args.fer2013, args.expressions)
    member = MEMBERS[args.member]
    torch.manual_seed(member.seed)
    model: nn.Module = EmotionNet(member.widths).to(memory_format=torch.channels_last)
    phases = list(member.phases)
    teachers = []
    if args.start is not None:
        teachers = [started(args.start, name, splits) for name in MEMBERS]
        model.load_state_dict(teachers[list(MEMBERS).index(args.member)].state_dict())
        phases = phases[[p.name for p in phases].index(args.first) :]
    for phase in phases:
        model = train(args, splits, phase, model, teachers or [model])


def started(networks: Path, name: str, splits: dict[str, tuple[Tensor, Tensor]]) -> nn.Module:
    """A member as it was exported to ``networks``."""
    model = EmotionNet(MEMBERS[name].widths)
    take_over(model, networks / f"{name}.onnx", splits["train"][0][:2048])
    return model


def trained(
    args: argparse.Namespace, name: str, splits: dict[str, tuple[Tensor, Tensor]]
) -> tuple[nn.Module, bool]:
    """The weight average at the end of a member's last phase and True, or what ``--start`` has."""
    member = MEMBERS[name]
    last = member.phases[-1]
    path = args.out / name / f"{last.name}.pt"
    if args.start is not None and not path.exists():
        return started(args.start, name, splits), False
    state = torch.load(path, weights_only=True)
    if state["epoch"] != last.epochs:
        raise SystemExit(f"{name}: {last.name} is at epoch {state['epoch']} of {last.epochs}")
    average = torch.optim.swa_utils.AveragedModel(EmotionNet(member.widths), use_buffers=True)
    average.load_state_dict(state["average"])
    return average.module, True


def run_export(args: argparse.Namespace) -> None:
    """Export every member, fit temperatures and priors on PublicTest and write the card."""
    folder = args.out / "networks"
    folder.mkdir(parents=True, exist_ok=True)
    splits = load(args.fer2013, args.expressions)
    networks: dict[str, Any] = {}
    together: dict[str, Any] = dict.fromkeys(splits, 0)
    for name in MEMBERS:
        model, again = trained(args, name, splits)
        logits = {split: logits_of(model, images) for split, (images, _) in splits.items()}
        raw = logits["public"].softmax(1).numpy()
        temperature, prior = fit(raw, splits["public"][1].numpy())
        path = folder / f"{name}.onnx"
        if again:
            export(model, path)
        else:
            shutil.copyfile(args.start / path.name, path)
        networks[name] = {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "temperature": temperature,
            "prior": prior,
            "scores": {s: scores(logits[s], splits[s][1], temperature) for s in MEASURED},
        }
        for split in splits:
            probs = rescale(logits[split].softmax(1).numpy(), temperature)
            together[split] = together[split] + probs / len(MEMBERS)
    temperature, prior = fit(together["public"], splits["public"][1].numpy())
    ensemble = {
        "members": list(MEMBERS),
        "temperature": temperature,
        "prior": prior,
        "scores": {
            s: asdict(figures(rescale(together[s], temperature), splits[s][1].numpy()))
            for s in MEASURED
        },
    }
    card = {"classes": CLASSES, "networks": networks, "ensemble": ensemble}
    (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    print(json.dumps(card, indent=2))


MEASURED = ("public", "private", "other")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "export"))
    parser.add_argument("--member", choices=tuple(MEMBERS), default="embedded")
    parser.add_argument("--fer2013", type=Path, required=True)
    parser.add_argument("--expressions", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--start", type=Path, metavar="NETWORKS", help="see above")
    parser.add_argument("--from", dest="first", metavar="PHASE")
    args = parser.parse_args()
    {"train": run_training, "export": run_export}[args.what](args)


if __name__ == "__main__":
    main()
