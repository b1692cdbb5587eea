"""What this process runs on: versions without imports, memory that only grows."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
import sys

import numpy as np

from moodstream.realtime.environment import peak_memory_mb, versions


def test_versions_are_those_that_are_installed(monkeypatch):
    def version(name: str) -> str:
        if name == "torch":
            raise importlib.metadata.PackageNotFoundError(name)
        return f"{name}-1"

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = versions()
    assert found["python"] == platform.python_version()
    assert (found["numpy"], found["torch"]) == ("numpy-1", "not installed")


def test_asking_for_versions_imports_none_of_the_packages():
    code = (
        "import sys; from moodstream.realtime.environment import versions; versions();"
        "print({'torch', 'cv2', 'av', 'openvino', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_peak_memory_grows_by_what_is_allocated():
    before = peak_memory_mb()
    assert before is not None
    block = np.ones(50_000_000)  # 400 MB, each page touched
    after = peak_memory_mb()
    assert after is not None
    assert after >= before
    assert after >= block.nbytes / 1e6
    del block
    assert peak_memory_mb() >= after - 5  # the peak, not what is in use; Linux counts roughly
