"""`moodstream dashboard`: live pictures, videos and photos in a browser."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from moodstream.realtime.cli.options import add_model_options, model_settings, number
from moodstream.realtime.cli.signals import end_on_signal
from moodstream.realtime.dashboard.limits import Limits
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.server.listen import LOCAL, LOCAL_NAMES, names_of

_PORT = 7860
_SIGNAL_CHECK_INTERVAL_S = 0.5


def add_parser(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser(
        "dashboard",
        help="live pictures, videos and photos in a browser",
        description="A page for the browsers of this machine, or with --host for those of others.",
    )
    parser.add_argument(
        "--host",
        default=LOCAL,
        metavar="ADDRESS",
        help=f"the address to serve at; 0.0.0.0 for all of this machine ({LOCAL}, for browsers of "
        "this machine only)",
    )
    parser.add_argument(
        "--port",
        type=number(0, 65535, int),
        default=_PORT,
        metavar="PORT",
        help=f"the port to serve at; 0 for any that is free ({_PORT})",
    )
    parser.add_argument(
        "--auth",
        metavar="USER:PASSWORD",
        help="ask everyone for it (others on this machine see it in the list of processes)",
    )
    parser.add_argument(
        "--allow-source",
        action="append",
        default=[],
        metavar="PATTERN",
        help="a source that people may open from the page: camera:0, or addresses with * and ?, "
        "such as 'rtsp://10.0.0.*/*'; may be given several times",
    )
    parser.add_argument(
        "--max-upload",
        type=number(1, 100_000),
        default=Limits.upload_mb,
        metavar="MEGABYTES",
        help=f"the largest video that may be uploaded, in MB ({Limits.upload_mb:g})",
    )
    parser.add_argument(
        "--max-streams",
        type=number(1, 64, int),
        default=Limits.streams,
        metavar="N",
        help=f"live views at a time ({Limits.streams})",
    )
    add_model_options(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    from moodstream.realtime.dashboard.source_policy import AllowedSources

    if args.auth is not None and not all(args.auth.partition(":")):
        raise MoodstreamError("--auth: expected USER:PASSWORD")
    allowed = AllowedSources.parse(args.allow_source)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported
    from moodstream.realtime.dashboard import memory

    memory.limit_arenas()
    from moodstream.realtime.dashboard.app import build, warm_up
    from moodstream.realtime.dashboard.server import DashboardServer
    from moodstream.realtime.dashboard.sessions import Registry
    from moodstream.realtime.networks import load

    loaded = load.load(model_settings(args, progress=True))
    warm_up(loaded)
    limits = Limits(streams=args.max_streams, upload_mb=args.max_upload)
    registry = Registry(loaded, allowed, limits)
    try:
        app = build(registry, names_of(args.host), args.auth)
        server = DashboardServer(app, args.host, args.port)
        try:
            server.start()
            memory.freeze_gc()
            _print_address(server.url, args, loaded.fallback_reason)
            return _wait(server)
        finally:
            server.stop()
    finally:
        registry.close()


def _print_address(url: str, args: argparse.Namespace, fallback_reason: str | None) -> None:
    lines = [fallback_reason] if fallback_reason else []
    lines.append(f"dashboard at {url} (Ctrl-C ends it)")
    if args.host not in LOCAL_NAMES:
        lines.append("browsers give cameras only to pages on localhost or over https")
        if args.auth is None:
            lines.append("anyone who can reach this address can use it; see --auth")
    for line in lines:
        print(f"moodstream: {line}", file=sys.stderr, flush=True)


def _wait(server: Any) -> int:
    """Until a signal comes, or the server ends by itself; returns the exit code."""
    with end_on_signal() as asked:
        while asked.number is None:
            if server.wait(_SIGNAL_CHECK_INTERVAL_S):
                raise MoodstreamError("the dashboard's server broke off")
    return asked.exit_code
