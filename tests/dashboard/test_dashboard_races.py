"""The dashboard when two things happen at once: two starts, a switch, a page that is closed."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.asking import ANN, one_face
from support.browser import dashboard, jpeg
from support.media import moving_blob, write_video
from support.waiting import wait_for

from moodstream.realtime.dashboard import routes, sessions
from moodstream.realtime.dashboard.limits import Limits
from moodstream.realtime.dashboard.live_run import LiveRun, LiveTuning
from moodstream.realtime.dashboard.sessions import Registry
from moodstream.realtime.dashboard.video_job import Upload, VideoJob
from moodstream.realtime.errors import MoodstreamError, PageClosedError
from moodstream.realtime.outputs import layout
from moodstream.realtime.privacy import Privacy

TIMEOUT_S = 30.0  # after which a test has failed, not for which it waits


@pytest.fixture
def registry() -> Iterator[Registry]:
    found = Registry(one_face())
    yield found
    found.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4", moving_blob(10))


class Meanwhile:
    """Does something on another thread, for as long as it can: until it ends or needs the lock."""

    def __init__(self, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        self._lock, self._thread = registry._lock, threading.Thread()
        self._moved = threading.Event()
        monkeypatch.setattr(registry, "_lock", self)

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            if threading.current_thread() is self._thread:
                self._moved.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def do(self, act: Callable[[], object]) -> None:
        """Start ``act`` on a thread, and let it come as far as it can now."""

        def run() -> None:
            act()
            self._moved.set()

        self._thread = threading.Thread(target=run)
        self._thread.start()
        assert self._moved.wait(TIMEOUT_S)

    def end(self) -> None:
        """Wait until it is done."""
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()


def test_of_two_starts_at_once_one_run_is_left(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[LiveRun] = []
    both, first = threading.Barrier(2, timeout=TIMEOUT_S), threading.local()
    stop_live, make = registry.stop_live, sessions.browser_run

    def stopped_together(session: Any) -> None:
        stop_live(session)
        if not hasattr(first, "done"):  # both have stopped what there was, and neither has begun
            first.done = True
            both.wait()

    def noted(*arguments: Any) -> LiveRun:
        runs.append(make(*arguments))
        return runs[-1]

    monkeypatch.setattr(registry, "stop_live", stopped_together)
    monkeypatch.setattr(sessions, "browser_run", noted)
    session = registry.open("page", ANN)
    with ThreadPoolExecutor(2) as pool:
        for start in [pool.submit(registry.start_live, session, "browser") for _ in range(2)]:
            start.result(TIMEOUT_S)
    assert len(runs) == 2
    assert session.live in runs
    assert [run.over for run in runs if run is not session.live] == [True]
    stop_live(session)
    assert all(run.over for run in runs)


def test_a_switch_during_a_start_reaches_the_live_view(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = registry.open("page", ANN)
    meanwhile, make = Meanwhile(registry, monkeypatch), sessions.browser_run

    def switched(*arguments: Any) -> LiveRun:
        run = make(*arguments)
        meanwhile.do(lambda: registry.set_privacy(session, Privacy.GROUP))
        return run

    monkeypatch.setattr(sessions, "browser_run", switched)
    registry.start_live(session, "browser")
    meanwhile.end()
    assert session.privacy is Privacy.GROUP
    assert session.live is not None
    assert session.live.session.privacy is Privacy.GROUP


def test_sliders_during_a_start_reach_the_live_view(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = registry.open("page", ANN)
    meanwhile, make = Meanwhile(registry, monkeypatch), sessions.browser_run

    def moved(*arguments: Any) -> LiveRun:
        run = make(*arguments)
        meanwhile.do(lambda: registry.set_tuning(session, LiveTuning(9.0, 0.1)))
        return run

    monkeypatch.setattr(sessions, "browser_run", moved)
    registry.start_live(session, "browser")
    meanwhile.end()
    assert session.live is not None
    assert session.live.tuning == LiveTuning(9.0, 0.1)


def test_a_video_begun_before_a_switch_keeps_nothing(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, clip: Path
) -> None:
    session = registry.open("page", ANN)
    meanwhile, jobs = Meanwhile(registry, monkeypatch), []

    class Switched(VideoJob):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            jobs.append(self)
            meanwhile.do(lambda: registry.set_privacy(session, Privacy.GROUP))

    monkeypatch.setattr(sessions, "VideoJob", Switched)
    registry.start_video(session, Upload("clip.mp4", lambda: clip, keep=True))
    meanwhile.end()
    (job,) = jobs
    assert job.privacy is Privacy.OFF
    assert session.video is None
    wait_for(lambda: not job.busy)
    assert not job.folder.exists()


def test_a_second_start_of_the_same_upload_does_not_cost_its_results(
    registry: Registry, clip: Path
) -> None:
    session = registry.open("page", ANN)
    upload = Upload("clip.mp4", lambda: clip)
    registry.keep_upload(session, upload)
    registry.start_video(session, upload)
    job = session.video
    assert job is not None
    wait_for(lambda: not job.busy)
    assert job.stage == "done"
    with pytest.raises(MoodstreamError, match="choose it once more"):
        registry.start_video(session, upload)
    assert session.video is job
    assert (job.folder / layout.SUMMARY).exists()


@pytest.mark.parametrize(
    ("before", "now"), [(Privacy.OFF, Privacy.GROUP), (Privacy.GROUP, Privacy.OFF)]
)
def test_a_switch_during_a_photo_counts_for_it(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, before: Privacy, now: Privacy
) -> None:
    session = registry.open("page", ANN)
    registry.set_privacy(session, before)
    analyse = routes.photo_of

    def switched(*arguments: Any) -> Any:
        photo = analyse(*arguments)
        registry.set_privacy(session, now)
        return photo

    monkeypatch.setattr(routes, "photo_of", switched)
    routes.Routes(registry).analyse_photo(session, jpeg(), "p.jpg")
    assert session.photo is not None
    assert session.photo.privacy is Privacy.GROUP
    assert session.photo.jpeg is None
    assert session.photos == 1


def test_a_page_closed_during_its_photo_gets_none(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = registry.open("page", ANN)
    analyse = routes.photo_of

    def closed(*arguments: Any) -> Any:
        photo = analyse(*arguments)
        registry.end(session)
        return photo

    monkeypatch.setattr(routes, "photo_of", closed)
    with pytest.raises(PageClosedError, match="reload"):
        routes.Routes(registry).analyse_photo(session, jpeg(), "p.jpg")
    assert session.photo is None


def test_a_page_closed_during_its_upload_gets_an_error_and_nothing_stays(clip: Path) -> None:
    content = clip.read_bytes()
    half = len(content) // 2
    with dashboard(one_face(), Limits(leaving_s=0.1)) as (url, registry):
        session = registry.open("page", ANN)
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
        connection.putrequest("POST", f"/moodstream/s/{session.token}/video")
        connection.putheader("Cookie", f"moodstream={ANN}")
        connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content[:half])
        wait_for(lambda: any(path.is_file() for path in session.folder.rglob("*")))
        registry.page_left("page")
        wait_for(lambda: session.gone and not session.folder.exists())
        connection.send(content[half:])
        response = connection.getresponse()
        assert response.status == 404
        assert b"reload" in response.read()
        connection.close()
        assert session.upload is None
        assert not session.folder.exists()


def test_a_page_closed_before_its_upload_is_stored_gets_an_error(
    monkeypatch: pytest.MonkeyPatch, clip: Path
) -> None:
    with dashboard(one_face()) as (url, registry):
        session = registry.open("page", ANN)
        store = routes.Routes._store

        async def closed(*arguments: Any) -> int:
            registry.end(session)
            return await store(*arguments)  # its folder is gone

        monkeypatch.setattr(routes.Routes, "_store", closed)
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
        cookie = {"Cookie": f"moodstream={ANN}"}
        path = f"/moodstream/s/{session.token}/video"
        connection.request("POST", path, clip.read_bytes(), cookie)
        assert connection.getresponse().status == 404
        connection.close()
        assert not session.folder.exists()
