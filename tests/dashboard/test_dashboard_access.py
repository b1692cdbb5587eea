"""The dashboard without a browser: who may ask for what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from support.asking import ANN, Asker, one_face
from support.browser import dashboard

from moodstream.realtime.dashboard.sessions import Registry


@pytest.fixture(scope="module")
def guarded() -> Iterator[tuple[str, Registry]]:
    with dashboard(one_face(), auth="ann:s3cret:word") as found:
        yield found


# --- who may ask ---


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=C:/x",
        "/gradio_api/file/etc/passwd",
        "/file=/etc/passwd",
        "/file/etc/passwd",
        "/gradio_api/proxy=http://127.0.0.1:1/x",
        "/static/../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/routes.py",
        "/assets/..%2f..%2froutes.py",
        "/assets//etc/passwd",
        "/assets/%5c..%5croutes.py",
        "/gradio_api/stream/x/1/2/playlist.m3u8",
        "/gradio_api/upload_progress",
        "/gradio_api/custom_component/x/client/component/../../x",
        "/gradio_api/runs",
        "/gradio_api/deep_link",
        "/gradio_api/openapi.json",
        "/gradio_api/vibe-code/",
        "/gradio_api/mcp/",
        "/monitoring",
        "/monitoring/summary",
        "/docs",
        "/openapi.json",
        "/moodstream/s/../page.js",
        "/moodstream/s/x/state",
        "/moodstream/s/" + "x" * 32 + "/files/summary.json",
    ],
)
def test_nothing_else_is_there(site: tuple[str, Registry], path: str) -> None:
    status, content = Asker(site[0], ANN)(path)
    assert status in (403, 404)
    assert b"root:" not in content
    assert b"import" not in content


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/upload",
        "/gradio_api/run/predict",
        "/gradio_api/call/x",
        "/gradio_api/vibe-edit/",
    ],
)
def test_files_and_calls_do_not_go_to_gradio(site: tuple[str, Registry], path: str) -> None:
    assert Asker(site[0], ANN)(path, b"{}", Content_Type="application/json")[0] == 404
    assert Asker(site[0], ANN)("/gradio_api/queue/join", bytes(200_000))[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null", "Sec_Fetch_Site": "cross-site"}, 200),
        ({"Sec_Fetch_Site": "cross-site"}, 200),
    ],
)
def test_hosts_and_origins(
    site: tuple[str, Registry], headers: dict[str, Any], status: int
) -> None:
    ask = Asker(site[0], ANN)
    assert ask("/", **headers)[0] == status
    if headers:
        assert ask("/config", **headers)[0] == 403
        assert ask("/gradio_api/queue/join", b"{}", **headers)[0] == 403


def test_the_password_protects_every_route(guarded: tuple[str, Registry]) -> None:
    url, registry = guarded
    session = registry.open("page", ANN)
    own = ("state", "picture", "frame", "bye", "video", "files/summary.json", "photo", "photo.jpg")
    paths = [f"/moodstream/s/{session.token}/{name}" for name in own]
    paths += ["/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt"]
    paths += ["/moodstream/page.js", "/moodstream/plotly.js", "/gradio_api/info", "/login"]
    paths += ["/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/heartbeat/x"]
    for path in paths:
        for method in ("GET", "POST", "HEAD", "PUT"):
            assert Asker(url, ANN)(path, method=method)[0] == 401, (method, path)
    for wrong in ("ann:", "ann:wrong", "bob:s3cret:word", "", "é:é"):
        assert Asker(url, ANN, wrong)("/")[0] == 401
    assert Asker(url, ANN)("/", Authorization="Basic !")[0] == 401
    right = Asker(url, ANN, "ann:s3cret:word")
    assert right("/")[0] == 200
    assert right(paths[0])[0] == 200


def test_the_password_protects_what_gradio_brings_too(guarded: tuple[str, Registry]) -> None:
    from moodstream.realtime.dashboard.app import build

    url, registry = guarded
    app: Any = build(registry)
    paths = {re.sub(r"\{[^}]*\}", "x", path) for path in _paths(app._app.router)}
    assert len(paths) > 40
    assert {"/config", "/gradio_api/queue/join", "/moodstream/s/x/state"} <= paths
    for path in paths:
        assert Asker(url, ANN)(path)[0] == 401, path


def _paths(router: Any, under: str = "") -> Iterator[str]:
    """Every route of an application and of what is mounted in it."""
    for route in router.routes:
        if hasattr(route, "routes"):
            yield from _paths(route, under + route.path)
        elif hasattr(route, "path"):
            yield under + route.path
        else:  # FastAPI includes routers as they are
            yield from _paths(route.original_router, under)


def test_a_page_of_gradio_names_no_other_host(site: tuple[str, Registry]) -> None:
    status, content = Asker(site[0])("/")
    page = content.decode()
    assert status == 200
    assert "googleapis" not in page
    assert "cdn" not in page.lower()
    config = json.loads(Asker(site[0])("/config")[1])
    assert config["analytics_enabled"] is False
    assert not config.get("run_history")
