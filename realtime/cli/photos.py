"""`moodstream photos`: group photos in, a folder of figures, pictures and a report out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.cli.options import (
    add_face_limits,
    add_face_preprocessing,
    add_model_options,
    add_printing_options,
    add_privacy_option,
    load_models,
)
from moodstream.realtime.errors import MoodstreamError

if TYPE_CHECKING:
    from moodstream.realtime.runs.photos.schemas import PhotosSummary
    from moodstream.realtime.runs.photos.settings import PhotoRunSettings


def add_parser(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser(
        "photos",
        help="group photos in, each face's and each group's mood out",
        description=__doc__,
        epilog="A run that was ended goes on where it stopped when the same command is given "
        "again.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="photo or folder")
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="where the results go; a new folder is made",
    )
    add_model_options(parser)
    add_face_preprocessing(parser)
    _add_figures(parser)
    _add_written(parser)
    parser.set_defaults(func=run)


def _add_figures(parser: argparse.ArgumentParser) -> None:
    figures = parser.add_argument_group("analysis")
    figures.add_argument(
        "--quality",
        type=_quality,
        choices=("fixed", "dataset"),
        default="fixed",
        help="what sizes and blur scores of faces are measured against: fixed reference values, "
        "or the 5th and 95th percentiles of all these photos (fixed)",
    )
    add_face_limits(figures, "at most so many faces of a photo count, the best by quality (40)")
    figures.add_argument(
        "--target",
        action="append",
        metavar="EMOTION",
        help="show who contributes to angry, disgust, fear, happy, sad, surprise or neutral; "
        "several times for several, else to the one shown most",
    )
    figures.add_argument(
        "--text",
        action="store_true",
        help="read the words in the photos too, by PP-OCR (pip install 'moodstream[text]')",
    )


def _quality(name: str) -> str:
    """A value of --quality; the former name of ``dataset`` goes on working for one release."""
    return "dataset" if name == "seed" else name


def _add_written(parser: argparse.ArgumentParser) -> None:
    part = parser.add_argument_group("what is written")
    add_privacy_option(
        part,
        "blur: faces hidden in pictures, and no contact sheets; group: no pictures and nothing "
        "about single faces, nor figures of fewer than three people",
    )
    part.add_argument(
        "--no-pictures",
        dest="pictures",
        action="store_false",
        help="write no picture with a face in it",
    )
    part.add_argument("--overwrite", action="store_true", help="replace earlier results")
    add_printing_options(part, "summary")


def _settings(args: argparse.Namespace) -> PhotoRunSettings:
    from moodstream.realtime.runs.photos.analyse import PhotoSettings
    from moodstream.realtime.runs.photos.settings import PhotoRunSettings

    try:
        return PhotoRunSettings(
            photo=PhotoSettings(args.min_face, args.min_confidence, args.max_faces),
            quality=args.quality,
            privacy=args.privacy,
            pictures=args.pictures,
            targets=tuple(dict.fromkeys(args.target or ())),
            overwrite=args.overwrite,
            text=args.text,
        )
    except ValueError as error:
        raise MoodstreamError(str(error)) from None


def run(args: argparse.Namespace) -> int:
    """Analyse every photo; one that cannot be read is one line, and the others go on."""
    from moodstream.realtime.cli.progress import progress
    from moodstream.realtime.runs.photos.files import find_photos
    from moodstream.realtime.runs.photos.run import PhotoRun

    settings = _settings(args)
    photos = find_photos(args.paths, beside=args.output)
    loaded = load_models(args)
    job = PhotoRun(photos, args.output, loaded, settings)
    try:
        with progress(not args.quiet) as on_progress:
            summary = job.run(on_progress, _print_failure)
    except KeyboardInterrupt:
        print("moodstream: the same command goes on from here", file=sys.stderr)
        raise
    if args.json:
        print(json.dumps(summary, indent=2, ensure_ascii=False))
    elif not args.quiet:
        print("\n".join(lines(summary, args.output)))
    return 0


def _print_failure(name: str, reason: str) -> None:
    print(f"moodstream: {name}: {reason}", file=sys.stderr)


def lines(summary: PhotosSummary, folder: Path) -> list[str]:
    """Photos, faces, mood, entropy and speed: for a person to read."""
    counts, shares, entropy = summary["counts"], summary["mix"]["probs"], summary["entropy"]
    bins = ", ".join(f"{name} {each['share']:.0%}" for name, each in summary["bins"].items())
    top = sorted((shares or {}).items(), key=lambda item: -item[1])[:3]
    mood = ", ".join(f"{name} {share:.0%}" for name, share in top)
    printed = [
        f"Results in  {folder}",
        f"Photos      {counts['photos']} ({counts['without_faces']} without faces, "
        f"{counts['failed']} not readable)",
        f"Faces       {counts['faces']}{f' (quality {bins})' if bins else ''}",
        f"Mood        {mood or 'none: no face was classified'}",
    ]
    if entropy:
        printed.append(f"Entropy     {entropy['mean']:.3f} ± {entropy['sd']:.3f} nats")
    speed = summary["speed"]
    if speed["photos_read"]:
        printed.append(f"Speed       {speed['seconds_per_photo']:.2f} s a photo")
    return printed
