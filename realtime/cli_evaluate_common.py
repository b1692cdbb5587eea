"""What the kinds of `moodstream evaluate` have in common."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.cli_options import number
from moodstream.realtime.errors import MoodstreamError

if TYPE_CHECKING:
    from moodstream.realtime.classifiers.base import EmotionClassifier
    from moodstream.realtime.detectors.base import FaceDetector
    from moodstream.realtime.evaluation.data import Tick
    from moodstream.realtime.models import ModelInfo, ModelSettings

FACES = (
    "a folder with a sub-folder of pictures for each emotion (or train, val and test folders of "
    "those); a .npz with images, labels, classes and perhaps usage; or a CSV with columns path "
    "and label and perhaps usage"
)


def add_face_options(parser: argparse.ArgumentParser, data: str = FACES) -> None:
    """The options that choose labelled faces; ``data``: what the path may be."""
    parser.add_argument("--data", required=True, type=Path, metavar="PATH", help=data)
    parser.add_argument("--split", choices=("train", "val", "test"), help="the part to read")
    parser.add_argument(
        "--limit",
        type=number(1, kind=int),
        metavar="N",
        help="a random N of them, for a quick look",
    )


def add_result_options(parser: argparse.ArgumentParser, written: str) -> None:
    """Where the results go; ``written``: what the folder then holds."""
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help=written)
    parser.add_argument(
        "--overwrite", action="store_true", help="write into a folder in use, and over files"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def output_folder(args: argparse.Namespace, outputs: Sequence[str]) -> AbstractContextManager[None]:
    """The folder of results, if one is asked for; raises MoodstreamError where it is among the
    data.
    """
    from moodstream.realtime.outputs import results_folder

    if not args.output:
        return nullcontext()
    if args.output.resolve().is_relative_to(args.data.resolve()):
        raise MoodstreamError(f"-o {args.output}: is in the data, --data {args.data}")
    return results_folder(args.output, outputs, args.overwrite)


def load_networks(
    args: argparse.Namespace, settings: ModelSettings, detect: bool
) -> tuple[EmotionClassifier, FaceDetector | None, dict[str, ModelInfo]]:
    """The classifier, the detector if one is asked for, and what they are; tells their notice."""
    from moodstream.realtime import models

    detector: FaceDetector | None = None
    if detect:
        both = models.load(settings)
        classifier, detector, info, notice = both.classifier, both.detector, both.info, both.notice
    else:
        classifier, one, notice = models.load_classifier(settings)
        info = {"emotion": one}
    if notice and not args.quiet:
        print(f"moodstream: {notice}", file=sys.stderr)
    return classifier, detector, info


def tell(
    args: argparse.Namespace, found: dict[str, Any], lines: Callable[[dict[str, Any]], list[str]]
) -> None:
    """Print the figures, as ``lines`` or as JSON."""
    if args.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    elif not args.quiet:
        print("\n".join(lines(found)))
        if args.output:
            print(f"\nReport in   {args.output / 'report.md'}")


@contextmanager
def progress(show: bool) -> Iterator[Tick]:
    """A bar for each stage on a terminal; silent in a pipe."""
    if not show or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tick(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    bar.remove_task(task)
                tasks.clear()
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield tick
