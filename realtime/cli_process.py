"""`moodstream process`: recorded videos in, folders of results out."""

from __future__ import annotations

import argparse
import json
import logging
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
from moodstream.realtime.exit_codes import ExitCode
from moodstream.realtime.signals import EndRequest, end_on_signal

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


def result_folders(videos: list[Path], asked: list[Path], out: Path) -> list[Path]:
    """Where each video's results go: DIR, or for several (or a folder) sub-folders by name."""
    from moodstream.realtime.outputs import file_names

    if len(videos) == 1 and not any(path.is_dir() for path in asked):
        return [out]
    return [out / name for name in file_names([video.stem for video in videos])]


def run(args: argparse.Namespace) -> int:
    """Process every source; one that fails is one line, and the others go on."""
    from moodstream.realtime.sources import find_videos

    videos = find_videos(args.sources)
    batch = _Batch(args, _settings(args), alone=len(videos) == 1)
    for video, folder in zip(
        videos, result_folders(videos, args.sources, args.output), strict=True
    ):
        if not batch.process(video, folder):
            break
    if args.json:
        print(json.dumps(batch.summaries[0] if batch.alone else batch.summaries, indent=2))
    return batch.exit_code


class _Batch:
    """The videos of one command, one after another, with networks that are loaded once.

    Args:
        args: Of the command line.
        settings: For all of them.
        alone: There is one video only: its failure is that of the command.
    """

    def __init__(self, args: argparse.Namespace, settings: ProcessSettings, alone: bool) -> None:
        self.alone, self.summaries = alone, list[VideoSummary]()
        self.exit_code = ExitCode.OK
        self._args, self._settings = args, settings
        self._models: Models | None = None

    def process(self, video: Path, folder: Path) -> bool:
        """Process a video; returns whether the next one is to follow."""
        from moodstream.realtime.devices import streams_for
        from moodstream.realtime.sources import open_container

        if not self._tried(video, lambda: open_container(video).close()):
            return True
        if self._models is None:  # not before it is sure that there is something to read
            self._models = load_models(self._args, streams_for(self._settings.full_looks))
        asked, models, before = EndRequest(), self._models, len(self.summaries)
        self._tried(video, lambda: self._run(video, folder, models, asked))
        if len(self.summaries) > before:
            self._tell(self.summaries[-1], folder)
        if asked.number is not None:
            self.exit_code = asked.exit_code
        return asked.number is None

    def _tried(self, video: Path, work: Callable[[], None]) -> bool:
        """Whether it went well; what fails, for whatever reason, is one line among others."""
        try:
            work()
        except Exception as error:
            if self.alone:
                raise
            line = str(error) if isinstance(error, MoodstreamError) else _unforeseen(video, error)
            print(f"moodstream: {line}", file=sys.stderr)
            logging.getLogger(__name__).debug("%s failed", video, exc_info=True)
            self.exit_code = ExitCode.FAILED
            return False
        return True

    def _run(self, video: Path, folder: Path, models: Models, asked: EndRequest) -> None:
        from moodstream.realtime.process import Run

        job = Run(video, folder, models, self._settings)
        with end_on_signal(job.stop, asked), _progress(job, not self._args.quiet) as tick:
            self.summaries.append(job.go(tick))

    def _tell(self, summary: VideoSummary, folder: Path) -> None:
        from moodstream.realtime.summary import five_lines

        if self._args.quiet or self._args.json:
            return
        if summary["interrupted"]:
            print(f"Stopped at {summary['counts']['seconds']:.1f} s; what was done is kept.")
        print(f"Results in  {folder}")
        print("\n".join(five_lines(summary)))
        for note in summary["notes"]:
            print(f"Note        {note}")


def _unforeseen(video: Path, error: Exception) -> str:
    reason = " ".join(str(error).split())
    return f"{video}: cannot be processed ({type(error).__name__}{reason and ': '}{reason})"


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
