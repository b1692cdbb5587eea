"""`moodstream evaluate stability` and `evaluate entropy`: what group size does to the figures."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from moodstream.realtime.cli.evaluate_common import (
    FACES,
    add_draw_options,
    add_face_options,
    add_result_options,
    output_folder,
    predict_for_groups,
    print_summary,
    write_results,
)
from moodstream.realtime.cli.options import add_model_options, number
from moodstream.realtime.cli.progress import progress
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs import layout

if TYPE_CHECKING:
    from moodstream.realtime.analysis.group.sample import GroupSample
    from moodstream.realtime.evaluation.groups.size_report import Source

_DATA = (
    f"labelled faces, of which groups are made: {FACES}; or a folder that `photos` wrote, each "
    "photo a group; or one of `process` or `export`, each window of video a group"
)
_MAX_PEOPLE = 50
_TABLES = (layout.FACES, layout.PEOPLE, layout.TIMELINE)


def add_parsers(kinds: Any) -> None:
    """Add both sub-commands."""
    stability = kinds.add_parser(
        "stability",
        help="how far some faces of a group are from all of them",
        description="Draw 2 to 20 faces of each group 50 times, and measure the Jensen–Shannon "
        "divergence to the whole group, with and without quality weights.",
    )
    _add_options(stability)
    stability.set_defaults(func=run_stability)
    entropy = kinds.add_parser(
        "entropy",
        help="how diverse groups are, by their size",
        description="Measure the entropy and the peak of every group, by its number of faces.",
    )
    _add_options(entropy)
    entropy.set_defaults(func=run_entropy)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_face_options(parser, _DATA)
    add_result_options(parser, "report, charts, figures; no face is written")
    group = parser.add_argument_group("groups")
    group.add_argument(
        "--each",
        type=number(2, 1e5, int),
        default=100,
        metavar="N",
        help=f"groups made of labelled faces for each size from 1 to {_MAX_PEOPLE} (100)",
    )
    group.add_argument(
        "--window",
        type=number(0.2, 3600),
        default=5.0,
        metavar="SECONDS",
        help="how long the windows are that a timeline is cut into, in seconds (5)",
    )
    add_draw_options(group, "the share of the labelled faces that is made small or blurred (0.5)")
    add_model_options(parser, detector=False)


def run_stability(args: argparse.Namespace) -> int:
    """Measure the stability curve; prints a table, or JSON, and fills the output folder."""
    from moodstream.realtime.analysis.group import stability
    from moodstream.realtime.evaluation.groups import size_report

    with output_folder(args, size_report.STABILITY_OUTPUTS):
        groups, source = _groups(args)
        with progress(not args.quiet) as on_progress:
            steps = stability.stability(groups, seed=args.seed, on_progress=on_progress)
        if not steps:
            raise MoodstreamError(f"--data {args.data}: no group has more than two faces")
        summary = size_report.stability_metrics(steps, len(groups), source)
        write_results(args, lambda out: size_report.write_stability(out, summary, steps))
    print_summary(args, summary, size_report.stability_lines)
    return 0


def run_entropy(args: argparse.Namespace) -> int:
    """Measure entropies by group size; prints a table, or JSON, and fills the output folder."""
    from moodstream.realtime.analysis.group import diversity
    from moodstream.realtime.evaluation.groups import size_report

    with output_folder(args, size_report.ENTROPY_OUTPUTS):
        groups, source = _groups(args)
        measured = diversity.measure(groups)
        summary = size_report.entropy_metrics(measured, source)
        write_results(args, lambda out: size_report.write_entropy(out, summary, measured))
    print_summary(args, summary, size_report.entropy_lines)
    return 0


def _groups(args: argparse.Namespace) -> tuple[list[GroupSample], Source]:
    """The groups of any kind of data, and what they are."""
    from moodstream.realtime.evaluation.groups import samples
    from moodstream.realtime.evaluation.groups.size_report import Source

    if not any((args.data / table).is_file() for table in _TABLES):
        return _made(args)
    if args.split or args.limit or args.votes or args.truth:
        raise MoodstreamError("--split, --limit, --votes and --truth are for labelled faces")
    name = args.data.resolve().name
    if (args.data / layout.FACES).is_file():
        groups = samples.of_photos(args.data)
        return groups, Source(name, f"{len(groups)} photos with faces", args.seed)
    if not (args.data / layout.PEOPLE).is_file():
        raise MoodstreamError(
            f"--data {args.data}: has no {layout.PEOPLE}, so nothing is known of single faces"
        )
    groups = samples.of_timeline(args.data, args.window)
    how = f"{len(groups)} windows of {args.window:g} s with people"
    return groups, Source(name, how, args.seed)


def _made(args: argparse.Namespace) -> tuple[list[GroupSample], Source]:
    from moodstream.realtime.evaluation.emotions.evaluate import as_is
    from moodstream.realtime.evaluation.groups import drawing, samples
    from moodstream.realtime.evaluation.groups.size_report import Source

    changes = drawing.CHANGES if args.degraded else {"as is": as_is}
    predictions, faces, info = predict_for_groups(args, changes)
    groups = samples.made(
        predictions, range(1, _MAX_PEOPLE + 1), args.each, args.degraded, args.seed
    )
    how = (
        f"{args.each} made groups of each size from 1 to {_MAX_PEOPLE}, of {len(faces)} labelled "
        f"faces, {args.degraded:.0%} of them degraded"
    )
    return groups, Source(faces.source, how, args.seed, asdict(info), faces.notes, faces.skipped)
