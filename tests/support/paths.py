"""Where things lie: the repository, and labelled data that some machines have beside it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
DATA = SHARED / "data"
GROUPS = SHARED / "footage" / "groups"


def package(name: str) -> Path:
    """The folder of an installed package, which is not imported."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def ultralytics_pictures() -> Path:
    """The pictures that ultralytics brings. It is not imported: first it must be kept quiet."""
    return package("ultralytics") / "assets"
