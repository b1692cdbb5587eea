"""`moodstream evaluate detectors` and `evaluate pipeline`: whole pictures with labelled faces."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.cli.evaluate_common import (
    add_result_options,
    output_folder,
    print_summary,
    write_results,
)
from moodstream.realtime.cli.options import (
    add_face_preprocessing,
    add_min_confidence,
    add_model_options,
    load_models,
    number,
)
from moodstream.realtime.cli.progress import progress
from moodstream.realtime.errors import MoodstreamError

if TYPE_CHECKING:
    from moodstream.realtime.labels.record import LabelledPicture

_LABELS = (
    "what people labelled: Label Studio's or COCO's JSON, dlib's or Pascal VOC's XML, WIDER "
    "FACE's text, or a folder of Pascal VOC or YOLO files; may be given again"
)


def add_parsers(kinds: Any) -> None:
    """Add both sub-commands."""
    _add_detectors(kinds)
    _add_pipeline(kinds)


def _add_detectors(kinds: Any) -> None:
    parser = kinds.add_parser(
        "detectors",
        help="the face detectors that are installed, compared",
        description="Run every face detector that is installed over the same pictures: faces, "
        "usable faces, agreement, time, and with labels recall, precision and false positives.",
    )
    _add_picture_options(parser, labels=False, sheet="false_positives.png")
    parser.add_argument(
        "--only",
        metavar="NAMES",
        help="these detectors, divided by commas, instead of all",
    )
    parser.add_argument(
        "--face-sizes",
        type=face_sizes,
        metavar="LIST",
        help="tabulate besides what is found at these face sizes in px, such as 12,16,24: the "
        "labelled pictures are shrunk until their faces have them",
    )
    parser.add_argument(
        "--picture-size",
        type=picture_size,
        default="1280x720",
        metavar="WxH",
        help="the pictures in px on which the shrunk ones are laid out for --face-sizes (1280x720)",
    )
    parser.add_argument(
        "--no-tiles",
        dest="tiles",
        action="store_false",
        help="read each picture once, at the detector's own size, without a closer look for small "
        "faces",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a detector's file: a YOLOv8-face (.onnx, .tflite, .pt), YuNet (…yunet….onnx) or "
        "OpenCV's SSD (.caffemodel, .pb); may be given again",
    )
    parser.set_defaults(func=run_detectors)


def face_sizes(text: str) -> tuple[float, ...]:
    """Face sizes in px, rising, from ``12,16,24``."""
    parse = number(4, 4096)
    return tuple(sorted({parse(part.strip()) for part in text.split(",")}))


def picture_size(text: str) -> tuple[int, int]:
    """Height and width in px from ``1280x720``."""
    parse = number(64, 16384, int)
    width, _, height = text.partition("x")
    return parse(height), parse(width)


def _add_pipeline(kinds: Any) -> None:
    parser = kinds.add_parser(
        "pipeline",
        help="faces and emotions together, on labelled photos",
        description="Detect and classify the faces of photos that are labelled with emotions: "
        "mAP, what was missed and invented, the group's vote, and time.",
    )
    _add_picture_options(parser, labels=True, sheet="mistakes.png")
    add_model_options(parser)
    add_face_preprocessing(parser)
    parser.set_defaults(func=run_pipeline)


def _add_picture_options(parser: argparse.ArgumentParser, labels: bool, sheet: str) -> None:
    parser.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="a folder of pictures"
    )
    parser.add_argument(
        "--labels",
        type=Path,
        action="append",
        default=[],
        required=labels,
        metavar="FILE",
        help=_LABELS,
    )
    add_min_confidence(parser, low=0.05)
    parser.add_argument(
        "--no-pictures",
        dest="pictures",
        action="store_false",
        help=f"leave {sheet} out of the report: no face is written",
    )
    add_result_options(parser, f"report, charts, figures, and a contact sheet of faces ({sheet})")


def run_detectors(args: argparse.Namespace) -> int:
    """Compare the detectors; prints tables, or JSON, and fills the output folder."""
    from moodstream.realtime.evaluation.detectors import (
        candidates,
        comparison,
        face_sizes,
        report,
        sizes_report,
    )
    from moodstream.realtime.networks.detectors.small_faces import detect_closely

    only = [name.strip() for name in args.only.split(",")] if args.only else None
    with output_folder(args, report.OUTPUTS):
        files, labels = _labelled(args)
        if args.face_sizes and not labels:
            raise MoodstreamError("--face-sizes needs --labels of the pictures")
        read = detect_closely if args.tiles else comparison.once
        there, missing = candidates.find(args.weights, only)
        if not there:
            raise MoodstreamError(f"--only {args.only}: none of them is here; {missing[0].how}")
        with progress(not args.quiet) as on_progress:
            done = comparison.compare_detectors(
                there, files, labels, args.min_confidence, on_progress, read
            )
            by_size = None
            if args.face_sizes:
                results = face_sizes.at_sizes(
                    there,
                    labels,
                    args.face_sizes,
                    args.picture_size,
                    read,
                    args.min_confidence,
                    on_progress,
                )
                by_size = sizes_report.figures(results, args.picture_size)
        summary = report.metrics(done, missing, args.data.resolve().name, by_size)
        write_results(args, lambda out: report.write(out, summary, done, args.pictures))
    print_summary(args, summary, report.lines)
    return 0


def run_pipeline(args: argparse.Namespace) -> int:
    """Evaluate faces and emotions together; prints figures and fills the output folder."""
    from moodstream.realtime.evaluation.pipeline import evaluate
    from moodstream.realtime.evaluation.pipeline import report as pipeline_report

    with output_folder(args, pipeline_report.OUTPUTS):
        _, labels = _labelled(args)
        if not labels:
            raise MoodstreamError(f"--data {args.data}: holds none of the labelled pictures")
        loaded = load_models(args)
        with progress(not args.quiet) as on_progress:
            done = evaluate.evaluate(
                loaded.detector, loaded.classifier, labels, args.min_confidence, on_progress
            )
        source = args.data.resolve().name
        summary = pipeline_report.metrics(done, loaded.info, source, args.min_confidence)
        write_results(args, lambda out: pipeline_report.write(out, summary, done, args.pictures))
    print_summary(args, summary, pipeline_report.lines)
    return 0


def _labelled(args: argparse.Namespace) -> tuple[list[Path], dict[Path, LabelledPicture]]:
    """The pictures of the folder, and the labels of those that have some; reports lost ones."""
    from moodstream.realtime.labels.files import locate, pictures_in, read_labels

    files = pictures_in(args.data)
    labels, lost = locate(read_labels(args.labels, args.data), args.data, files)
    if lost and not args.quiet:
        first = f"{lost[0]} and {len(lost) - 1} more" if len(lost) > 1 else lost[0]
        print(f"moodstream: labelled, but not in {args.data}: {first}", file=sys.stderr)
    return files, labels
