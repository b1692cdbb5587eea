"""Dashboards with made-up networks, and one with real ones that a real browser looks at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.asking import one_face
from support.browser import OFFLINE, Visit, chromium, dashboard, mjpeg
from support.waiting import wait_for

from moodstream.realtime.dashboard.limits import Limits
from moodstream.realtime.dashboard.sessions import Registry


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, Registry]]:
    with dashboard(one_face(), Limits(upload_mb=1, streams=2, videos=1)) as found:
        yield found


@pytest.fixture(scope="module")
def camera_clip(langer: Path, made_once: Callable[..., Path]) -> Path:
    return made_once("camera/langer.mjpeg", lambda path: mjpeg(langer, path))


@pytest.fixture(scope="module")
def real_site(networks: Any) -> Iterator[tuple[str, Registry]]:
    limits = Limits(upload_mb=4, leaving_s=0.5, streams=3)
    with dashboard(networks, limits) as found:
        yield found


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def chrome(playwright: Any, camera_clip: Path) -> Iterator[Any]:
    # nothing but this machine can be reached
    with chromium(playwright, camera_clip, [OFFLINE]) as browser:
        yield browser


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the page go: $MOODSTREAM_SHOTS keeps them."""
    kept = os.environ.get("MOODSTREAM_SHOTS")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def visit(chrome: Any, real_site: tuple[str, Registry]) -> Iterator[Callable[..., Visit]]:
    open_ones: list[Visit] = []

    def make(**context: Any) -> Visit:
        open_ones.append(Visit(chrome, real_site, **context))
        return open_ones[-1]

    yield make
    for one in open_ones:
        one.close()
    wait_for(lambda: len(real_site[1]) == 0)
