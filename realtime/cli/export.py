"""`moodstream export`: a recording of `moodstream live` in, the files of `process` out."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from moodstream.realtime.cli.options import add_printing_options


def add_parser(commands: Any) -> None:
    """Add the sub-command to the parser."""
    parser = commands.add_parser(
        "export", help="a live recording in, emotional timelines out", description=__doc__
    )
    parser.add_argument(
        "recording", type=Path, metavar="DIR", help="what `live --record` wrote; it may still run"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="where to write (DIR/export)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results")
    add_printing_options(parser, "summary")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Export every source of the recording."""
    from moodstream.realtime.outputs.report.summary import terminal_summary
    from moodstream.realtime.runs.offline.export import export

    exported = export(args.recording, args.output, args.overwrite)
    if args.json:
        summaries = [summary for _, summary in exported]
        print(json.dumps(summaries[0] if len(summaries) == 1 else summaries, indent=2))
    elif not args.quiet:
        for folder, summary in exported:
            print(f"Results in  {folder}")
            print("\n".join(terminal_summary(summary)))
            for note in summary["notes"]:
                print(f"Note        {note}")
    return 0
