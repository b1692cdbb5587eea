"""Options that several commands have, and what they mean."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moodstream.realtime.privacy import Privacy

if TYPE_CHECKING:
    from moodstream.realtime.analysis.settings import StageSettings
    from moodstream.realtime.networks.engines.base import InferenceStreams
    from moodstream.realtime.networks.models import Models, ModelSettings


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
        help="embedded, ensemble, an HSEmotion name, a plug-in, a file, or several with commas, "
        "which vote",
    )
    group.add_argument(
        "--calibration",
        default="stored",
        metavar="stored|none|FILE",
        help="stored: the temperature that came with the network; FILE: what "
        "`evaluate emotions --save-calibration` wrote",
    )
    group.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    group.add_argument(
        "--precision",
        choices=("auto", "f32", "bf16", "int8"),
        default="auto",
        help="what networks compute in; auto: half precision on CUDA; on the CPU bf16 or else int8 "
        "where it is quicker with it, for networks that answer as well in it; else f32",
    )
    if not detector:
        parser.set_defaults(detector=None, detector_size=1280)
        return
    group.add_argument(
        "--detector",
        metavar="NAME|FILE",
        help="centerface, haar, yolov8{n,s,m,l}-face, a plug-in, or a file",
    )
    group.add_argument(
        "--detector-size",
        type=number(160, 8192, int),
        default=1280,
        metavar="PX",
        help="the longer side at which CenterFace reads pictures at most (1280); a larger "
        "size finds smaller faces and takes longer",
    )


def add_face_preprocessing(parser: argparse.ArgumentParser) -> None:
    """The option for what is done to faces before they are read."""
    parser.add_argument(
        "--front-end",
        choices=("align", "enlarge"),
        help="align: faces tilted by more than 10 degrees are turned upright by their landmarks; "
        "enlarge: those under 96 px are enlarged by Lanczos (neither by default: see README)",
    )


def model_settings(
    args: argparse.Namespace, progress: bool, streams: InferenceStreams | None = None
) -> ModelSettings:
    """What ``add_model_options`` read; ``streams``: network calls at a time."""
    from moodstream.realtime.networks.engines.base import SINGLE_STREAM
    from moodstream.realtime.networks.models import ModelSettings

    return ModelSettings(
        args.models,
        args.detector,
        args.emotion,
        args.device,
        progress,
        args.detector_size,
        args.calibration,
        args.precision,
        getattr(args, "face_preprocessing", None),
        streams or SINGLE_STREAM,
    )


def load_models(args: argparse.Namespace, streams: InferenceStreams | None = None) -> Models:
    """The networks that ``add_model_options`` read; what the user should know goes to stderr."""
    from moodstream.realtime.networks import load

    loaded = load.load(model_settings(args, not args.quiet, streams))
    tell_fallback(args, loaded.notice)
    return loaded


def tell_fallback(args: argparse.Namespace, notice: str | None) -> None:
    """Print what the user should know of the networks, unless it is to be quiet."""
    if notice and not args.quiet:
        print(f"moodstream: {notice}", file=sys.stderr)


def add_face_limits(group: argparse._ArgumentGroup, most: str) -> None:
    """Which faces count; ``most``: what --max-faces says of those that do where there are many."""
    group.add_argument("--min-face", type=number(1), default=16.0, metavar="PX")
    group.add_argument("--min-confidence", type=number(0, 1), default=0.5)
    group.add_argument("--max-faces", type=number(1, 1000, int), default=40, metavar="N", help=most)


def add_privacy_option(group: argparse._ArgumentGroup, meaning: str) -> None:
    """Who may be seen in the results; ``meaning``: of blur and group."""
    group.add_argument(
        "--privacy", type=Privacy, choices=list(Privacy), default=Privacy.OFF, help=meaning
    )


def add_printing_options(parser: argparse._ActionsContainer, printed: str) -> None:
    """What goes to the terminal; ``printed``: what --json prints."""
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("--json", action="store_true", help=f"print the {printed} as JSON")


def add_analysis_options(parser: argparse.ArgumentParser) -> None:
    """The options on which the figures depend, and who may be seen in them."""
    figures = parser.add_argument_group("figures")
    figures.add_argument("--window", type=number(0.2, 3600), default=5.0, metavar="SECONDS")
    figures.add_argument("--smoothing", type=number(0, 60), default=0.5, metavar="SECONDS")
    add_face_limits(figures, "the surest detections that count in a frame (40)")
    figures.add_argument(
        "--shift-threshold",
        type=number(0, 0.6931),
        default=0.10,
        metavar="NATS",
        help="JSD between neighbouring windows at which a mood shift begins (0.10)",
    )
    figures.add_argument(
        "--mix",
        choices=("settled", "average"),
        default="settled",
        help="settled: doubt about single faces is settled by the group's shares; average: "
        "plain quality-weighted averages of probabilities",
    )
    add_privacy_option(
        figures, "blur: faces hidden in pictures; group: besides, nothing about single people"
    )


def figure_settings(args: argparse.Namespace) -> StageSettings:
    """What ``add_analysis_options`` read; raises MoodstreamError where it makes no sense."""
    from moodstream.realtime.analysis import settings as figures

    return figures.stage_settings(
        window=args.window,
        smoothing=args.smoothing,
        min_face=args.min_face,
        min_confidence=args.min_confidence,
        max_faces=args.max_faces,
        shift_threshold=args.shift_threshold,
        aggregation="em" if args.mix == "settled" else "mean",
    )
