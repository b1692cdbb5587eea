"""Pickles that old versions of timm wrote are read on today's, and answer the same.

The old timm lies in a folder of its own beside today's torch: first on the path of a subprocess
that builds, pickles and runs the stand-ins, and nowhere else.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from support.paths import ROOT
from support.stand_ins import BOXES, picture

from moodstream.realtime.networks.classifiers import hsemotion
from moodstream.realtime.networks.classifiers.hsemotion import HSEmotionClassifier

# version of timm → name → the head as a plain nn.Linear, not in an nn.Sequential
NAMES = {
    "0.4.5": {"enet_b0_8_best_vgaf": False, "enet_b0_8_va_mtl": True},
    "0.9.7": {"enet_b0_8_best_vgaf": False, "enet_b2_7": False},
}
WRITTEN = [(version, name) for version, names in NAMES.items() for name in names]
UNREACHABLE = ("connection broken", "from versions: none", "name resolution", "timed out")


def old_timm(version: str) -> Path:
    """The folder with that version of timm, installed there once and kept in the user's cache."""
    cache = Path(platformdirs.user_cache_dir("moodstream", appauthor=False)) / "tests"
    folder = cache / f"timm-{version}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as place:
        new = Path(place) / "new"
        command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(new)]
        command += ["--only-binary=:all:", "--no-compile", "--disable-pip-version-check"]
        command += ["--retries", "1", f"timm=={version}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1]
            assert any(sign in done.stderr for sign in UNREACHABLE), done.stderr
            pytest.skip(f"timm {version} cannot be fetched: {reason}")
        try:
            new.rename(folder)  # whole or not at all
        except OSError:  # another run was quicker
            assert folder.is_dir()
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A version → a folder with NAME.pt, pickled by it, and NAME.npy, what it answers itself."""
    return functools.cache(lambda version: _written(version, tmp_path_factory.mktemp("old")))


def _written(version: str, folder: Path) -> Path:
    jobs = {}
    for name, plain in NAMES[version].items():
        size = hsemotion.size_of(name)
        crops = np.stack([hsemotion.crop(picture(), box, size) for box in BOXES])
        np.save(folder / f"{size}.npy", hsemotion.normalised(crops))
        kind = "tf_efficientnet_b0_ns" if "_b0_" in name else "tf_efficientnet_b2_ns"
        outputs = len(hsemotion.classes_of(name)) + 2 * name.endswith("_mtl")
        jobs[name] = {"kind": kind, "size": size, "outputs": outputs, "plain": plain}
    (folder / "jobs.json").write_text(json.dumps(jobs))
    script = ROOT / "tests" / "support" / "stand_ins.py"
    paths = {"PYTHONPATH": str(old_timm(version))}
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        env=os.environ | paths,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "timm").read_text() == version
    return folder


# one thread, as in the subprocess: sums of floats depend on their order
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("version", "name"), WRITTEN)
def test_pickle_of_an_old_timm_answers_the_same_today(
    version: str, name: str, written: Callable[[str], Path]
) -> None:
    folder = written(version)
    answers = np.load(folder / f"{name}.npy")
    assert np.ptp(answers, axis=0).min() > 0.01, "answers that hardly vary would say nothing"
    ours = HSEmotionClassifier(name, folder / f"{name}.pt")
    np.testing.assert_allclose(ours.raw([picture()], [BOXES]), answers, rtol=0, atol=1e-5)
