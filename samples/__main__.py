"""``python -m moodstream.samples fetch | meeting``: sample footage on disk."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from moodstream.samples.fetch import FetchError, default_folder, fetch


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch the samples, or build the demo meeting from them, and print the paths."""
    parser = argparse.ArgumentParser(prog="python -m moodstream.samples", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("fetch", help="fetch and verify the sample files")
    command.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="default: the user's cache"
    )
    command = commands.add_parser("meeting", help="build the demo meeting and its truth file")
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="default: the user's cache"
    )
    args = parser.parse_args(arguments)
    try:
        if args.command == "fetch":
            print("\n".join(str(path) for path in fetch(folder=args.output).values()))
            return
        # imports OpenCV and PyAV, which `fetch` does not need
        from moodstream.samples.meeting import CLIPS, build_meeting, truth_path

        out = args.output or default_folder() / "meeting.mp4"
        sources = fetch(CLIPS)
        out.parent.mkdir(parents=True, exist_ok=True)
        build_meeting(out, sources)
        print(f"{out}\n{truth_path(out)}")
    except (FetchError, OSError) as error:
        raise SystemExit(f"moodstream.samples: {error}") from None


if __name__ == "__main__":
    main()
