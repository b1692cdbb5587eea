r"""Train the emotion networks of this package and export them.

    python tools/train_emotions.py teacher a --minutes 20 DATA --out DIR
    python tools/train_emotions.py teacher b --minutes 20 DATA --out DIR
    python tools/train_emotions.py students --minutes 25 DATA --out DIR
    python tools/train_emotions.py export DATA --out DIR --networks NETWORKS
    python tools/quantise.py emotions DATA --out NETWORKS

where DATA is ``--fer2013 fer2013.npz --votes ferplus_votes.npz --expressions expressions.npz``
(``emotion_data.py`` tells what is in them).

Two teachers learn FER2013's labels and the shares of ten people's votes (FER+, Barsoum et al.
2016); the students, which are what is shipped, learn from the mean of the teachers on the same
augmented pictures (distillation, Hinton et al. 2015) and a little from the data. The learning rate
follows the clock, so that a slower machine makes fewer epochs and ends in time all the same; every
network is the average of its weights over the steps. A run that was cut off goes on from its last
checkpoint in DIR; with ``--start FOLDER`` training goes on from the networks there, at a third of
the peak rate. PublicTest is only watched; PrivateTest is read once, by ``export``, which fits the
calibration on PublicTest's votes and writes ``card.json``.

Runs on CUDA where there is a card (an epoch of both students takes 2 to 3 s on an H200), else on
the CPU (minutes).
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from emotion_augment import Augment
from emotion_data import Split, read
from emotion_net import LABELS, EmotionNet, Shape, export, logits_of
from torch import Tensor
from torch.nn import functional as F

from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.evaluation.datasets.votes import Votes
from moodstream.realtime.evaluation.emotions import calibrate
from moodstream.realtime.evaluation.emotions.vote_scores import vote_scores
from moodstream.realtime.maths import fold_to
from moodstream.realtime.networks.classifiers.calibration import rescale

WARM_UP = 0.08
"""Share of a run in which the learning rate rises."""

FROM_DATA = 0.15
"""Share of a student's targets that is the data's own; the rest is the teachers'."""

SMOOTHING = 0.05
CHECKPOINT_S = 60.0
CLASSES = (*EMOTIONS, "contempt")


@dataclass(frozen=True)
class Recipe:
    """How one network is trained.

    Attributes:
        shape: Its layers.
        peak: Highest learning rate, at batches of 512.
        strength: Of the augmentation, 0 to 1.
        decay: Weight decay.
        mixup: Whether pairs of pictures are mixed (mixup, Zhang et al. 2018).
        seed: Of its random numbers.
    """

    shape: Shape
    peak: float
    strength: float
    decay: float
    mixup: bool
    seed: int


TEACHERS: Mapping[str, Recipe] = {
    "a": Recipe(
        Shape((64, 128, 256, 384), (2, 2, 2, 2), stem=3, stem_stride=1, dropout=0.4),
        peak=0.12,
        strength=0.6,
        decay=5e-4,
        mixup=False,
        seed=11,
    ),
    "b": Recipe(
        Shape((64, 128, 224, 352), (2, 2, 3, 2), stem=7, dropout=0.4, enlarge=80),
        peak=0.12,
        strength=0.9,
        decay=5e-4,
        mixup=True,
        seed=12,
    ),
}
STUDENTS: Mapping[str, Recipe] = {
    "embedded": Recipe(Shape((32, 96, 256), (2, 2, 2)), 0.15, 0.7, 3e-4, False, 5),
    "embedded_b": Recipe(Shape((56, 128, 288), (2, 2, 3)), 0.15, 0.7, 3e-4, False, 5),
}


class Trained:
    """A network in training: its optimiser, and the average of its weights over the steps."""

    def __init__(self, net: EmotionNet, recipe: Recipe, device: torch.device) -> None:
        self.net = net.to(device).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval()
        self.peak, self.steps = recipe.peak, 0
        self.optimiser = torch.optim.SGD(
            self.net.parameters(),
            0.01,
            momentum=0.9,
            weight_decay=recipe.decay,
            nesterov=True,
            fused=device.type == "cuda",
        )

    def step(self, loss: Tensor, done: float) -> None:
        """Follow the gradient; ``done`` is the share of the run that is over."""
        rate = self.peak * _schedule(done) + 1e-5
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.steps += 1
        keep = min(0.998, 1 - 1 / (self.steps + 1)) if done < 0.95 else 0.999
        with torch.no_grad():
            mine, fresh = list(self.average.parameters()), list(self.net.parameters())
            torch._foreach_lerp_(mine, fresh, 1 - keep)
            for one, other in zip(self.average.buffers(), self.net.buffers(), strict=True):
                one.copy_(other)

    def state(self) -> dict[str, Any]:
        """What a run that was cut off goes on from."""
        return {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "steps": self.steps,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` gave."""
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps = int(state["steps"])


def _schedule(done: float) -> float:
    """The learning rate as a share of its peak: a rise, then half a cosine."""
    if done < WARM_UP:
        return done / WARM_UP
    return 0.5 * (1 + float(np.cos(np.pi * (done - WARM_UP) / (1 - WARM_UP))))


@dataclass(frozen=True)
class Batch:
    """Augmented faces and what is to be said of them.

    Attributes:
        faces: (N, 1, 48, 48).
        labels: (N, 7) shares of LABELS.
        shares: (N, 8) shares of VOTES.
        counts: (N,) how much ``shares`` counts.
    """

    faces: Tensor
    labels: Tensor
    shares: Tensor
    counts: Tensor

    def loss(self, net: EmotionNet) -> Tensor:
        """The cross-entropy of both heads."""
        labels, answers = _outputs(net, self.faces)
        by_votes = F.cross_entropy(answers, self.shares, reduction="none") * self.counts
        return F.cross_entropy(labels, self.labels) + by_votes.mean()


Prepare = Callable[[Tensor, Tensor], Batch]
"""The batch of augmented faces (N, 1, 48, 48) and of the rows (N,) that they are."""


def run(
    args: argparse.Namespace,
    splits: Mapping[str, Split],
    trained: Mapping[str, Trained],
    augment: Augment,
    prepare: Prepare,
) -> None:
    """Train networks side by side on the same batches until the time is over."""
    train, size = splits["train"].to(args.device), args.batch
    path = args.out / f"{'+'.join(trained)}.checkpoint"
    spent = saved = _restore(path, trained)
    weights, drawn = train.draw_weights(), torch.Generator(args.device).manual_seed(7)
    budget, began = args.minutes * 60, time.monotonic() - spent
    told, steps = spent / budget, 0
    while (done := (time.monotonic() - began) / budget) < 1:
        # eight batches at a time, so that a GPU does not wait for small steps
        rows = torch.multinomial(weights, 8 * size, True, generator=drawn)
        faces = augment(train.images[rows][:, None].float())
        faces = faces.to(memory_format=torch.channels_last)
        for x, row in zip(faces.split(size), rows.split(size), strict=True):
            batch = prepare(x, row)
            for each in trained.values():
                each.net.train()
                each.step(batch.loss(each.net), min(done, 1.0))
            steps += 1
        if done - told > 0.07:
            told = done
            progress = f"{done:.0%}, {steps * size / len(train):.1f} epochs"
            print(f"{progress}: {_watched(trained, splits)}", flush=True)
        if time.monotonic() - began - saved > CHECKPOINT_S:
            saved = time.monotonic() - began
            _checkpoint(path, trained, saved)
    print(f"end, {steps * size / len(train):.1f} epochs: {_watched(trained, splits)}")
    for name, each in trained.items():
        each.average.save(args.out / f"{name}.pt")
    path.unlink(missing_ok=True)


def _restore(path: Path, trained: Mapping[str, Trained]) -> float:
    """Go on from a checkpoint, if there is one; returns the seconds that were spent up to it."""
    if not path.is_file():
        return 0.0
    state = torch.load(path, map_location="cpu", weights_only=True)
    for name, each in trained.items():
        each.restore(state[name])
    return float(state["seconds"])


def _checkpoint(path: Path, trained: Mapping[str, Trained], seconds: float) -> None:
    partial = path.with_suffix(".part")
    states = {name: each.state() for name, each in trained.items()}
    torch.save(states | {"seconds": seconds}, partial)
    partial.replace(path)


def _watched(trained: Mapping[str, Trained], splits: Mapping[str, Split]) -> str:
    """How well networks do on PublicTest, in one line."""
    public, parts = splits["public"], []
    for name, each in trained.items():
        logits = logits_of(each.average, public.images)
        by_label = (logits[:, : len(LABELS)].argmax(1) == public.labels).float().mean()
        answers = logits[public.voted, len(LABELS) :]
        shares = public.shares[public.voted]
        agree = (answers.argmax(1) == shares.argmax(1)).float().mean()
        entropy = F.cross_entropy(answers, shares)
        parts.append(f"{name} labels {by_label:.4f} votes {agree:.4f} cross-entropy {entropy:.4f}")
    return "; ".join(parts)


def _outputs(net: EmotionNet, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of the labels (N, 7) and of the votes (N, 8)."""
    with torch.autocast(x.device.type, torch.bfloat16):
        out = net(x)
    return out[:, : len(LABELS)].float(), out[:, len(LABELS) :].float()


def _start(name: str, recipe: Recipe, args: argparse.Namespace) -> Trained:
    torch.manual_seed(recipe.seed)
    net = EmotionNet(recipe.shape)
    # the peak is for batches of 512; smaller ones take smaller steps (Goyal et al. 2017)
    recipe = replace(recipe, peak=recipe.peak * (args.batch / 512) ** 0.5)
    if args.start is not None:
        net.load(args.start / f"{name}.pt")
        recipe = replace(recipe, peak=recipe.peak / 3)
    return Trained(net, recipe, args.device)


def teacher(args: argparse.Namespace, splits: Mapping[str, Split]) -> None:
    """Train one teacher on labels and votes."""
    recipe, train = TEACHERS[args.name], splits["train"].to(args.device)
    hot = torch.eye(len(LABELS), device=args.device)[train.labels]
    hot = (1 - SMOOTHING) * hot + SMOOTHING / len(LABELS)
    shares, voted = train.shares, train.voted.float()
    rng = np.random.default_rng(recipe.seed)

    def prepare(x: Tensor, rows: Tensor) -> Batch:
        batch = Batch(x, hot[rows], shares[rows], voted[rows])
        return mixed_up(batch, float(rng.beta(0.2, 0.2))) if recipe.mixup else batch

    name = f"teacher_{args.name}"
    augment = Augment(recipe.strength, args.device, recipe.seed)
    run(args, splits, {name: _start(name, recipe, args)}, augment, prepare)


def mixed_up(batch: Batch, share: float) -> Batch:
    """Each face blended with another, and what is to be said of them as well (mixup)."""
    share = max(share, 1 - share)
    blended = [
        share * part + (1 - share) * part.flip(0)
        for part in (batch.faces, batch.labels, batch.shares)
    ]
    return Batch(*blended, torch.minimum(batch.counts, batch.counts.flip(0)))


def students(args: argparse.Namespace, splits: Mapping[str, Split]) -> None:
    """Train both students on what the teachers in ``--out`` or ``--start`` say."""
    train = splits["train"].to(args.device)
    hot = torch.eye(len(LABELS), device=args.device)[train.labels]
    own, voted = train.shares, train.voted[:, None]
    teachers = [_teacher(name, args) for name in TEACHERS]

    @torch.no_grad()
    def prepare(x: Tensor, rows: Tensor) -> Batch:
        outs = [_outputs(one, x) for one in teachers]
        labels, shares = (torch.stack([o[k].softmax(1) for o in outs]).mean(0) for k in (0, 1))
        labels = (1 - FROM_DATA) * labels + FROM_DATA * hot[rows]
        with_votes = (1 - FROM_DATA) * shares + FROM_DATA * own[rows]
        shares = torch.where(voted[rows], with_votes, shares)
        return Batch(x, labels, shares, torch.ones(len(x), device=args.device))

    trained = {name: _start(name, recipe, args) for name, recipe in STUDENTS.items()}
    recipe = next(iter(STUDENTS.values()))
    run(args, splits, trained, Augment(recipe.strength, args.device, recipe.seed), prepare)


def _teacher(name: str, args: argparse.Namespace) -> EmotionNet:
    path = args.out / f"teacher_{name}.pt"
    if not path.is_file() and args.start is not None:
        path = args.start / path.name
    net = EmotionNet(TEACHERS[name].shape).load(path).to(args.device).eval()
    return net.to(memory_format=torch.channels_last)


def write_networks(args: argparse.Namespace, splits: Mapping[str, Split]) -> None:
    """Export the students, fit their calibration on PublicTest's votes and write the card."""
    args.networks.mkdir(parents=True, exist_ok=True)
    answers: dict[str, dict[str, Any]] = {}
    entries: dict[str, Any] = {}
    for name, recipe in STUDENTS.items():
        net = EmotionNet(recipe.shape).load(args.out / f"{name}.pt").eval()
        path = args.networks / f"{name}.onnx"
        export(net, path)
        answers[name] = {split: _answers(net, splits[split]) for split in MEASURED}
        entries[name] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()} | _fitted(
            answers[name], splits
        )
    members = [
        {s: rescale(answers[name][s], entries[name]["temperature"]) for s in MEASURED}
        for name in STUDENTS
    ]
    joint = {s: np.mean([each[s] for each in members], axis=0) for s in MEASURED}
    ensemble = {"members": list(STUDENTS)} | _fitted(joint, splits)
    card = {"classes": CLASSES, "networks": entries, "ensemble": ensemble}
    (args.networks / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    print(json.dumps(card, indent=2))


MEASURED = ("public", "private", "other")


def _answers(net: EmotionNet, split: Split) -> np.ndarray:
    """The shares (N, 7) that a network predicts, contempt left out."""
    shares = logits_of(net, split.images)[:, len(LABELS) :].softmax(1).numpy()
    return fold_to(shares, CLASSES, EMOTIONS)


def _fitted(probs: Mapping[str, np.ndarray], splits: Mapping[str, Split]) -> dict[str, Any]:
    """The calibration of some probabilities, and what they are worth with it."""
    named = {
        s: splits[s].voted & (splits[s].votes[:, : len(EMOTIONS)].sum(1) > 0) for s in MEASURED
    }
    usable = {s: named[s].numpy() for s in MEASURED}
    votes = {s: Votes(splits[s].votes.numpy()[usable[s]]) for s in MEASURED}
    answers = {s: probs[s][usable[s]] for s in MEASURED}
    temperature, prior = calibrate.fit(answers["public"], votes["public"].shares)
    scores = {s: asdict(vote_scores(rescale(answers[s], temperature), votes[s])) for s in MEASURED}
    return {"temperature": temperature, "prior": prior, "scores": scores}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, does in (("teacher", teacher), ("students", students), ("export", write_networks)):
        command = commands.add_parser(name, help=(does.__doc__ or "").splitlines()[0])
        command.set_defaults(does=does)
        if does is teacher:
            command.add_argument("name", choices=tuple(TEACHERS))
        for option in ("fer2013", "votes", "expressions", "out"):
            command.add_argument(f"--{option}", type=Path, required=True)
        if does is write_networks:
            command.add_argument("--networks", type=Path, required=True)
            continue
        command.add_argument("--minutes", type=float, required=True)
        command.add_argument("--start", type=Path, metavar="FOLDER", help="networks to go on from")
        command.add_argument("--device", type=torch.device, default=_device())
        command.add_argument("--batch", type=int, default=512 if _device().type == "cuda" else 128)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.backends.cudnn.benchmark = True
    args.does(args, read(args.fer2013, args.votes, args.expressions))


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


if __name__ == "__main__":
    main()
