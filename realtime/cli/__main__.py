"""`python -m moodstream.realtime.cli`."""

import sys

from moodstream.realtime.cli.entry import main

sys.exit(main())
