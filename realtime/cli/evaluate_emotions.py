"""`moodstream evaluate emotions`: the emotion network on labelled faces."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.cli.evaluate_common import (
    add_face_options,
    add_result_options,
    load_classifier,
    output_folder,
    print_summary,
    write_results,
)
from moodstream.realtime.cli.options import (
    add_face_preprocessing,
    add_model_options,
    load_models,
    model_settings,
    number,
)
from moodstream.realtime.cli.progress import progress
from moodstream.realtime.errors import MoodstreamError

if TYPE_CHECKING:
    from moodstream.realtime.evaluation.datasets.faces import LabelledFaces
    from moodstream.realtime.evaluation.datasets.listing import Listing
    from moodstream.realtime.evaluation.emotions.evaluate import Evaluation
    from moodstream.realtime.networks.classifiers.base import EmotionClassifier
    from moodstream.realtime.networks.detectors.base import FaceDetector
    from moodstream.realtime.networks.models import ModelInfo
    from moodstream.realtime.progress import ProgressCallback

_MIN_FITTED_FACES = 100


def add_parser(kinds: Any) -> None:
    """Add the sub-command."""
    parser = kinds.add_parser(
        "emotions",
        help="the emotion network on labelled faces",
        description="Classify labelled faces, and measure how often the network is right, or how "
        "near it is to what several raters saw, how well its confidence is calibrated, and what "
        "small and blurred faces cost.",
    )
    add_face_options(parser, truths=("votes", "labels", "none"))
    add_result_options(
        parser,
        "report, charts, figures, and a contact sheet of faces (mistakes.png: the most confident "
        "mistakes)",
    )
    parser.add_argument(
        "--no-pictures",
        dest="pictures",
        action="store_false",
        help="leave mistakes.png and its section out of the report: no face is written",
    )
    parser.add_argument(
        "--detect",
        action="store_true",
        help="the pictures are whole photos: detect the largest face of each",
    )
    parser.add_argument(
        "--sizes",
        type=sizes,
        metavar="LIST",
        help="face sizes in px that are tried as well (64,48,32,24,16), or none; blurs are "
        "always tried",
    )
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="COLUMN",
        help="whom it fails: detection, quality and predictions for each value of this column of "
        "the CSV (or array of the .npz), with intervals; may be given again; with --truth none "
        "also of faces whose mood is not known",
    )
    parser.add_argument(
        "--save-calibration",
        type=Path,
        metavar="FILE",
        help=f"measure on these faces ({_MIN_FITTED_FACES} or more) how the network's confidence "
        "is to be corrected, by votes where there are some, for --calibration FILE; use other "
        "faces than those you report figures on",
    )
    add_model_options(parser)
    add_face_preprocessing(parser)
    parser.set_defaults(func=run_emotions)


def sizes(text: str) -> tuple[int, ...]:
    """Sizes in px, largest first, from ``64,48,32``; none from ``none``."""
    if text == "none":
        return ()
    parse = number(4, 4096, int)
    return tuple(sorted({parse(part.strip()) for part in text.split(",")}, reverse=True))


def run_emotions(args: argparse.Namespace) -> int:
    """Evaluate the emotion network; prints a table, or JSON, and fills the output folder."""
    from moodstream.realtime.evaluation.emotions import report, terminal

    _check_detector(args)
    if args.truth == "none":
        return _run_unjudged(args)
    if args.save_calibration:
        _check_file(args.save_calibration, args.overwrite)
    with output_folder(args, (*report.OUTPUTS, report.ATTRIBUTES_CHART)):
        summary, done, faces = _emotions(args)
        write_results(args, lambda out: report.write(out, summary, done, faces, args.pictures))
    print_summary(args, summary, terminal.lines)
    if args.save_calibration:  # last, so that the figures are printed even where this is refused
        _save_calibration(args.save_calibration, summary, done)
        if not args.json and not args.quiet:
            print(f"Calibration {args.save_calibration}")
    return 0


def _emotions(args: argparse.Namespace) -> tuple[dict[str, Any], Evaluation, LabelledFaces]:
    from moodstream.realtime.evaluation.emotions.attributes import by_attributes
    from moodstream.realtime.evaluation.emotions.evaluate import (
        BLUR_SHARES,
        SIZES_PX,
        EmotionSettings,
        evaluate,
    )
    from moodstream.realtime.evaluation.emotions.report import metrics

    listing, attributes = _listing(args)
    # before any picture is read, so that a wrong --emotion is reported at once
    classifier, detector, info = _networks(args)
    with progress(not args.quiet) as on_progress:
        faces = _read(args, listing, detector, on_progress)
        wanted = EmotionSettings(SIZES_PX if args.sizes is None else args.sizes, BLUR_SHARES)
        done = evaluate(classifier, faces, wanted, on_progress)
    by = by_attributes(faces, attributes, done.probs, done.right)
    return metrics(done, faces, info, by), done, faces


def _run_unjudged(args: argparse.Namespace) -> int:
    """By attributes alone, where the truth is not known."""
    from moodstream.realtime.evaluation.emotions import unjudged_report
    from moodstream.realtime.evaluation.emotions.attributes import by_attributes
    from moodstream.realtime.evaluation.emotions.evaluate import as_is, predict_both

    if not args.by:
        raise MoodstreamError("--truth none needs --by COLUMN: there is nothing else to tell")
    if args.save_calibration or args.votes:
        raise MoodstreamError("--truth none: --save-calibration and --votes need a truth")
    with output_folder(args, unjudged_report.OUTPUTS):
        listing, attributes = _listing(args)
        classifier, detector, info = _networks(args)
        with progress(not args.quiet) as on_progress:
            faces = _read(args, listing, detector, on_progress)
            probs, _, _ = predict_both(classifier, faces, as_is, "as they are", on_progress)
        by = by_attributes(faces, attributes, probs, None)
        summary = unjudged_report.metrics(faces, info, by)
        write_results(args, lambda out: unjudged_report.write(out, summary))
    print_summary(args, summary, unjudged_report.lines)
    return 0


def _listing(args: argparse.Namespace) -> tuple[Listing, list[str]]:
    """What the data holds, and which attributes are asked for."""
    from moodstream.realtime.evaluation.datasets.attributes import asked_for
    from moodstream.realtime.evaluation.datasets.faces import list_faces

    listing = list_faces(args.data, args.split, args.limit, args.votes, args.truth)
    attributes = asked_for(args.by, listing.attributes)
    if args.save_calibration:
        _check_enough(args, len(listing))
    return listing, attributes


def _read(
    args: argparse.Namespace,
    listing: Listing,
    detector: FaceDetector | None,
    on_progress: ProgressCallback,
) -> LabelledFaces:
    from moodstream.realtime.evaluation.datasets.detect import largest_faces
    from moodstream.realtime.evaluation.datasets.faces import read_faces

    if detector:
        faces = largest_faces(listing, detector, on_progress=on_progress)
    else:
        faces = read_faces(args.data, listing, on_progress)
    if args.save_calibration:
        _check_enough(args, len(faces))
    return faces


def _networks(
    args: argparse.Namespace,
) -> tuple[EmotionClassifier, FaceDetector | None, dict[str, ModelInfo]]:
    """The classifier, the detector if one is asked for, and what they are."""
    if args.detect:
        both = load_models(args)
        return both.classifier, both.detector, both.info
    classifier, info = load_classifier(args)
    return classifier, None, {"emotion": info}


def _check_detector(args: argparse.Namespace) -> None:
    if args.detect:
        return
    settings = model_settings(args, progress=False)
    if settings.detector is not None or settings.detector_size != type(settings)().detector_size:
        raise MoodstreamError("--detector and --detector-size need --detect")


def _check_enough(args: argparse.Namespace, n: int) -> None:
    if n < _MIN_FITTED_FACES:
        raise MoodstreamError(
            f"--save-calibration {args.save_calibration}: expected {_MIN_FITTED_FACES} or more "
            f"faces to fit a temperature on, got {n}"
        )


def _save_calibration(path: Path, summary: dict[str, Any], done: Evaluation) -> None:
    from moodstream.realtime.evaluation.emotions.calibrate import TEMPERATURES, fit
    from moodstream.realtime.networks.classifiers.calibration import Calibration
    from moodstream.realtime.outputs.folders import finished, writing

    temperature, prior = fit(done.uncalibrated, done.targets)
    low, high = TEMPERATURES
    if not low * 1.01 < temperature < high / 1.01:
        raise MoodstreamError(
            f"--save-calibration {path}: no temperature from {low:g} to {high:g} is best, so "
            "nothing was saved; are the labels right?"
        )
    name, data = summary["model"]["name"], summary["data"]["source"]
    if done.votes is not None:
        data += ", shares of raters"
    fitted = Calibration(name, temperature, summary["n"], data, prior)
    with writing(path), finished(path) as part:
        fitted.save(part)


def _check_file(path: Path, overwrite: bool) -> None:
    """Check that a file can be written, before the work is done for it."""
    try:
        if path.is_dir() or not path.parent.is_dir():
            why = "it is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        elif path.exists() and not overwrite:
            why = "is there already; use --overwrite to replace it"
        else:
            return
    except OSError as error:
        why = f"cannot be written ({error.strerror})"
    raise MoodstreamError(f"--save-calibration {path}: {why}")
