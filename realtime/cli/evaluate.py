"""`moodstream evaluate`: how good the predictions are on labelled data."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from moodstream.realtime.cli import evaluate_emotions, evaluate_group_size, evaluate_pictures
from moodstream.realtime.cli.evaluate_common import (
    add_draw_options,
    add_face_options,
    add_result_options,
    output_folder,
    predict_for_groups,
    print_summary,
    write_results,
)
from moodstream.realtime.cli.options import (
    add_model_options,
    number,
)
from moodstream.realtime.cli.progress import progress

if TYPE_CHECKING:
    from moodstream.realtime.evaluation.groups.study import Result


def add_parser(commands: Any) -> None:
    """Add the command and its sub-commands to the parser."""
    parser = commands.add_parser(
        "evaluate", help="how good the predictions are on labelled data", description=__doc__
    )
    kinds = parser.add_subparsers(
        title="what to evaluate", required=True, metavar="WHAT", parser_class=type(parser)
    )
    evaluate_emotions.add_parser(kinds)
    _add_groups(kinds)
    evaluate_group_size.add_parsers(kinds)
    evaluate_pictures.add_parsers(kinds)


def _add_groups(kinds: Any) -> None:
    parser = kinds.add_parser(
        "groups",
        help="the group distribution of groups whose emotions are known",
        description="Draw groups of labelled faces, some of them made small or blurred, and "
        "measure how far each way of summing them up is from the true distribution: the shares of "
        "the labels, or the mean shares of the raters.",
    )
    add_face_options(parser)
    add_result_options(parser, "report, charts, figures; no face is written")
    parser.add_argument(
        "--draws",
        type=number(2, 1e6, int),
        default=1000,
        metavar="N",
        help="groups of each kind (1000)",
    )
    add_draw_options(
        parser,
        "the share of the faces that is made small or blurred (0.5); above 0, groups of which "
        "all faces are degraded alike are drawn too",
    )
    add_model_options(parser, detector=False)
    parser.set_defaults(func=run_groups)


def run_groups(args: argparse.Namespace) -> int:
    """Evaluate the group figures; prints tables, or JSON, and fills the output folder."""
    from moodstream.realtime.evaluation.groups import report as groups_report

    with output_folder(args, groups_report.OUTPUTS):
        summary, results = _groups(args)
        write_results(args, lambda out: groups_report.write(out, summary, results))
    print_summary(args, summary, groups_report.lines)
    return 0


def _groups(args: argparse.Namespace) -> tuple[dict[str, Any], list[Result]]:
    from moodstream.realtime.evaluation.groups import report as groups_report
    from moodstream.realtime.evaluation.groups import study

    settings = study.GroupStudySettings(args.draws, degraded=args.degraded, seed=args.seed)
    predictions, faces, info = predict_for_groups(args)
    with progress(not args.quiet) as on_progress:
        results = study.study_all(predictions, settings, on_progress)
    return groups_report.metrics(results, faces, info, settings), results
