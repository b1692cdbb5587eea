"""`moodstream process`: recorded videos in, folders of results out."""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.cli.exit_codes import ExitCode
from moodstream.realtime.cli.logs import told
from moodstream.realtime.cli.options import (
    add_analysis_options,
    add_model_options,
    add_printing_options,
    figure_settings,
    load_models,
)
from moodstream.realtime.cli.progress import video_progress
from moodstream.realtime.cli.signals import EndRequest, end_on_signal
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs import layout

if TYPE_CHECKING:
    from moodstream.realtime.networks.models import Models
    from moodstream.realtime.outputs.schemas import VideoSummary
    from moodstream.realtime.runs.offline.process import ProcessSettings


def seconds(text: str) -> float:
    """An argparse type: seconds from ``83.5``, ``1:23.5`` or ``0:01:23.5``."""
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or any(not 0 <= p < math.inf for p in parts):
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
    parser.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        metavar="DIR",
        help="where the results go; a new folder is made, one for each of several videos in it",
    )
    add_model_options(parser)
    add_analysis_options(parser)
    part = parser.add_argument_group("what is read and written")
    part.add_argument(
        "--start",
        type=seconds,
        default=0.0,
        metavar="TIME",
        help="from where the video is read: seconds such as 83.5, or 1:23.5, or 0:01:23.5 "
        "(its beginning)",
    )
    part.add_argument(
        "--end",
        type=seconds,
        default=None,
        metavar="TIME",
        help="until where it is read, written as for --start (its end)",
    )
    part.add_argument(
        "--every-frame",
        action="store_true",
        help="detect and classify faces in every frame, at full size, not ten times a second",
    )
    part.add_argument("--no-video", action="store_true", help=f"write no {layout.OVERLAY}")
    part.add_argument("--overwrite", action="store_true", help="replace earlier results")
    add_printing_options(part, "summary")
    parser.set_defaults(func=run)


def _settings(args: argparse.Namespace) -> ProcessSettings:
    from moodstream.realtime.runs.offline.process import ProcessSettings

    figures = figure_settings(args)
    try:
        return ProcessSettings(
            worker=figures.analysis,
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
    """Where the results of each video go.

    Args:
        videos: The files.
        asked: What the command line named, files and folders.
        out: The folder for all of them.

    Returns:
        A folder for each: ``out`` itself for a single file, else sub-folders of it by name.
    """
    from moodstream.realtime.outputs.folders import file_names

    if len(videos) == 1 and not any(path.is_dir() for path in asked):
        return [out]
    return [out / name for name in file_names([video.stem for video in videos])]


def run(args: argparse.Namespace) -> int:
    """Process every source; one that fails is one line, and the others go on."""
    from moodstream.realtime.sources.files import find_videos

    videos = find_videos(args.sources)
    batch = _Batch(args, _settings(args), single=len(videos) == 1)
    for video, folder in zip(
        videos, result_folders(videos, args.sources, args.output), strict=True
    ):
        if not batch.process(video, folder):
            break
    if args.json:
        print(json.dumps(batch.summaries[0] if batch.single else batch.summaries, indent=2))
    return batch.exit_code


class _Batch:
    """The videos of one command, one after another, with networks that are loaded once.

    Args:
        args: Of the command line.
        settings: For all of them.
        single: There is one video only: its failure is that of the command.
    """

    def __init__(self, args: argparse.Namespace, settings: ProcessSettings, single: bool) -> None:
        self.single = single
        self.summaries: list[VideoSummary] = []
        self.exit_code = ExitCode.OK
        self._args, self._settings = args, settings
        self._models: Models | None = None

    def process(self, video: Path, folder: Path) -> bool:
        """Process a video; returns whether the next one is to follow."""
        from moodstream.realtime.networks.engines.devices import streams_for
        from moodstream.realtime.sources.files import open_container

        if not self._succeeds(video, lambda: open_container(video).close()):
            return True
        if self._models is None:  # not before there is a video that can be opened
            self._models = load_models(self._args, streams_for(self._settings.detect_full_size))
        asked, models, before = EndRequest(), self._models, len(self.summaries)
        self._succeeds(video, lambda: self._run(video, folder, models, asked))
        if len(self.summaries) > before:
            self._print(self.summaries[-1], folder)
        if asked.number is not None:
            self.exit_code = asked.exit_code
        return asked.number is None

    def _succeeds(self, video: Path, work: Callable[[], None]) -> bool:
        """Do a part of the work on a video; a failure is one line, unless it is the only video."""
        try:
            work()
        except Exception as error:
            if self.single:
                raise
            line = told(error) if isinstance(error, MoodstreamError) else _unexpected(video, error)
            print(f"moodstream: {line}", file=sys.stderr)
            logging.getLogger(__name__).debug("%s failed", video, exc_info=True)
            self.exit_code = ExitCode.FAILED
            return False
        return True

    def _run(self, video: Path, folder: Path, models: Models, asked: EndRequest) -> None:
        from moodstream.realtime.runs.offline.process import OfflineRun

        job = OfflineRun(video, folder, models, self._settings)
        with (
            end_on_signal(job.stop, asked),
            video_progress(job, not self._args.quiet) as on_progress,
        ):
            self.summaries.append(job.run(on_progress))

    def _print(self, summary: VideoSummary, folder: Path) -> None:
        from moodstream.realtime.outputs.report.summary import terminal_summary

        if self._args.quiet or self._args.json:
            return
        lines = terminal_summary(summary)
        if len(lines) == 1:  # stopped before there was anything to tell
            print(lines[0])
            return
        if summary["interrupted"]:
            print(f"Stopped at {summary['counts']['seconds']:.1f} s; what was done is kept.")
        print(f"Results in  {folder}")
        print("\n".join(lines))
        for note in summary["notes"]:
            print(f"Note        {note}")


def _unexpected(video: Path, error: Exception) -> str:
    reason = " ".join(str(error).split())
    return f"{video}: cannot be processed ({type(error).__name__}{reason and ': '}{reason})"
