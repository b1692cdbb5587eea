"""Options that several commands have, and what they mean."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
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
        "HSEmotion, downloaded once; auto: those where they can be had, else embedded (auto)",
    )
    group.add_argument(
        "--emotion",
        metavar="NAME|FILE",
        help="embedded, ensemble, an HSEmotion name, a plug-in, a file, or several with commas, "
        "which vote (that of --models)",
    )
    group.add_argument(
        "--calibration",
        default="stored",
        metavar="stored|none|FILE",
        help="how the network's confidence is corrected, so that it is as often right as it says. "
        "stored: as was measured for the network; none: not at all; FILE: as "
        "`evaluate emotions --save-calibration` measured it (stored)",
    )
    group.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where the networks run: cpu, cuda (NVIDIA), mps (Apple); auto: on a GPU where they "
        "can, else on the CPU (auto)",
    )
    group.add_argument(
        "--precision",
        choices=("auto", "f32", "bf16", "int8"),
        default="auto",
        help="what networks compute in; auto: half precision on CUDA; on the CPU bf16 or else int8 "
        "where it is quicker with it, for networks that answer as well in it; else f32 (auto)",
    )
    if not detector:
        parser.set_defaults(detector=None, detector_size=1280)
        return
    group.add_argument(
        "--detector",
        metavar="NAME|FILE",
        help="centerface, haar, yolov8{n,s,m,l}-face, a plug-in, or a file (that of --models)",
    )
    group.add_argument(
        "--detector-size",
        type=number(160, 8192, int),
        default=1280,
        metavar="PIXELS",
        help="the longer side at which CenterFace reads pictures at most, in px; a larger "
        "size finds smaller faces and takes longer (1280)",
    )


class _Former(argparse.Action):
    """An option, or values of one, as they were called before; taken, but not in the help."""

    def __init__(self, *args: Any, now: str, values: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "help": argparse.SUPPRESS})
        self._now, self._values = now, values

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if values not in self._values:  # argparse would name the old values only
            known = ", ".join(dict.fromkeys(self._values.values()))
            raise argparse.ArgumentError(
                self, f"{values!r} is no value of it; it is called {self._now} now: {known}"
            )
        setattr(namespace, self.dest, self._values[values])


class _NoEffect(argparse.Action):
    """An option that there was, unlisted: says that it has no effect any more."""

    def __init__(self, *, why: str, **rest: Any) -> None:
        super().__init__(**{**rest, "default": argparse.SUPPRESS, "help": argparse.SUPPRESS})
        self._why = why

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        print(f"moodstream: {option_string} has no effect any more: {self._why}", file=sys.stderr)


def add_former_name(
    group: argparse._ActionsContainer, former: str, option: str, values: Mapping[str, str]
) -> None:
    """Let an option go by the name that it had, for one release.

    Args:
        group: That of the option.
        former: The old name, such as ``--front-end``.
        option: The option's name by now.
        values: Each old value, and what it is called by now.
    """
    dest = option.removeprefix("--").replace("-", "_")
    default = argparse.SUPPRESS  # that of the option holds
    group.add_argument(
        former, action=_Former, dest=dest, default=default, now=option, values=values
    )


def add_face_preprocessing(parser: argparse.ArgumentParser) -> None:
    """The option for what is done to faces before they are classified."""
    kinds = ("align", "enlarge")
    parser.add_argument(
        "--face-preprocessing",
        choices=kinds,
        help="align: faces tilted by more than 10 degrees are turned upright by their landmarks; "
        "enlarge: those under 96 px are enlarged by Lanczos (neither)",
    )
    same = dict(zip(kinds, kinds, strict=True))
    add_former_name(parser, "--front-end", "--face-preprocessing", same)


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
    tell_fallback(args, loaded.fallback_reason)
    return loaded


def tell_fallback(args: argparse.Namespace, fallback_reason: str | None) -> None:
    """Print what the user should know of the networks, unless it is to be quiet."""
    if fallback_reason and not args.quiet:
        print(f"moodstream: {fallback_reason}", file=sys.stderr)


def add_face_limits(group: argparse._ArgumentGroup, most: str) -> None:
    """Which faces count; ``most``: what --max-faces says of those that do where there are many."""
    group.add_argument(
        "--min-face",
        type=number(1),
        default=10.0,
        metavar="PIXELS",
        help="faces whose shorter side is smaller do not count, in px (10)",
    )
    add_min_confidence(group)
    group.add_argument("--max-faces", type=number(1, 1000, int), default=40, metavar="N", help=most)


def add_min_confidence(group: argparse._ActionsContainer, low: float = 0.0) -> None:
    """How sure the detector has to be of a face; ``low``: the least that may be asked."""
    group.add_argument(
        "--min-confidence",
        type=number(low, 1),
        default=0.5,
        metavar=f"{low:g}-1",
        help="how sure the detector has to be that there is a face (0.5)",
    )


def add_seed(group: argparse._ActionsContainer, drawn: str) -> None:
    """The number that random draws depend on; ``drawn``: what is drawn."""
    group.add_argument(
        "--seed",
        type=number(0, 2**32 - 1, int),
        default=42,
        metavar="N",
        help=f"which {drawn} are drawn by chance: the same number, the same ones (42)",
    )


def add_privacy_option(group: argparse._ArgumentGroup, meaning: str) -> None:
    """Who may be seen in the results; ``meaning``: of blur and group."""
    group.add_argument(
        "--privacy",
        type=Privacy,
        choices=list(Privacy),
        default=Privacy.OFF,
        help=f"{meaning} (off)",
    )


def add_printing_options(parser: argparse._ActionsContainer, printed: str) -> None:
    """What goes to the terminal; ``printed``: what --json prints."""
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("--json", action="store_true", help=f"print the {printed} as JSON")


def add_analysis_options(parser: argparse.ArgumentParser) -> None:
    """The options on which the figures depend, and who may be seen in them."""
    figures = parser.add_argument_group("analysis")
    figures.add_argument(
        "--window",
        type=number(0.2, 3600),
        default=5.0,
        metavar="SECONDS",
        help="how far back each figure of the group sums people up, in seconds (5)",
    )
    figures.add_argument(
        "--smoothing",
        type=number(0, 60),
        default=0.5,
        metavar="SECONDS",
        help="time constant over which each person's predictions are smoothed, in seconds; 0 for "
        "none (0.5)",
    )
    add_face_limits(figures, "at most so many faces of a frame count, the best by quality (40)")
    figures.add_argument(
        "--shift-threshold",
        type=number(0, 0.6931),
        default=0.06,
        metavar="NATS",
        help="how different the group has to be before and after for a mood shift, in nats, 0 to "
        "0.69 (0.06)",
    )
    for former in ("--aggregation", "--mix"):
        figures.add_argument(
            former, action=_NoEffect, dest="no_effect", why="people are summed up in one way now"
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
    )
