"""The dashboard without a browser: who may ask for what, and what is kept of whom."""

from __future__ import annotations

import base64
import http.client
import json
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from browser import command, dashboard, jpeg, wait
from conftest import OneFace, Says
from media import moving_blob, write_video

from moodstream.realtime.cli import build_parser, main
from moodstream.realtime.dashboard.allow import AllowedSources
from moodstream.realtime.dashboard.live_run import Figures
from moodstream.realtime.dashboard.sessions import Busy, Limits, Registry
from moodstream.realtime.dashboard.video_job import Upload
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Detections
from moodstream.realtime.models import ModelInfo, Models

ANN, BOB = "a" * 32, "b" * 32
SAD = (0.02, 0.02, 0.02, 0.02, 0.88, 0.02, 0.02)


def one_face() -> Models:
    info = ModelInfo("made up", "none", "0" * 64, "none", "cpu")
    return Models(OneFace(), Says(SAD), {"detector": info, "emotion": info})


class Asker:
    """Asks one server, as the browser with one cookie."""

    def __init__(self, url: str, cookie: str | None = None, auth: str | None = None) -> None:
        self.host = urlsplit(url).netloc
        self.headers = {} if cookie is None else {"Cookie": f"moodstream={cookie}"}
        if auth is not None:
            code = base64.b64encode(auth.encode()).decode()
            self.headers["Authorization"] = f"Basic {code}"

    def __call__(
        self, path: str, body: bytes | None = None, method: str | None = None, **headers: str
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        way = method or ("GET" if body is None else "POST")
        connection.request(way, path, body, self.headers | named)
        response = connection.getresponse()
        try:
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, Registry]]:
    with dashboard(one_face(), Limits(upload_mb=1, streams=2, videos=1)) as found:
        yield found


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
    site: tuple[str, Registry], headers: dict[str, str], status: int
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
    paths = {re.sub(r"\{[^}]*\}", "x", path) for path in _paths(build(registry)._app.router)}
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


# --- what belongs to whom ---


def test_users_cannot_fetch_each_others_results(site: tuple[str, Registry], tmp_path: Path) -> None:
    url, registry = site
    ann, bob = registry.open("ann", ANN), registry.open("bob", BOB)
    clip = write_video(tmp_path / "clip.mp4", moving_blob(30))
    own = f"/moodstream/s/{ann.token}/"
    name = {"X_File_Name": "..%2F..%2Fann%27s.mp4"}
    assert Asker(url, ANN)(own + "video", clip.read_bytes(), **name)[0] == 200
    assert ann.upload is not None
    assert ann.upload.name == "ann's.mp4"
    registry.start_video(ann, ann.upload)
    assert Asker(url, ANN)(own + "photo", jpeg(), X_File_Name="p.jpg")[0] == 204
    wait(lambda: ann.video is not None and ann.video.stage == "done")
    there = ["state", "video", "photo.jpg", "files/overlay.mp4", "files/people.parquet"]
    for path in there:
        assert Asker(url, ANN)(own + path)[0] == 200
        for cookie in (BOB, None, "", ANN[:-1]):
            assert Asker(url, cookie)(own + path)[0] == 404, (cookie, path)
        assert Asker(url, BOB)(f"/moodstream/s/{bob.token}/{path}")[0] == (
            200 if path == "state" else 404
        )
    for trick in ("files/..%2fupload", "files/%2e%2e", "files//etc/passwd", "files/overlay.mp4%00"):
        assert Asker(url, ANN)(own + trick)[0] in (403, 404)
    assert Asker(url, BOB)(own + "photo", jpeg(), X_File_Name="p.jpg")[0] == 404
    part = Asker(url, ANN)(own + "files/overlay.mp4", Range="bytes=0-99")
    assert part[0] == 206
    assert len(part[1]) == 100


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("video", 1_000_001, 413),
        ("photo", 40_000_001, 413),
        ("frame", 2_000_001, 413),
        ("video", 0, 400),
    ],
)
def test_uploads_have_a_limit(
    site: tuple[str, Registry], path: str, size: int, status: int
) -> None:
    session = site[1].open(f"limit {path} {size}", ANN)
    # so much is refused before it is sent
    found = Asker(site[0], ANN)(
        f"/moodstream/s/{session.token}/{path}", b"", Content_Length=str(size)
    )
    assert found[0] == status
    assert b"problem" in found[1]
    assert not session.folder.exists() or not list(session.folder.rglob("*.*"))


def test_group_only_keeps_nothing_of_anybody(site: tuple[str, Registry], tmp_path: Path) -> None:
    from plotly.offline import get_plotlyjs

    url, registry = site
    session = registry.open("group", ANN)
    registry.set_privacy(session, "group")
    own = f"/moodstream/s/{session.token}/"
    ask = Asker(url, ANN)
    clip = write_video(tmp_path / "clip.mp4", moving_blob(50))
    registry.start_video(session, Upload("clip.mp4", lambda: clip, keep=True))
    assert ask(own + "photo", jpeg(), X_File_Name="p.jpg")[0] == 204
    registry.start_live(session, "browser")
    for grey in range(60, 120, 2):
        assert ask(own + "frame", jpeg(160, 120, grey))[0] == 204
        time.sleep(0.05)
    wait(lambda: session.video is not None and session.video.stage == "done")
    wait(lambda: session.live is not None and len(session.live.state()["history"]) >= 1)
    found = json.loads(ask(own + "state")[1])
    assert found["live"]["source"]["people"] == 1
    assert found["photo"]["faces"] == 1
    results = json.loads(ask(own + "video")[1])
    for word in ("dominant", "probs", "entropy", "weighted"):
        assert not _known(found, word), word
    assert found["photo"]["people"] is None
    assert "lanes" not in results["charts"]
    assert "group" not in results["charts"]
    assert ask(own + "photo.jpg")[0] == 404
    assert ask(own + "files/overlay.mp4")[0] == 404
    assert ask(own + "files/people.parquet")[0] == 404
    stored = [path for path in registry.root.rglob("*") if path.is_file()]
    mine = [path for path in stored if session.folder in path.parents]
    assert {path.name for path in mine} == {
        "timeline.parquet",
        "timeline.csv",
        "events.json",
        "report.html",
        "summary.json",
    }
    for path in mine:
        content = path.read_bytes().replace(get_plotlyjs().encode(), b"")
        for picture in (
            b"\xff\xd8\xff",
            b"ftypisom",
            b"\x89PNG",
            b"image/jpeg;base64",
            b"image/png;base64",
        ):
            assert picture not in content, (path.name, picture)
        assert b"person 1" not in content
        assert b'"track_id"' not in content
    rows = (session.video.folder / "timeline.csv").read_text().splitlines()
    shares = [k for k, name in enumerate(rows[0].split(",")) if name[:2] in ("p_", "w_", "u_")]
    assert len(rows) > 5
    assert all(not row.split(",")[k] for row in rows[1:] for k in shares)


class ThreeFaces(OneFace):
    """A detector that finds three faces side by side."""

    box = np.array([[10, 10, 40, 40], [60, 10, 90, 40], [110, 10, 140, 40]], np.float32)

    def detect(self, images: Any, min_confidence: float) -> list[Detections]:
        return [Detections(self.box.copy(), np.ones(3, np.float32)) for _ in images]


def test_group_only_tells_of_three_people_together_and_of_nobody_alone(tmp_path: Path) -> None:
    info = one_face().info["detector"]
    models = Models(ThreeFaces(), Says(SAD), {"detector": info, "emotion": info})
    heard = bytearray()
    with dashboard(models, heard=heard) as (url, registry):
        session = registry.open("group", ANN)
        registry.set_privacy(session, "group")
        ask, own = Asker(url, ANN), f"/moodstream/s/{session.token}/"
        assert ask(own + "photo", jpeg(160, 120), X_File_Name="p.jpg")[0] == 204
        registry.start_live(session, "browser")

        def told() -> Any:
            ask(own + "frame", jpeg(160, 120))
            return json.loads(ask(own + "state")[1])

        wait(lambda: told()["live"]["source"]["dominant"] == "sad")
        found = told()
    assert found["live"]["source"]["people"] == 3
    assert found["photo"]["dominant"] == "sad"
    assert found["photo"]["people"] is found["photo"]["bins"] is None
    for word in (b"track_id", b'"number": 2', b'"box', b'"quality"', b"\xff\xd8\xff"):
        assert word not in heard


def _known(content: Any, name: str) -> bool:
    if isinstance(content, dict):
        return any((k == name and v is not None) or _known(v, name) for k, v in content.items())
    return isinstance(content, list) and any(_known(item, name) for item in content)


def test_stricter_privacy_forgets_what_was_seen_before(site: tuple[str, Registry]) -> None:
    url, registry = site
    session = registry.open("stricter", ANN)
    ask, own = Asker(url, ANN), f"/moodstream/s/{session.token}/"
    registry.start_live(session, "browser")
    run = session.live

    def sent() -> bool:
        ask(own + "frame", jpeg(160, 120))
        return bool(run.state()["history"]) and run.state()["history"][-1][1] is not None

    wait(sent)
    assert ask(own + "picture")[0] == 200
    registry.set_privacy(session, "group")
    assert run.picture() is None
    found = run.state()
    assert found["source"]["probs"] is None
    assert all(row[1] is None for row in found["history"])
    registry.stop_live(session)
    assert run.over


# --- limits and ends ---


def test_streams_and_pages_have_a_limit() -> None:
    registry = Registry(one_face(), limits=Limits(streams=1, pages=2))
    try:
        one, two = registry.open("1", ANN), registry.open("2", BOB)
        with pytest.raises(Busy, match="too many pages"):
            registry.open("3", ANN)
        registry.start_live(one, "browser")
        with pytest.raises(Busy, match="as many as fit"):
            registry.start_live(two, "browser")
        registry.start_live(one, "browser")  # one's own place is free again
        registry.stop_live(one)
        registry.start_live(two, "browser")
        with pytest.raises(MoodstreamError, match="not allowed"):
            registry.start_live(one, "rtsp://10.0.0.1/x")
    finally:
        registry.close()
    assert not registry.root.exists()


def test_silent_pages_go_away_with_all_they_have(tmp_path: Path) -> None:
    before = threading.active_count()
    registry = Registry(one_face(), limits=Limits(silence=1.0, leaving=0.1))
    try:
        clip = write_video(tmp_path / "clip.mp4", moving_blob(25))
        silent, closed = registry.open("silent", ANN), registry.open("closed", BOB)
        for session in (silent, closed):
            registry.start_live(session, "browser")
        registry.start_video(silent, Upload("clip.mp4", lambda: clip, keep=True))
        runs = [silent.live, closed.live]
        registry.page_left("closed")
        wait(lambda: len(registry) == 1, 5)
        wait(lambda: len(registry) == 0)
        wait(lambda: all(run is not None and run.over for run in runs))
        wait(lambda: not list(registry.root.iterdir()))
        assert clip.exists()
        with pytest.raises(MoodstreamError, match="reload"):
            registry.start_live(silent, "browser")
    finally:
        registry.close()
    wait(lambda: threading.active_count() <= before)


def test_what_a_killed_dashboard_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess
    import tempfile

    ended = subprocess.Popen(["true"])
    ended.wait()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left = tmp_path / f"moodstream-dashboard-{ended.pid}-x"
    other = tmp_path / "moodstream-dashboard-notes"
    left.mkdir()
    other.mkdir()
    registry = Registry(one_face())
    registry.close()
    assert not left.exists()
    assert other.exists()


def test_figures_stay_within_bounds(site: tuple[str, Registry]) -> None:
    from moodstream.realtime.dashboard import handlers

    assert handlers._within("7", handlers.WINDOW) == 7
    assert handlers._within(1e9, handlers.WINDOW) == 60
    session = site[1].open("figures", ANN)
    site[1].set_figures(session, Figures(9.0, 0.1))
    assert session.figures == Figures(9.0, 0.1)


def test_an_allowed_stream_is_shown_and_no_password_with_it() -> None:
    from moodstream.realtime.hub import Hub
    from moodstream.realtime.server import Server

    hub = Hub(["room"])
    camera = Server(hub, port=0)
    camera.start()
    address = f"127.0.0.1:{camera.address[1]}"
    registry = Registry(one_face(), AllowedSources.parse([f"http://{address}/*"]))
    try:
        session = registry.open("page", ANN)
        registry.start_live(session, f"http://ann:s3cret@{address}/video?key=hidden")
        run = session.live

        def shown() -> bool:
            hub.picture(0, np.full((120, 160, 3), 90, np.uint8))
            return run is not None and run.picture() is not None

        wait(shown)
        told = json.dumps(run.state())
        assert address in told
        assert "s3cret" not in told
        assert "hidden" not in told
    finally:
        registry.close()
        camera.stop()
    assert run.over


# --- the command ---


def test_the_command_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    with command(tmp_path, "--auth", "ann:pw") as (process, url):
        assert Asker(url)("/")[0] == 401
        assert Asker(url, auth="ann:pw")("/")[0] == 200
        assert len(list(tmp_path.glob("moodstream-dashboard-*"))) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not list(tmp_path.glob("moodstream-*"))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--auth", "ann"], "--auth: expected USER:PASSWORD"),
        (["--auth", ":pw"], "--auth: expected USER:PASSWORD"),
        (["--allow-source", "x"], "--allow-source 'x'"),
    ],
)
def test_bad_options_are_one_line(
    options: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", *options]) == 2
    assert line in capsys.readouterr().err


def test_a_port_that_is_taken_is_one_line(site: tuple[str, Registry]) -> None:
    from moodstream.realtime.dashboard.server import DashboardServer

    with pytest.raises(MoodstreamError, match="cannot be listened on"):
        DashboardServer(lambda *_: None, "127.0.0.1", urlsplit(site[0]).port or 0)
    assert build_parser().parse_args(["dashboard"]).port == 7860
