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
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from browser import chromium, command, mjpeg

_WARM = 10
_PATIENCE = 120_000  # ms, on a machine that has other things to do
_GONE = 8.0  # a page that has left may come back for some seconds


def visit(browser: Any, url: str) -> None:
    """Open the page, use it, and close it while it is at work."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(_PATIENCE)
    page.goto(url)
    page.wait_for_selector("#ms-stop[disabled]")
    page.click("#ms-start")
    page.wait_for_function("document.querySelector('#ms-picture').dataset.number > 5")
    page.get_by_role("tab", name="Photo").click()
    page.click("#ms-photo-sample")
    page.wait_for_selector("#ms-photo-people li:nth-child(5)")
    context.close()


def measure(pid: int, folder: Path) -> dict[str, float]:
    """threads, resident memory in MB, and files, once everybody is gone."""
    time.sleep(_GONE)
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return {
        "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
        "mb": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1),
        "files": sum(path.is_file() for path in folder.rglob("*")),
    }


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
                found.append({"visits": number, **measure(process.pid, server)})
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
