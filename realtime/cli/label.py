"""`moodstream label`: a Label Studio project of a folder of pictures, and back."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from moodstream.realtime.cli.options import (
    add_min_confidence,
    add_model_options,
    add_printing_options,
    add_seed,
    load_models,
    number,
)
from moodstream.realtime.cli.progress import progress
from moodstream.realtime.errors import MoodstreamError

_MAX_SKIPPED = 5  # pictures that are named; --json has all of them


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "label",
        help="make a Label Studio project of pictures, and take its labels back",
        description="Propose faces and emotions for a folder of pictures, as tasks for Label "
        "Studio in which people correct them; --read takes its export and writes it in COCO's "
        "format, train, val and test apart.",
    )
    parser.add_argument("pictures", nargs="?", type=Path, metavar="DIR", help="the pictures")
    parser.add_argument("--read", type=Path, metavar="FILE", help="an export in JSON")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="the project: tasks.json and labelling_config.xml; with --read train.json, val.json "
        "and test.json",
    )
    parser.add_argument(
        "--sample",
        type=number(1, kind=int),
        metavar="N",
        help="N pictures, as many of good, middling and poor faces as can be; all by default",
    )
    add_seed(parser, "pictures")
    add_min_confidence(parser)
    parser.add_argument("--overwrite", action="store_true", help="write into a folder in use")
    add_printing_options(parser, "counts")
    add_model_options(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write a project, or convert an export."""
    if (args.pictures is None) == (args.read is None):
        raise MoodstreamError("label: give a folder of pictures, or --read FILE")
    return _convert_export(args) if args.read else _write_project(args)


def _write_project(args: argparse.Namespace) -> int:
    from moodstream.overlays import palette
    from moodstream.realtime.labels import project
    from moodstream.realtime.labels.files import pictures_in
    from moodstream.realtime.outputs.folders import results_folder, writing

    if args.output is None:
        raise MoodstreamError("label: give the folder of the project with -o OUT")
    files = pictures_in(args.pictures)
    with results_folder(args.output, project.OUTPUTS, args.overwrite):
        loaded = load_models(args)
        with progress(not args.quiet) as on_progress:
            proposals, skipped = project.propose(
                files,
                args.pictures,
                loaded.detector,
                loaded.classifier,
                args.min_confidence,
                on_progress,
            )
        version = " + ".join(loaded.info[part].name for part in ("detector", "emotion"))
        tasks = project.tasks(proposals, version, args.sample, args.seed)
        with writing(args.output):
            project.write(args.output, tasks, palette.MOODS)
    counts = {
        "tasks": len(tasks),
        "faces": sum(len(task["predictions"][0]["result"]) for task in tasks),
        **{k: dict(Counter(task["data"][k] for task in tasks)) for k in ("split", "quality")},
        "skipped": [{"what": what, "why": why} for what, why in skipped],
    }
    _print(args, counts, _project_lines(args, counts))
    return 0


def _project_lines(args: argparse.Namespace, counts: dict[str, Any]) -> list[str]:
    from moodstream.realtime.outputs.report.formatting import counted

    split, quality = (
        ", ".join(f"{name} {n}" for name, n in sorted(counts[key].items()))
        for key in ("split", "quality")
    )
    lines = [
        f"Tasks       {counted(counts['tasks'], 'picture')} with "
        f"{counted(counts['faces'], 'proposed face')}",
        f"Split       {split}",
        f"Quality     {quality}",
    ]
    lines += [
        f"Left out    {one['what']}: {one['why']}" for one in counts["skipped"][:_MAX_SKIPPED]
    ]
    return [
        *lines,
        f"Project     {args.output}",
        "",
        "Start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
        f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={args.pictures.resolve().parent}, paste "
        "labelling_config.xml as the labelling interface, add a local-files storage of "
        f"{args.pictures.resolve()} without syncing it, and import tasks.json.",
    ]


def _convert_export(args: argparse.Namespace) -> int:
    from moodstream.realtime.labels import project
    from moodstream.realtime.outputs.folders import results_folder, writing

    export = project.read_export(args.read)
    if args.output is not None:
        with (
            results_folder(args.output, project.READ_OUTPUTS, args.overwrite),
            writing(args.output),
        ):
            project.write_export(args.output, export)
    counts = {
        part: {"pictures": len(pictures), "faces": dict(export.counts(part))}
        for part, pictures in export.parts.items()
    }
    _print(
        args,
        counts,
        [_split_line(p, len(pics), export.counts(p)) for p, pics in export.parts.items()],
    )
    return 0


def _split_line(split: str, pictures: int, faces: Counter[str]) -> str:
    from moodstream.realtime.outputs.report.formatting import counted

    each = ", ".join(f"{name} {n}" for name, n in sorted(faces.items())) or "none"
    return f"{split:12}{counted(pictures, 'picture')}, {counted(faces.total(), 'face')} ({each})"


def _print(args: argparse.Namespace, counts: dict[str, Any], lines: list[str]) -> None:
    if args.json:
        print(json.dumps(counts, indent=2, ensure_ascii=False))
    elif not args.quiet:
        print("\n".join(lines))
