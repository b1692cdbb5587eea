"""A virtual environment for each group of contenders, made once from pinned requirements."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def python_of(environment: str | None, work: Path) -> Path:
    """The interpreter of an environment; None is the one that runs this."""
    if environment is None:
        return Path(sys.executable)
    return work / environment / ("Scripts" if os.name == "nt" else "bin") / "python"


def build(environment: str, work: Path) -> None:
    """Make the environment unless it stands there as its requirements ask; pip's exit is ours."""
    wanted = (HERE / f"{environment}.txt").read_text(encoding="utf-8")
    mark = work / environment / "requirements.txt"
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return
    print(f"building the environment {environment} ...", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", work / environment], check=True)
    install = [python_of(environment, work), "-m", "pip", "install", "--quiet"]
    install += ["--disable-pip-version-check", "-r", HERE / f"{environment}.txt"]
    subprocess.run(install, check=True)
    mark.write_text(wanted, encoding="utf-8")


def variables(environment: str | None, work: Path) -> dict[str, str]:
    """What a contender's process sees: a home of its own, and no way to ask the network."""
    if environment is None:
        return dict(os.environ)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": str(work / "home"),
        "YOLO_OFFLINE": "1",
        "YOLO_AUTOINSTALL": "False",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # hsemotion loads a pickled network, which today's torch refuses unless it is told
        "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
    }
