"""A real Chromium with a made-up camera, and a dashboard for it to look at."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moodstream.realtime.dashboard.sessions import Limits, Registry, UserSession
from moodstream.realtime.dashboard.source_policy import AllowedSources
from support.commands import COMMAND
from support.needs import CHROMIUM, require
from support.waiting import wait_for

T = TypeVar("T")

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
_PATIENCE = 120_000  # ms, on a machine that has other things to do
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--autoplay-policy=no-user-gesture-required",
)
_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"


@contextmanager
def chromium(
    playwright: Any, camera: Path | None = None, flags: Sequence[str] = ()
) -> Iterator[Any]:
    """A browser that is closed again; ``camera`` is the MJPEG file that its webcam plays."""
    require("browser")
    extra = [] if camera is None else [*_CAMERA, f"--use-file-for-fake-video-capture={camera}"]
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, headless=True, args=[*_FLAGS, *extra, *flags]
    )
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def dashboard(
    networks: Any,
    limits: Limits | None = None,
    allowed: AllowedSources | None = None,
    auth: str | None = None,
    heard: bytearray | None = None,
) -> Iterator[tuple[str, Registry]]:
    """A dashboard on a free port: its address and its registry; ``heard`` gets all it answers."""
    from moodstream.realtime.dashboard.app import build
    from moodstream.realtime.dashboard.server import DashboardServer

    registry = Registry(networks, allowed, limits)
    try:
        app = build(registry, {"127.0.0.1"}, auth)
        server = DashboardServer(app if heard is None else overheard(app, heard), "127.0.0.1", 0)
        try:
            server.start()
            yield server.url, registry
        finally:
            assert server.stop()
    finally:
        registry.close()


def overheard(app: ASGIApp, heard: bytearray) -> ASGIApp:
    """The application, with every byte that it answers kept: statuses, headers and bodies."""

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        async def noting(message: Message) -> None:
            for name, value in message.get("headers", ()):
                heard.extend(name + b": " + value + b"\n")
            heard.extend(message.get("body", b""))
            await send(message)

        # a packed answer could not be searched
        plain = [pair for pair in scope.get("headers", ()) if pair[0] != b"accept-encoding"]
        await app({**scope, "headers": plain}, receive, noting)

    return listening


def mjpeg(video: Path, out: Path, width: int = 640) -> Path:
    """A video as the MJPEG file that Chromium's camera plays in a loop."""
    capture = cv2.VideoCapture(str(video))
    with out.open("wb") as file:
        while True:
            ok, image = capture.read()
            if not ok:
                break
            high = round(image.shape[0] * width / image.shape[1])
            small = cv2.resize(image, (width, high), interpolation=cv2.INTER_AREA)
            file.write(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    capture.release()
    return out


@contextmanager
def command(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`moodstream dashboard` as a process of its own: it, and its address.

    Its temporary files lie in ``folder``.
    """
    line = [*COMMAND, "dashboard", "--port", "0"]
    line += ["--models", "embedded", *options]
    env = os.environ | {"TMPDIR": str(folder), "GRADIO_TEMP_DIR": str(folder / "gradio")}
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stderr is not None
            said = next((one for one in process.stderr if "dashboard at" in one), "")
            yield process, said.split(" at ")[1].split()[0]
        finally:
            process.kill()


def jpeg(width: int = 64, height: int = 48, grey: int = 90) -> bytes:
    picture = np.full((height, width, 3), grey, np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


class Visit:
    """One open page, what went wrong on it, and its session on the server."""

    def __init__(self, browser: Any, site: tuple[str, Registry], **context: Any) -> None:
        url, self.registry = site
        before = set(self.registry.sessions)
        self.trouble: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(**{"viewport": DESKTOP, **context})
        self.page = page = self.context.new_page()
        page.set_default_timeout(_PATIENCE)
        page.on("request", lambda r: self.asked.append(r.url))
        page.on("requestfailed", self._failed)
        page.on("pageerror", lambda e: self.trouble.append(f"error {e}"))
        page.on("console", lambda m: self.trouble.extend([m.text] if m.type == "error" else []))
        page.goto(url)
        page.wait_for_selector("#ms-start:not([disabled])")
        token = self.until(lambda: set(self.registry.sessions) - before).pop()
        self.session: UserSession = self.registry.sessions[token]
        # the page has its token once it has drawn a state: Stop is off then
        page.wait_for_selector("#ms-stop[disabled]")

    def _failed(self, request: Any) -> None:
        # Gradio closes its event streams, and a player a download, when they have what they need
        if "ERR_ABORTED" not in str(request.failure):
            self.trouble.append(f"{request.url} {request.failure}")

    def until(self, condition: Callable[[], T], seconds: float = _PATIENCE / 1000) -> T:
        """Wait for something while the page goes on."""
        return wait_for(condition, seconds, meanwhile=lambda: self.page.wait_for_timeout(50))

    def tab(self, name: str) -> None:
        """Click on one of the tabs."""
        self.page.get_by_role("tab", name=name).click()

    def source(self) -> dict[str, Any]:
        """What the server says of the live source."""
        live = self.session.live
        return {} if live is None else dict(live.state()["source"])

    def shown(self) -> int:
        """The number of the picture that the page shows."""
        return int(self.page.evaluate("document.querySelector('#ms-picture').dataset.number ?? 0"))

    def close(self) -> None:
        """Close the page."""
        self.context.close()


_GONE = 8.0  # a page that has left may come back for some seconds


def visit(browser: Any, url: str) -> None:
    """Open the page, use two tabs of it, and close it while it is at work."""
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


def left_over(pid: int, folder: Path) -> dict[str, float]:
    """threads, resident memory in MB, and files, once everybody is gone (Linux only)."""
    time.sleep(_GONE)
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return {
        "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
        "mb": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1),
        "files": sum(path.is_file() for path in folder.rglob("*")),
    }
