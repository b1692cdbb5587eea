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
from moodstream.realtime.errors import MoodstreamError

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
        "the labels, or the mean shares of the raters; and how often these lie inside the "
        "intervals of made groups and of made timelines.",
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
    parser.add_argument(
        "--people",
        type=number(1, 1000, int),
        metavar="N",
        help="how many people each group has (2 to 40, drawn)",
    )
    add_draw_options(
        parser,
        "the share of the faces that is made small or blurred (0.5); above 0, groups of which "
        "all faces are degraded alike are drawn too",
    )
    parser.add_argument(
        "--fit-intervals",
        action="store_true",
        help="measure on these faces and their votes how far off what is read is, which intervals "
        "assume; use other faces than those you report coverage on",
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
    from moodstream.realtime.evaluation.groups.coverage import study_coverage

    smallest, largest = (args.people, args.people) if args.people else study.PEOPLE
    settings = study.GroupStudySettings(args.draws, smallest, largest, args.degraded, args.seed)
    predictions, faces, info = predict_for_groups(args)
    if predictions.moved is None and args.fit_intervals:
        raise MoodstreamError("--fit-intervals needs votes: how many raters named each emotion")
    with progress(not args.quiet) as on_progress:
        results = study.study_all(predictions, settings, on_progress)
        covered = None
        if predictions.moved is not None:
            covered = study_coverage(predictions, settings, args.fit_intervals, on_progress)
    return groups_report.metrics(results, faces, info, settings, covered), results
