"""`moodstream live`: cameras, streams and files as if live."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.cli.exit_codes import ExitCode
from moodstream.realtime.cli.logs import write_line
from moodstream.realtime.cli.options import (
    add_analysis_options,
    add_model_options,
    add_printing_options,
    figure_settings,
    model_settings,
    number,
)
from moodstream.realtime.cli.signals import EndRequest, end_on_signal
from moodstream.realtime.cli.status_line import StatusLine
from moodstream.realtime.errors import MoodstreamError

if TYPE_CHECKING:
    from moodstream.realtime.outputs.server.schemas import SessionState
    from moodstream.realtime.runs.live.session import LiveSession
    from moodstream.realtime.runs.live.sinks import LiveOutputs, LiveSinkSettings
    from moodstream.realtime.runs.live.stream import LiveSettings
    from moodstream.realtime.sources.base import SourceSpec

CODES = {
    "duration": ExitCode.OK,
    "ended": ExitCode.OK,
    "quit": ExitCode.OK,
    "failed": ExitCode.FAILED,
    "gave up": ExitCode.GAVE_UP,
}
"""Exit codes by the reason for which a run ended, where it was no signal."""

_TICK_S = 0.25


def add_parser(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser(
        "live",
        help="a camera, a stream or a file as if live",
        description="Ends with 0 (file over, --duration, window closed), 2 (source refused, or not "
        "all could be recorded), 3 (--give-up), 130 or 143 (Ctrl-C, SIGTERM).",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="camera number, /dev/video0, rtsp://…, http(s)://… (MJPEG, HLS) or a video file",
    )
    add_model_options(parser)
    add_analysis_options(parser)
    _add_source_options(parser)
    _add_output_options(parser)
    parser.set_defaults(func=run)


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group("sources")
    source.add_argument("--loop", action="store_true", help="play files again and again")
    source.add_argument(
        "--speed",
        type=number(0.01, 100),
        default=1.0,
        metavar="FACTOR",
        help="play files faster or slower than they are (1)",
    )
    source.add_argument(
        "--rtsp-transport",
        choices=("tcp", "udp"),
        default="tcp",
        help="how rtsp:// cameras send their pictures; udp has less delay and loses some (tcp)",
    )
    source.add_argument(
        "--open-timeout",
        type=number(0.1, 600),
        default=5.0,
        metavar="SECONDS",
        help="how long a source may take to answer before it is tried again, in seconds (5)",
    )
    source.add_argument(
        "--read-timeout",
        type=number(0.1, 600),
        default=5.0,
        metavar="SECONDS",
        help="how long an open source may send nothing before it is opened again, in seconds (5)",
    )
    source.add_argument(
        "--give-up",
        type=number(0.1),
        metavar="SECONDS",
        help="leave a source that has had no signal for so long, in seconds (never)",
    )
    source.add_argument(
        "--duration",
        type=number(0.1),
        metavar="SECONDS",
        help="end after so long, in seconds (with the sources, or Ctrl-C)",
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    shown = parser.add_argument_group("what is shown and recorded")
    shown.add_argument(
        "--display",
        action="store_true",
        help="a window; in it q or Esc ends the run, p hides more of who is seen, h shows or hides "
        "the figures, space pauses",
    )
    shown.add_argument(
        "--headless", action="store_true", help="no window; one line a second on a terminal"
    )
    shown.add_argument(
        "--serve",
        metavar="[HOST:]PORT",
        help="pictures, /video, /state and /events for browsers; without HOST this machine only "
        "(nothing is served)",
    )
    shown.add_argument(
        "--max-latency",
        type=number(1),
        metavar="MILLISECONDS",
        help="drop frames that would be shown later than this after their capture, in ms (none)",
    )
    shown.add_argument(
        "--record",
        type=Path,
        metavar="DIR",
        help="record the timeline there; see `moodstream export`",
    )
    shown.add_argument(
        "--record-video", action="store_true", help="with --record: the overlay, too, in chunks"
    )
    shown.add_argument("--overwrite", action="store_true", help="replace an earlier recording")
    add_printing_options(shown, "last state")


def live_settings(args: argparse.Namespace) -> LiveSettings:
    """The settings of the command line.

    Raises:
        MoodstreamError: They do not go together.
    """
    from moodstream.realtime.runs.live.stream import LiveSettings
    from moodstream.realtime.sources.capture import CaptureSettings

    figures = figure_settings(args)
    return LiveSettings(
        worker=figures.analysis,
        smoothing=figures.smoothing,
        group=figures.group,
        capture=CaptureSettings(
            open_timeout=args.open_timeout,
            read_timeout=args.read_timeout,
            transport=args.rtsp_transport,
            loop=args.loop,
            speed=args.speed,
        ),
        privacy=args.privacy,
        max_latency=None if args.max_latency is None else args.max_latency / 1000,
        give_up=args.give_up,
        duration=args.duration,
    )


def sink_settings(args: argparse.Namespace) -> LiveSinkSettings:
    """Where the results go.

    Raises:
        MoodstreamError: The options do not go together.
    """
    from moodstream.realtime.outputs.server.server import parse_address
    from moodstream.realtime.runs.live.sinks import LiveSinkSettings

    if args.record_video and args.record is None:
        raise MoodstreamError("--record-video: needs --record DIR")
    if args.display and args.headless:
        raise MoodstreamError("--display and --headless: choose one")
    return LiveSinkSettings(
        display=args.display,
        serve=None if args.serve is None else parse_address(args.serve),
        record=args.record,
        record_video=args.record_video,
        overwrite=args.overwrite,
    )


def _specs(args: argparse.Namespace) -> list[SourceSpec]:
    from moodstream.realtime.sources.addresses import parse_source

    specs = [parse_source(text) for text in args.sources]
    files = [spec for spec in specs if spec.kind == "file"]
    if (args.loop or args.speed != 1) and len(files) < len(specs):
        raise MoodstreamError("--loop and --speed: for files only")
    if len({spec.address for spec in specs}) < len(specs):
        raise MoodstreamError("the same source twice")
    return specs


def run(args: argparse.Namespace) -> int:
    """Run until the sources end, or someone ends it; returns the exit code."""
    from moodstream.realtime.networks import load
    from moodstream.realtime.networks.load import check_networks
    from moodstream.realtime.runs.live.session import LiveSession
    from moodstream.realtime.runs.live.sinks import LiveOutputs

    settings, sinks, specs = live_settings(args), sink_settings(args), _specs(args)
    # what cannot be had is said before the networks load
    with LiveOutputs(sinks, specs) as outputs:
        loaded = load.load(model_settings(args, progress=not args.quiet))
        check_networks(loaded)
        say = _say if not args.quiet else lambda line: None
        if loaded.fallback_reason:
            say(loaded.fallback_reason)
        outputs.begin(
            {
                "settings": asdict(settings),
                "models": loaded.as_dict(),
                "notice": loaded.fallback_reason,
            },
            say,
            individuals=settings.privacy.keeps_individuals,
        )
        session = LiveSession(
            specs,
            loaded,
            settings,
            record=outputs.record,
            show=outputs.show if outputs.draws else None,
            notify=outputs.notify,
            say=say,
        )
        with end_on_signal(lambda: session.end("interrupted")) as asked:
            watch(session, outputs, args)
        return conclude(session, outputs, args, asked)


def _say(line: str) -> None:
    write_line(f"moodstream: {line}")


def watch(session: LiveSession, outputs: LiveOutputs, args: argparse.Namespace) -> None:
    """The owner's loop, on the main thread: the window lives here."""
    line = StatusLine(show=not args.quiet and sys.stderr.isatty())
    due = 0.0
    with ExitStack() as closing:
        closing.callback(lambda: outputs.publish(session))  # as it was in the end
        closing.enter_context(session)
        closing.callback(line.clear)
        while session.reason is None:
            outputs.turn(session, _TICK_S)
            if time.monotonic() < due:
                continue
            due = time.monotonic() + _TICK_S
            session.tick()
            outputs.publish(session)
            line.update(session)


def conclude(
    session: LiveSession, outputs: LiveOutputs, args: argparse.Namespace, asked: EndRequest
) -> int:
    """The session is over: finish the recording, print how it was, and say with which code."""
    outputs.finish({**outputs.state(session), "ended": session.reason})
    state = outputs.state(session)  # with the rows that were lost in the end
    if args.json:
        print(json.dumps(state, indent=2))
    elif not args.quiet:
        from moodstream.realtime.runs.live.state import last_mood

        moods = [last_mood(session, stream) for stream in session.streams]
        for line in summary_lines(state, moods, args.record, shown=outputs.draws):
            print(line)
    return _exit_code(session, outputs, asked)


def _exit_code(session: LiveSession, outputs: LiveOutputs, asked: EndRequest) -> int:
    reason = session.reason or "quit"
    code = asked.exit_code if reason == "interrupted" else CODES[reason]
    if outputs.recorded_all:
        return code
    why = outputs.recording_problem or "some rows were lost"
    write_line(f"moodstream: not all could be recorded: {why}")
    return ExitCode.FAILED if code == ExitCode.OK else code


def summary_lines(
    state: SessionState, moods: Sequence[str], record: Path | None, shown: bool
) -> list[str]:
    """The end of a run for a person to read: a line a source, and where the recording is.

    Args:
        state: The last one.
        moods: Of each source, in words.
        record: Where the recording is, if there is one.
        shown: Whether pictures went anywhere.
    """
    from moodstream.realtime.outputs.report.formatting import counted

    lines = []
    for source, mood in zip(state["sources"], moods, strict=True):
        parts = [mood, counted(source["frames"] or 0, "frame")]
        if shown:
            parts.append(f"{source['dropped']} not shown")
        if source["gaps"]:
            parts.append(counted(source["gaps"], "gap"))
        if source["reconnects"]:
            parts.append(counted(source["reconnects"], "reconnect"))
        if source["detail"]:
            parts.append(source["detail"].removeprefix(f"{source['name']}: "))
        lines.append(f"{source['name']}: {', '.join(parts)}")
    lost = state["recording"]["lost_rows"]
    if lost:
        lines.append(f"{counted(lost, 'row')} could not be recorded")
    if record is not None:
        lines.append(f"Recording in {record}; `moodstream export {record}` makes files of it")
    return lines
