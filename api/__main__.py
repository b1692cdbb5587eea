"""``python -m moodstream`` is the command line."""

from __future__ import annotations

import sys

from moodstream.realtime.cli.entry import main

if __name__ == "__main__":
    sys.exit(main())
