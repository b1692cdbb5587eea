"""The weights that can be downloaded, where from, and their checksums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["detector", "emotion"]
"""What a network is for, as the option is called that takes its name."""

State = Literal["present", "missing", "wrong checksum"]
"""Whether a file of weights is there."""


@dataclass(frozen=True)
class WeightFile:
    """One downloadable file and the checksums that decide whether it is the right one.

    Attributes:
        name: Name of the file.
        url: Where it is downloaded from, https.
        sha256: Hex digest of the bytes; None where it is not known.
        git_blob: The file's id in its git repository, sha1("blob <size>\\0" + bytes) in hex;
            None where it is not known.
        kind: What the network is for.
        licence: Under which the weights are.
        about: What the network is, in one line.

    Raises:
        ValueError: There is no checksum, or one is not hex of the right length.
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
