"""Threads, memory and files of `moodstream dashboard` over many visits of a real browser.

    python benchmarks/dashboard_visits.py [--visits 200] [--every 50] [--json FILE]

Each visit opens the page in a browser of its own, starts the live view on a made-up camera, lets
the sample photo be read, and closes the page in the midst of it. After every ``--every`` visits
the server is left alone until the last page counts as gone, and then it is measured. The first
ten visits, which load what is loaded once, are not counted. Linux only (/proc); needs Chromium.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.browser import chromium, command, left_over, mjpeg, visit

_WARM = 10


def run(visits: int, every: int, folder: Path) -> list[dict[str, float]]:
    """What was measured before the first counted visit and after every ``every`` of them."""
    from playwright.sync_api import sync_playwright

    from moodstream.samples.fetch import fetch

    clip = fetch(["WolfgangLanger_Pexels.mp4"])["WolfgangLanger_Pexels.mp4"]
    camera = mjpeg(clip, folder / "camera.mjpeg")
    server = folder / "server"
    server.mkdir()
    found = []
    with (
        sync_playwright() as playwright,
        chromium(playwright, camera) as browser,
        command(server) as (process, url),
    ):
        for number in range(-_WARM, visits + 1):
            if number >= 0 and number % every == 0:
                found.append({"visits": number, **left_over(process.pid, server)})
                print(json.dumps(found[-1]), flush=True)
            if number < visits:
                visit(browser, url)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=int, default=200)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(args.visits, args.every, Path(folder))
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
