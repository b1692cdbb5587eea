"""`moodstream bench`: speed, stage by stage, next to bare inference."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from moodstream.realtime.cli.options import (
    add_analysis_options,
    add_model_options,
    figure_settings,
    model_settings,
    number,
)


def add_parser(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser(
        "bench", help="how fast a video is processed here, and where the time goes"
    )
    parser.add_argument(
        "source", nargs="?", type=Path, metavar="SOURCE", help="video (a sample clip)"
    )
    add_model_options(parser)
    add_analysis_options(parser)
    parser.add_argument("--every-frame", action="store_true", help="as in process")
    parser.add_argument("--video", action="store_true", help="write the overlay video, too")
    parser.add_argument(
        "--runs",
        type=number(1, 1000, int),
        default=5,
        metavar="N",
        help="how often the video is processed (5)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Print the report as Markdown."""
    from moodstream.realtime.diagnostics.bench import bench, markdown
    from moodstream.realtime.networks import load
    from moodstream.realtime.networks.engines.devices import streams_for
    from moodstream.realtime.outputs.folders import write_json
    from moodstream.realtime.runs.offline.process import ProcessSettings
    from moodstream.realtime.sources.files import open_container

    video = args.source
    if video is None:
        from moodstream.samples.fetch import fetch

        video = fetch(["WolfgangLanger_Pexels.mp4"])["WolfgangLanger_Pexels.mp4"]
    open_container(video).close()
    figures = figure_settings(args)
    settings = ProcessSettings(
        worker=figures.analysis,
        smoothing=figures.smoothing,
        group=figures.group,
        every_frame=args.every_frame,
        video=args.video,
        privacy=args.privacy,
    )
    streams = streams_for(settings.detect_full_size)
    loaded = load.load(model_settings(args, progress=True, streams=streams))
    result = bench(video, loaded, settings, args.runs)
    print(markdown(result))
    if args.json is not None:
        write_json(args.json, result)
    return 0
