"""The Live tab of a real browser on a real RTSP server that asks for a password and goes away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import Visit, chromium, dashboard
from support.rtsp import RtspServer, lengthen

from moodstream.realtime.dashboard.source_policy import AllowedSources

pytestmark = pytest.mark.needs("browser")
USER, SECRET = "teacher", "s3cr3t-Word"


@pytest.fixture
def camera(langer: Path, tmp_path: Path) -> Iterator[RtspServer]:
    with RtspServer(lengthen(langer, 120, tmp_path / "room.mp4"), (USER, SECRET)) as server:
        yield server


def start(one: Visit, address: str) -> None:
    one.page.get_by_label("an address").check()
    one.page.fill("#ms-address textarea", address)
    one.page.click("#ms-start")


def refused(one: Visit, address: str) -> str:
    """What the page says of an address that it may not open."""
    start(one, address)
    toast = one.page.get_by_test_id("toast-body")
    toast.wait_for()
    shown = toast.get_by_test_id("toast-text").text_content().strip()
    toast.get_by_test_id("toast-close").click()
    toast.wait_for(state="detached")
    assert one.session.live is None
    return shown


def test_an_allowed_camera_that_goes_and_comes_back(networks: Any, camera: RtspServer) -> None:
    from playwright.sync_api import sync_playwright

    heard = bytearray()
    patterns = ["rtsp://127.0.0.1:*", "rtsp://169.254.169.254/*", "rtsp://*/*"]
    allowed = AllowedSources.parse(patterns)
    with (
        dashboard(networks, allowed=allowed, heard=heard) as site,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        one = Visit(browser, site)
        for address, line in (
            ("http://ann:pw-of-ann@127.0.0.1/x", "not allowed here"),
            ("rtsp://169.254.169.254/latest", "never opened here"),
            ("rtsp://[fe80::1]/x", "never opened here"),
        ):
            shown = refused(one, address)
            assert line in shown
            assert "\n" not in shown
        start(one, camera.url.replace("://", f"://{USER}:{SECRET}@"))
        one.page.wait_for_function("document.querySelector('#ms-picture').naturalWidth === 640")
        one.until(lambda: "sad" in one.page.text_content("#ms-mood"))
        assert f"127.0.0.1:{camera.port}" in one.page.text_content("#ms-signal")
        camera.kill()
        one.page.wait_for_selector(f"#ms-hint:has-text('127.0.0.1:{camera.port}')")
        assert one.page.text_content("#ms-mood") == "–"
        before = one.shown()
        camera.start()
        one.page.wait_for_selector("#ms-hint", state="hidden")
        one.until(lambda: one.shown() > before + 10)
        one.page.wait_for_selector("#ms-fresh:has-text('reconnected 1 ×')")
        one.page.click("#ms-stop")
        one.until(lambda: one.session.live is None)
        # no second run for one who guesses passwords
        start(one, camera.url.replace("://", f"://{USER}:{SECRET}-not@"))
        one.page.wait_for_selector("#ms-hint:has-text('password')")
        assert one.trouble == []
    assert len(heard) > 1_000_000
    for word in (SECRET, USER, "pw-of-ann"):
        assert word.encode() not in heard
