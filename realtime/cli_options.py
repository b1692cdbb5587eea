"""Options that several commands have, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moodstream.realtime.models import ModelSettings


def number(low: float, high: float = float("inf"), kind: type = float) -> Callable[[str], Any]:
    """An argparse type: a number of ``kind`` from ``low`` to ``high``."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high or value == float("inf"):
            bounds = f"from {low:g} to {high:g}" if high < float("inf") else f"of at least {low:g}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a number {bounds}")
        return value

    return parse


def add_model_options(parser: argparse.ArgumentParser, detector: bool = True) -> None:
    """The options that choose the networks, the same for every command that runs them.

    ``detector`` False leaves those of the face detector out.
    """
    group = parser.add_argument_group("networks")
    group.add_argument(
        "--models",
        choices=("auto", "embedded", "hsemotion"),
        default="auto",
        help="embedded: CenterFace and the network in the package; hsemotion: YOLOv8-face and "
        "HSEmotion, downloaded once; auto: those where they can be had, else embedded",
    )
    group.add_argument(
        "--emotion",
        metavar="NAME|FILE",
        help="embedded, ensemble, an HSEmotion name, a file, or several with commas, which vote",
    )
    group.add_argument(
        "--calibration",
        default="stored",
        metavar="stored|none|FILE",
        help="stored: the temperature that came with the network; FILE: what "
        "`evaluate emotions --save-calibration` wrote",
    )
    group.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    if not detector:
        parser.set_defaults(detector=None, detector_size=1280)
        return
    group.add_argument(
        "--detector", metavar="NAME|FILE", help="centerface, haar, yolov8{n,s,m,l}-face, or a file"
    )
    group.add_argument(
        "--detector-size",
        type=number(160, 8192, int),
        default=1280,
        metavar="PX",
        help="the longer side at which CenterFace reads pictures at most (1280); a larger "
        "size finds smaller faces and takes longer",
    )


def model_settings(args: argparse.Namespace, progress: bool) -> ModelSettings:
    """What ``add_model_options`` read."""
    from moodstream.realtime.models import ModelSettings

    return ModelSettings(
        args.models,
        args.detector,
        args.emotion,
        args.device,
        progress,
        args.detector_size,
        args.calibration,
    )
