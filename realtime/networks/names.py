"""What can be asked for by name: pairs of networks, detectors and classifiers.

Names of files and of plug-ins are taken beside these; see ``plugins``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from moodstream.realtime.networks.classifiers import hsemotion
from moodstream.realtime.networks.weights import packaged
from moodstream.realtime.networks.weights.catalogue import Kind


class Pair(NamedTuple):
    """A detector and a classifier that go together."""

    detector: str
    emotion: str


PAIRS = {
    "embedded": Pair("centerface", "embedded_b"),
    "hsemotion": Pair("yolov8n-face", "enet_b0_8_best_vgaf"),
}
"""What ``--models`` takes beside auto."""

DETECTOR_NAMES = (
    "centerface",
    "haar",
    "yolov8n-face",
    "yolov8s-face",
    "yolov8m-face",
    "yolov8l-face",
)
"""What ``--detector`` takes beside files and plug-ins."""


def emotion_names() -> tuple[str, ...]:
    """What ``--emotion`` takes beside files and plug-ins.

    Raises:
        WeightsError: The manifest of the networks in this package is damaged.
    """
    return (*packaged.network_manifest().networks, "ensemble", *hsemotion.NAMES)


_BUILTIN: dict[Kind, Callable[[], tuple[str, ...]]] = {
    "detector": lambda: DETECTOR_NAMES,
    "emotion": emotion_names,
}


def builtin_names(kind: Kind) -> tuple[str, ...]:
    """What ``--detector`` or ``--emotion`` takes beside files and plug-ins."""
    return _BUILTIN[kind]()


def is_file(name: str) -> bool:
    """Whether ``--detector`` or ``--emotion`` means a file of weights by this."""
    return name.casefold().endswith((".onnx", ".pt", ".tflite"))
