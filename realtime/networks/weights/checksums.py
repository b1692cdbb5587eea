"""SHA-256 and git blob ids of files of weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

from moodstream.realtime.errors import WeightsError as WeightsError
from moodstream.realtime.networks.weights.catalogue import WeightFile


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return _digest(path, hashlib.sha256())


def git_blob_of(path: Path) -> str:
    """The id that git gives a file: sha1 of "blob <size>\\0" and its bytes, in hex."""
    header = f"blob {path.stat().st_size}\0".encode()
    return _digest(path, hashlib.sha1(header, usedforsecurity=False))


def _digest(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def verify(path: Path, weight: WeightFile) -> str:
    """Check a file against every checksum of ``weight``.

    Args:
        path: The file.
        weight: What it should be.

    Returns:
        The file's SHA-256 in hex.

    Raises:
        WeightsError: A checksum differs (with what was expected and what the file has), or the
            file cannot be read.
    """
    try:
        sha256 = sha256_of(path)
        expect_checksum(path, "sha256", weight.sha256, sha256)
        if weight.git_blob is not None:
            expect_checksum(path, "git blob", weight.git_blob, git_blob_of(path))
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
    return sha256


def expect_checksum(path: Path, label: str, expected: str | None, got: str) -> None:
    """Raise WeightsError if a checksum that is known differs from the file's."""
    if expected is not None and expected != got:
        raise WeightsError(f"{path}: wrong checksum, expected {label} {expected}, got {got}")
