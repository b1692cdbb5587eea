"""How long `process` takes from the start of its interpreter to the first faces it has read.

    python benchmarks/first_result.py [--runs 5]

The embedded networks on a sample clip, with compiled networks kept on disk and without (an empty
cache folder), and `moodstream --help`. Prints medians, lowest and highest seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from moodstream.samples.fetch import fetch

CLIP = "WolfgangLanger_Pexels.mp4"
CHILD = """
import sys, time
from moodstream.realtime.cli import main
from moodstream.realtime.runs.offline import pipeline
plain = pipeline.Pipeline._annotate
def annotate(self, detected):
    frame = plain(self, detected)
    if detected.fresh and len(detected.faces):
        print("read", time.time(), flush=True)
        pipeline.Pipeline._annotate = plain
    return frame
pipeline.Pipeline._annotate = annotate
main(["process", *sys.argv[1:], "--models", "embedded", "--no-video", "--end", "2"])
"""


def first_faces(clip: Path, cache: Path | None) -> float:
    """Seconds until the first faces are read; ``cache``: a cache folder other than the user's."""
    variables = {} if cache is None else {"MOODSTREAM_CACHE": str(cache)}
    with tempfile.TemporaryDirectory() as folder:
        began = time.time()
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(clip), "-o", str(Path(folder) / "out")],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | variables,
        )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("read ")]
    return float(line.split()[1]) - began


def help_text() -> float:
    """Seconds that `moodstream --help` takes."""
    began = time.time()
    code = "from moodstream.realtime.cli import main; main(['--help'])"
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
    return time.time() - began


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = range(parser.parse_args().runs)
    clip = fetch([CLIP])[CLIP].resolve()
    first_faces(clip, None)  # from now on the compiled networks are there
    with tempfile.TemporaryDirectory() as folder:
        took = {
            "first faces, networks kept": [first_faces(clip, None) for _ in runs],
            "first faces, networks compiled": [
                first_faces(clip, Path(folder) / str(k)) for k in runs
            ],
            "moodstream --help": [help_text() for _ in runs],
        }
    print("| | median | lowest–highest |", "|---|---|---|", sep="\n")
    for name, s in took.items():
        print(f"| {name} | {statistics.median(s):.2f} s | {min(s):.2f}–{max(s):.2f} s |")


if __name__ == "__main__":
    main()
