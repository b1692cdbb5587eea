"""`moodstream process`: recorded videos in, folders of results out."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime import layout
from moodstream.realtime.cli_options import (
    add_figure_options,
    add_model_options,
    add_printing_options,
    figure_settings,
    load_models,
)
from moodstream.realtime.errors import MoodstreamError

if TYPE_CHECKING:
    from moodstream.realtime.models import Models
    from moodstream.realtime.pipeline import Progress
    from moodstream.realtime.process import ProcessSettings, Run
    from moodstream.realtime.schemas import VideoSummary


def seconds(text: str) -> float:
    """Seconds from ``83.5``, ``1:23.5`` or ``0:01:23.5``."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(not 0 <= p < float("inf") for p in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 83.5 or 1:23.5")
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return total


def add_parser(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser(
        "process", help="videos in, emotional timelines out", description=__doc__
    )
    parser.add_argument("sources", nargs="+", type=Path, metavar="SOURCE", help="video or folder")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="DIR")
    add_model_options(parser)
    add_figure_options(parser)
    part = parser.add_argument_group("what is read and written")
    part.add_argument("--start", type=seconds, default=0.0, metavar="TIME")
    part.add_argument("--end", type=seconds, default=None, metavar="TIME")
    part.add_argument(
        "--every-frame",
        action="store_true",
        help="find and read faces in every frame, at full size, not ten times a second",
    )
    part.add_argument("--no-video", action="store_true", help=f"write no {layout.OVERLAY}")
    part.add_argument("--overwrite", action="store_true", help="replace earlier results")
    add_printing_options(part, "summary")
    parser.set_defaults(func=run)


def _settings(args: argparse.Namespace) -> ProcessSettings:
    from moodstream.realtime.process import ProcessSettings

    figures = figure_settings(args)
    try:
        return ProcessSettings(
            worker=figures.worker,
            smoothing=figures.smoothing,
            group=figures.group,
            start=args.start,
            end=args.end,
            every_frame=args.every_frame,
            video=not args.no_video,
            overwrite=args.overwrite,
            privacy=args.privacy,
        )
    except ValueError as error:
        raise MoodstreamError(str(error)) from None


def _folders(videos: list[Path], asked: list[Path], out: Path) -> list[Path]:
    """Where each video's results go: DIR, or for several (or a folder) sub-folders by name."""
    if len(videos) == 1 and not any(path.is_dir() for path in asked):
        return [out]
    folders: list[Path] = []
    for video in videos:
        name, number = video.stem, 1
        while out / name in folders:
            number += 1
            name = f"{video.stem}-{number}"
        folders.append(out / name)
    return folders


def run(args: argparse.Namespace) -> int:
    """Process every source; one that fails is one line, and the others go on."""
    from moodstream.realtime.sources import find_videos

    settings = _settings(args)
    videos = find_videos(args.sources)
    folders = _folders(videos, args.sources, args.output)
    loaded: Models | None = None
    summaries, failed = [], False
    for video, folder in zip(videos, folders, strict=True):
        try:
            if loaded is None:
                loaded = _load_after_check(args, settings, video)
            summary = _process(video, folder, loaded, settings, args)
        except MoodstreamError as error:
            if len(videos) == 1:
                raise
            print(f"moodstream: {error}", file=sys.stderr)
            failed = True
            continue
        summaries.append(summary)
        if summary["interrupted"]:
            break
    if args.json:
        print(json.dumps(summaries[0] if len(videos) == 1 else summaries, indent=2))
    if summaries and summaries[-1]["interrupted"]:
        return 130
    return 2 if failed else 0


def _load_after_check(args: argparse.Namespace, settings: ProcessSettings, video: Path) -> Models:
    """The networks, but not before it is sure that there is something to read."""
    from moodstream.realtime.devices import streams_for
    from moodstream.realtime.sources import open_container

    open_container(video).close()
    return load_models(args, streams_for(settings.full_looks))


def _process(
    video: Path, folder: Path, loaded: Models, settings: ProcessSettings, args: argparse.Namespace
) -> VideoSummary:
    from moodstream.realtime.process import Run
    from moodstream.realtime.summary import five_lines

    job = Run(video, folder, loaded, settings)
    with _ends_cleanly(job), _progress(job, not args.quiet) as tick:
        summary = job.go(tick)
    if args.quiet or args.json:
        return summary
    if summary["interrupted"]:
        print(f"Stopped at {summary['counts']['seconds']:.1f} s; what was done is kept.")
    print(f"Results in  {folder}")
    print("\n".join(five_lines(summary)))
    for note in summary["notes"]:
        print(f"Note        {note}")
    return summary


@contextmanager
def _ends_cleanly(job: Run) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends the run and keeps what is done; a second one breaks off."""

    def handle(number: int, _: object) -> None:
        job.stop()
        signal.signal(number, signal.default_int_handler)

    before = {n: signal.signal(n, handle) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(job: Run, show: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar with frames/s and time left on a terminal; silent in a pipe."""
    if not show or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    info, source = job.source.info, job.source
    last = source.end if source.end is not None else info.duration
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        total = None if last is None else max(last - source.start, 0.1)
        task = bar.add_task(info.name, total=total, rate="")

        def tick(progress: Progress) -> None:
            took = bar.tasks[task].elapsed or 0.0
            rate = f"{progress.frames / took:.0f} frames/s" if took > 0.5 else ""
            bar.update(task, completed=progress.t - source.start, rate=rate)

        yield tick
