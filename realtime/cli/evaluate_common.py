"""What the kinds of `moodstream evaluate` have in common."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.cli.options import (
    add_printing_options,
    add_seed,
    model_settings,
    number,
    tell_fallback,
)
from moodstream.realtime.cli.progress import progress
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs import layout

if TYPE_CHECKING:
    from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
    from moodstream.realtime.evaluation.emotions.evaluate import Change
    from moodstream.realtime.evaluation.groups.drawing import FacePredictions
    from moodstream.realtime.networks.classifiers.base import EmotionClassifier
    from moodstream.realtime.networks.models import ModelInfo

FACES = (
    "a folder with a sub-folder of pictures for each emotion (or train, val and test folders of "
    "those); a .npz with images, labels or votes, classes and perhaps usage; or a CSV with columns "
    "path and label (and rater, with a row for each answer), or path and a column of votes for "
    "each emotion, and perhaps usage"
)


def add_face_options(
    parser: argparse.ArgumentParser, data: str = FACES, truths: Sequence[str] = ("votes", "labels")
) -> None:
    """Add the options that choose labelled faces.

    Args:
        parser: Where they are added.
        data: What the path may be.
        truths: By what predictions may be judged.
    """
    parser.add_argument("--data", required=True, type=Path, metavar="PATH", help=data)
    parser.add_argument("--split", choices=("train", "val", "test"), help="the part to read (all)")
    parser.add_argument(
        "--limit",
        type=number(1, kind=int),
        metavar="N",
        help="a random N of them (all)",
    )
    parser.add_argument(
        "--votes",
        type=Path,
        metavar="FILE",
        help="how many raters named each emotion, row for row with a .npz or CSV: a .npz with "
        "votes and classes, or a CSV with a column for each emotion (none)",
    )
    parser.add_argument(
        "--truth",
        choices=truths,
        help="what predictions are judged by (votes where the data has them, or else labels)"
        + ("; none needs --by" if "none" in truths else ""),
    )


def add_result_options(parser: argparse.ArgumentParser, written: str) -> None:
    """Add the options of where the results go.

    Args:
        parser: Where they are added.
        written: What the folder then holds.
    """
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help=written)
    parser.add_argument(
        "--overwrite", action="store_true", help="write into a folder in use, and over files"
    )
    add_printing_options(parser, "figures")


def add_draw_options(group: argparse._ActionsContainer, degraded: str) -> None:
    """Add the options of how groups are drawn.

    Args:
        group: Where they are added.
        degraded: What --degraded is the share of, and its effect.
    """
    group.add_argument("--degraded", type=number(0, 1), default=0.5, metavar="0-1", help=degraded)
    add_seed(group, "faces and groups")


def output_folder(args: argparse.Namespace, outputs: Sequence[str]) -> AbstractContextManager[None]:
    """The folder of results, if one is asked for.

    Raises:
        MoodstreamError: It is among the data, or in use.
    """
    from moodstream.realtime.outputs.folders import results_folder

    if not args.output:
        return nullcontext()
    if args.output.resolve().is_relative_to(args.data.resolve()):
        raise MoodstreamError(f"-o {args.output}: is in the data, --data {args.data}")
    return results_folder(args.output, outputs, args.overwrite)


def write_results(args: argparse.Namespace, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` write the folder of results, if one is asked for."""
    from moodstream.realtime.outputs.folders import writing

    if args.output:
        with writing(args.output):
            fill(args.output)


def load_classifier(args: argparse.Namespace) -> tuple[EmotionClassifier, ModelInfo]:
    """The classifier alone, and what it is; prints its notice."""
    from moodstream.realtime.networks import load

    classifier, info, fallback_reason = load.load_classifier(model_settings(args, not args.quiet))
    tell_fallback(args, fallback_reason)
    return classifier, info


def predict_for_groups(
    args: argparse.Namespace, changes: Mapping[str, Change] | None = None
) -> tuple[FacePredictions, LabelledFaces, ModelInfo]:
    """Classify labelled faces of which groups can be drawn.

    Args:
        args: Of the command.
        changes: What is done to the faces, as in ``drawing.predict_all``.

    Returns:
        The predictions, the faces, and the classifier.
    """
    from moodstream.realtime.evaluation.datasets.faces import list_faces, read_faces
    from moodstream.realtime.evaluation.groups import drawing

    listing = list_faces(args.data, args.split, args.limit, args.votes, args.truth)
    drawing.drawable(listing.labels)
    classifier, info = load_classifier(args)  # before the bar: a download draws its own
    with progress(not args.quiet) as on_progress:
        faces = read_faces(args.data, listing, on_progress)
        drawing.drawable(faces.labels)  # again: pictures may be broken
        return drawing.predict_all(classifier, faces, on_progress, changes), faces, info


def print_summary(
    args: argparse.Namespace, summary: dict[str, Any], lines: Callable[[dict[str, Any]], list[str]]
) -> None:
    """Print the figures, as ``lines`` or as JSON."""
    if args.json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
    elif not args.quiet:
        print("\n".join(lines(summary)))
        if args.output:
            print(f"\nReport in   {args.output / layout.METRICS_REPORT}")
