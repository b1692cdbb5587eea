"""The loop of every contender: a line with a number of frames in, a line of figures out.

Runs in each contender's own environment, so it uses nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def serve(once: Callable[[int], dict[str, Any]]) -> None:
    """Answer each number of frames on stdin (0 is all) with ``once`` of it, timed.

    ``once`` returns at least ``frames``; its own ``wall_seconds``, if any, goes before ours. The
    first line out says that the networks are loaded.
    """
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the libraries print must not be taken for an answer
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        counts = once(int(line))
        spent = {
            "wall_seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
        }
        print(json.dumps(spent | counts), file=answers)
