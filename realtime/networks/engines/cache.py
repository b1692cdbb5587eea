"""Compiled networks on disk, so that the next start is quick; no failure of it is an error."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

MAX_BYTES = 256 << 20
"""Size of the cache; what was used longest ago is deleted first."""

_DIGEST = hashlib.sha256().digest_size


def folder() -> Path:
    """The folder ``compiled`` beside the downloaded weights."""
    from moodstream.realtime.networks.weights.store import cache_dir

    return cache_dir() / "compiled"


def key(path: Path, *parts: object) -> str:
    """A name for a network's file, by its content, and for all that it is compiled for."""
    digest = hashlib.sha256(repr(parts).encode())
    for file in (path, path.with_suffix(".bin")):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def load(name: str) -> bytes | None:
    """What ``save`` kept under a key; None where there is nothing, or it is damaged."""
    path = folder() / name
    try:
        content = path.read_bytes()
        os.utime(path)  # so that it is the last to be deleted
    except OSError:
        return None
    digest, blob = content[:_DIGEST], content[_DIGEST:]
    return blob if hashlib.sha256(blob).digest() == digest else None


def save(name: str, blob: bytes) -> None:
    """Keep ``blob`` under a key, whole or not at all; a full or read-only disk is no error."""
    root = folder()
    part: Path | None = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle, text = tempfile.mkstemp(dir=root, suffix=".part")
        part = Path(text)
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(blob).digest() + blob)
        part.replace(root / name)
        _trim(root)
    except OSError:
        if part is not None:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def _trim(root: Path) -> None:
    files = [(path, path.stat()) for path in root.iterdir()]
    files.sort(key=lambda item: item[1].st_mtime)
    total = sum(stat.st_size for _, stat in files)
    for path, stat in files:
        if total <= MAX_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= stat.st_size
