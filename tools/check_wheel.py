"""Import every module of a wheel from that wheel, not from what is installed beside it.

python tools/check_wheel.py dist/moodstream-0.1.0-py3-none-any.whl
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

_IMPORT = """
import importlib, pathlib, sys
place = pathlib.Path(sys.argv[1]).resolve()
for name in sys.argv[2:]:
    module = importlib.import_module(name)
    path = pathlib.Path(module.__file__).resolve()
    if place not in path.parents:
        sys.exit(f"{name} came from {path}, not from the wheel")
"""


def modules(wheel: Path) -> list[str]:
    """The names of the modules and packages in a wheel, but not of those that run when imported."""
    with zipfile.ZipFile(wheel) as archive:
        paths = [Path(name) for name in archive.namelist() if name.endswith(".py")]
    names = (path.with_suffix("").parts for path in paths if path.name != "__main__.py")
    return sorted(".".join(n[:-1] if n[-1] == "__init__" else n) for n in names)


def main() -> int:
    """Exit code 0 if every module could be imported."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path)
    wheel: Path = parser.parse_args().wheel.resolve()
    names = modules(wheel)
    with tempfile.TemporaryDirectory() as place:
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([sys.executable, *install, "--target", place, str(wheel)], check=True)
        # in that folder, so that no file of the checkout can be imported by chance
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT, place, *names],
            cwd=place,
            env={**os.environ, "PYTHONPATH": place},
            check=False,
        )
    if done.returncode == 0:
        print(f"{wheel.name}: {len(names)} modules imported")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
