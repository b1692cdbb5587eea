"""Networks built as HSEmotion's pickles are, with random weights; by today's timm or an old one.

Run as ``python stand_ins.py FOLDER`` (with an old timm first on PYTHONPATH) it writes, for each
entry of FOLDER/jobs.json, a pickle and its own answers to the faces of FOLDER/SIZE.npy.
"""

from __future__ import annotations

import json
import sys
import types
from collections import abc
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

BOXES = np.array(
    [
        [10, 20, 110, 140],
        [100, 5, 470, 350],  # shrunk: antialiasing shows
        [-30, -20, 90, 100],  # over the edge
        [400, 300, 600, 500],
        [200, 200, 224, 230],
    ],
    np.float32,
)


def picture(seed: int = 0, size: tuple[int, int] = (360, 480)) -> np.ndarray:
    """Coarse and fine texture, so that colour order and resizing both matter."""
    rng = np.random.default_rng(seed)
    shape = size[::-1]
    coarse = cv2.resize(rng.uniform(0, 255, (9, 12, 3)), shape, interpolation=cv2.INTER_CUBIC)
    fine = rng.normal(0, 40, (*size, 3))
    return np.clip(coarse + fine, 0, 255).astype(np.uint8)


def stand_in(kind: str, outputs: int, faces: np.ndarray, plain: bool = False) -> Any:
    """An EfficientNet with confident answers that vary between ``faces`` (N, 3, S, S) float32.

    Its head is ``nn.Sequential(nn.Linear)`` as in most of the pickles, or a plain ``nn.Linear``.
    """
    import timm

    torch.manual_seed(1)
    model = timm.create_model(kind, pretrained=False, num_classes=0)
    with torch.no_grad():
        # A fresh network answers the same to everything; statistics of real input wake it up.
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        spread = model.train()(torch.from_numpy(faces))
        head = torch.nn.Linear(model.num_features, outputs)
        head.weight.mul_(60 / (spread - spread.mean(0)).norm(dim=1).mean())
        head.weight[8:] /= 40  # valence and arousal stay within [-1, 1], as those of the real one
        head.bias.copy_(-head.weight @ spread.mean(0))
    model.classifier = head if plain else torch.nn.Sequential(head)
    return model.eval()


def _write(folder: Path) -> None:
    six = types.ModuleType("torch._six")  # timm 0.4.5 asks for what torch no longer has
    six.container_abcs = abc  # type: ignore[attr-defined]
    sys.modules["torch._six"] = six
    import timm

    torch.set_num_threads(1)
    (folder / "timm").write_text(timm.__version__)
    for name, job in json.loads((folder / "jobs.json").read_text()).items():
        faces = np.load(folder / f"{job['size']}.npy")
        model = stand_in(job["kind"], job["outputs"], faces, job["plain"])
        torch.save(model, folder / f"{name}.pt")
        with torch.inference_mode():
            np.save(folder / f"{name}.npy", model(torch.from_numpy(faces)).numpy())


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
