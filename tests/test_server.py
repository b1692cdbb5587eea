"""The hub and the HTTP server: real sockets, real viewers, among them rude ones."""

from __future__ import annotations

import gc
import json
import re
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count

import cv2
import httpx
import numpy as np
import psutil
import pytest

from moodstream.realtime import web
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.hub import BACKLOG, Hub
from moodstream.realtime.server import Server, parse_address


def picture(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A grey that tells its number, 0 to 25, through JPEG as well."""
    return np.full((height, width, 3), number * 10, np.uint8)


def number_of(image: np.ndarray) -> int:
    return round(float(image.mean()) / 10)


def noise(height: int = 720, width: int = 1280) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


@contextmanager
def held() -> Iterator[Callable[[], int]]:
    """Bytes that are held now; what an allocator keeps from other tests does not count."""
    tracemalloc.start()
    try:
        yield lambda: (gc.collect(), tracemalloc.get_traced_memory()[0])[1]
    finally:
        tracemalloc.stop()


def until(true: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def hub() -> Hub:
    return Hub(["hall", "rtsp://***@door/"])


@pytest.fixture
def server(hub: Hub) -> Iterator[Server]:
    before = set(threading.enumerate())
    server = Server(hub, "127.0.0.1", 0)
    server.start()
    yield server
    assert server.stop()
    assert server.error is None
    assert set(threading.enumerate()) <= before


def get(server: Server, path: str, **headers: str) -> httpx.Response:
    return httpx.get(server.url + path, headers=headers, timeout=10)


@contextmanager
def raw(server: Server, path: str, buffer: int | None = None) -> Iterator[socket.socket]:
    """A viewer that has asked and does not read."""
    with socket.socket() as viewer:
        if buffer is not None:
            viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        viewer.settimeout(10)
        viewer.connect(server.address)
        viewer.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        yield viewer


def to_the_end(viewer: socket.socket) -> bool:
    """Whether the server has ended the connection."""
    try:
        while viewer.recv(1 << 16):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


class Watching:
    """A viewer that reads pictures as they come."""

    def __init__(self, server: Server, path: str = "video") -> None:
        self._stream = httpx.stream("GET", server.url + path, timeout=10)

    def __enter__(self) -> Watching:
        self.response = self._stream.__enter__()
        self._data, self._bytes = b"", self.response.iter_bytes()
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.__exit__(None, None, None)

    def next(self) -> np.ndarray:
        while (start := self._data.find(b"\r\n\r\n")) < 0:
            self._data += next(self._bytes)
        head = self._data[:start].split(b"\r\n")
        length = next(int(h.split(b":")[1]) for h in head if h.startswith(b"Content-Length"))
        end = start + 4 + length
        while len(self._data) < end + len(b"\r\n--picture\r\n"):
            self._data += next(self._bytes)
        assert b"Content-Type: image/jpeg" in head
        assert self._data[end:].startswith(b"\r\n--picture\r\n")
        image = cv2.imdecode(np.frombuffer(self._data[start + 4 : end], np.uint8), 1)
        self._data = self._data[end + len(b"\r\n--picture\r\n") :]
        return image


def next_event(lines: Iterator[str]) -> tuple[str, dict]:
    for line in lines:
        if line.startswith("event: "):
            data = next(lines)
            assert data.startswith("data: ")
            assert next(lines) == ""
            return line[len("event: ") :], json.loads(data[len("data: ") :])
    raise AssertionError("the events ended")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8000", ("127.0.0.1", 8000)),
        ("8000", ("127.0.0.1", 8000)),
        (":8000", ("127.0.0.1", 8000)),
        ("[::1]:8000", ("::1", 8000)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("cam.example:80", ("cam.example", 80)),
    ],
)
def test_addresses(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "host", "host:", "1:2:3", "::1:80", "h:99999", "-1", "a b:1"])
def test_what_is_no_address(text):
    with pytest.raises(MoodstreamError, match="is not HOST:PORT"):
        parse_address(text)


def test_pictures_come_as_jpegs_and_once_each(hub, server):
    with Watching(server, "video?source=hall") as viewer:
        assert viewer.response.headers["content-type"].startswith("multipart/x-mixed-replace")
        for number in (3, 7, 12):
            hub.picture(0, picture(number))
            image = viewer.next()
            assert image.shape == (48, 64, 3)
            assert number_of(image) == number
        start = time.monotonic()
        assert number_of(viewer.next()) == 12  # for proxies to see life
        assert time.monotonic() - start > 0.9 * web.RESEND
        hub.picture(0, picture(13))
        assert number_of(viewer.next()) == 13


@pytest.mark.parametrize("source", ["1", "rtsp://***@door/"])
def test_sources_by_number_and_name(hub, server, source):
    hub.picture(0, picture(1))
    hub.picture(1, picture(2))
    with Watching(server, f"video?source={source}") as viewer:
        assert number_of(viewer.next()) == 2
        assert (hub.viewers(), hub.viewers(0), hub.viewers(1)) == (1, 0, 1)
    assert until(lambda: hub.viewers() == 0)


def test_a_picture_is_encoded_once_and_only_for_viewers(hub, server, monkeypatch):
    encoded, encode = [], cv2.imencode

    def counted(extension, image, options):
        encoded.append(number_of(image))
        return encode(extension, image, options)

    monkeypatch.setattr(cv2, "imencode", counted)
    for number in range(20):
        hub.picture(0, picture(number))
    get(server, "state")
    assert encoded == []
    with Watching(server) as one, Watching(server) as other:
        assert number_of(one.next()) == number_of(other.next()) == 19
        hub.picture(1, picture(5))
        hub.picture(0, picture(20))
        assert number_of(one.next()) == number_of(other.next()) == 20
    assert encoded == [19, 20]


def test_one_who_never_reads_slows_nobody_and_costs_nothing(hub, server):
    image = noise()  # 1 MB as JPEG: no buffer holds many
    numbered = [cv2.putText(image.copy(), str(n), (99, 400), 0, 9, 0, 30) for n in range(2)]
    with raw(server, "/video", buffer=4096), Watching(server) as viewer, held() as bytes_held:
        assert until(lambda: hub.viewers() == 2)
        for n in range(10):
            hub.picture(0, numbered[n % 2])
            viewer.next()
        before, slowest = bytes_held(), 0.0
        for n in range(60):
            start = time.monotonic()
            hub.picture(0, numbered[n % 2])
            slowest = max(slowest, time.monotonic() - start)
            viewer.next()  # every picture arrives: none waits for the other viewer
        assert slowest < 1.0
        assert bytes_held() - before < 10e6


def test_one_who_stalls_is_cut_off(hub, server, monkeypatch):
    monkeypatch.setattr(web, "STALLED", 0.5)
    with raw(server, "/video", buffer=4096) as viewer:
        assert until(lambda: hub.viewers() == 1)
        images = [noise(), noise()[::-1].copy()]
        for n in count():
            hub.picture(0, images[n % 2])
            if hub.viewers() == 0 or n > 300:
                break
            time.sleep(0.03)
        assert hub.viewers() == 0
        assert to_the_end(viewer)


def test_the_state(hub, server):
    first = get(server, "state")
    assert first.json()["sources"][1] == {"name": "rtsp://***@door/", "status": "starting"}
    assert first.headers["content-type"] == "application/json"
    assert first.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in first.headers
    hub.state({"sources": [{"status": "live", "entropy": None}]})
    assert get(server, "state").json() == {"sources": [{"status": "live", "entropy": None}]}


def test_events_and_states_are_pushed(hub, server):
    with httpx.stream("GET", server.url + "events", timeout=10) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        kind, content = next_event(lines)
        assert (kind, content["sources"][0]["status"]) == ("state", "starting")
        hub.event("shift", {"from": "sad", "to": "happy\n"})
        assert next_event(lines) == ("shift", {"from": "sad", "to": "happy\n"})
        hub.state({"sources": []})
        assert next_event(lines) == ("state", {"sources": []})


def test_an_event_stream_with_no_news_is_kept_alive(server, monkeypatch):
    monkeypatch.setattr(web, "QUIET", 1.0)
    with httpx.stream("GET", server.url + "events", timeout=10) as response:
        assert any(line.startswith(":") for line in response.iter_lines())


def test_a_slow_listener_loses_the_oldest_events():
    hub, woken = Hub(["a"]), []
    with hub.listening(lambda: woken.append(1)) as listener:
        for n in range(BACKLOG + 5):
            hub.event("shift", {"n": n})
        assert len(woken) == BACKLOG + 5
        taken = [json.loads(text)["n"] for _, text in listener.take()]
        assert taken == list(range(5, BACKLOG + 5))
        assert listener.take() == []
    hub.event("shift", {"n": 0})
    assert len(woken) == BACKLOG + 5


@pytest.mark.parametrize(
    ("kind", "content"),
    [("two words", {}), ("a\nb", {}), ("shift", {"size": float("nan")}), ("shift", {"x": {1}})],
)
def test_what_no_browser_can_read_is_refused_at_once(kind, content):
    with pytest.raises((ValueError, TypeError)):
        Hub(["a"]).event(kind, content)


def test_the_page_is_our_own(server):
    page = get(server, "")
    assert page.status_code == 200
    assert "Mood is what faces show, not what people feel." in page.text
    assert "EU AI Act" in page.text
    assert not re.search(r"//[\w.]", page.text)  # nothing from elsewhere
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert page.text.count(f'nonce="{policy.split("nonce-")[1].split(chr(39))[0]}"') == 2
    assert page.headers["x-content-type-options"] == "nosniff"


def test_names_of_sources_are_text_on_the_page():
    server = Server(Hub(['<script>alert("x")</script>']), port=0)
    server.start()
    page = get(server, "").text
    assert server.stop()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1234", 200),
        ("localhost.:80", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example:8000", 403),
        ("localhost@evil.example", 403),
        ("", 403),
    ],
)
def test_other_host_names_are_refused(server, host, status):
    answer = get(server, "state", Host=host)
    assert answer.status_code == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    if status == 403:
        assert answer.text.count("\n") == 1
        for path in ("", "video", "events", "nothing"):
            assert get(server, path, Host=host).status_code == 403


def test_a_server_for_everyone_answers_to_any_name(hub):
    server = Server(hub, "0.0.0.0", 0)
    server.start()
    assert server.url.startswith("http://localhost:")
    answer = httpx.get(f"http://127.0.0.1:{server.address[1]}/state", headers={"Host": "room.lan"})
    assert server.stop()
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nothing", 404),
        ("GET", "video?source=2", 404),
        ("GET", "video?source=attic", 404),
        ("GET", "video?source=" + "9" * 5000, 404),
        ("GET", "video?source=", 404),
        ("POST", "state", 405),
        ("HEAD", "video", 405),
        ("OPTIONS", "events", 405),
    ],
)
def test_what_is_not_there(server, method, path, status):
    answer = httpx.request(method, server.url + path, timeout=10)
    assert answer.status_code == status
    assert answer.text.count("\n") <= 1
    if status == 405:
        assert answer.headers["allow"] == "GET"


def test_too_many_viewers(hub, server, monkeypatch):
    monkeypatch.setattr(web, "MOST", 3)
    with Watching(server), Watching(server, "video?source=1"), raw(server, "/events") as listener:
        assert listener.recv(15) == b"HTTP/1.1 200 OK"
        for path in ("video", "events"):
            answer = get(server, path)
            assert (answer.status_code, answer.text.count("\n")) == (503, 1)
        assert get(server, "state").status_code == 200
    assert until(lambda: hub.viewers() == 0)
    hub.picture(0, picture(4))
    with Watching(server) as viewer:
        assert number_of(viewer.next()) == 4


def test_broken_requests_hurt_nobody(server, capfd):
    for rubbish in (b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET /" + b"a" * 99999):
        with socket.create_connection(server.address, timeout=10) as client:
            client.sendall(rubbish)
            client.recv(100)
    assert get(server, "state").status_code == 200
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("127.0.0.1", "is taken"),
        ("203.0.113.7", "not a name or address of this machine"),
        ("no-such-host.invalid", "not a name or address of this machine"),
    ],
)
def test_what_cannot_be_listened_on_is_told_in_one_line(server, host, reason):
    port = server.address[1]
    with pytest.raises(MoodstreamError, match=reason) as caught:
        Server(server.hub, host, port).start()
    assert str(caught.value).startswith(f"{host}:{port}: ")
    assert "\n" not in str(caught.value)


def test_stop_ends_open_streams(hub):
    before = set(threading.enumerate())
    server = Server(hub, "127.0.0.1", 0)
    assert server.stop()  # not started yet
    server.start()
    hub.picture(0, noise())
    with (
        Watching(server) as viewer,
        raw(server, "/events") as listener,
        raw(server, "/video", buffer=4096) as stuck,
        socket.create_connection(server.address) as idle,
    ):
        viewer.next()
        assert listener.recv(15) == b"HTTP/1.1 200 OK"
        assert stuck.recv(15) == b"HTTP/1.1 200 OK"
        assert until(lambda: hub.viewers() == 2)
        for _ in range(3):
            hub.picture(0, noise())
        start = time.monotonic()
        assert server.stop(3.0)
        assert time.monotonic() - start < 3.0
        assert set(threading.enumerate()) <= before
        assert hub.viewers() == 0
        idle.settimeout(10)
        assert idle.recv(1) == b""
        assert to_the_end(listener)
        assert to_the_end(stuck)
    assert server.error is None
    hub.picture(0, picture(1))  # nobody is left to be woken
    hub.event("shift", {})
    assert server.stop()
    again = Server(hub, *server.address)  # the port is free at once
    again.start()
    assert again.stop()


def test_pictures_in_a_storm_of_coming_and_going(hub, server):
    connections, ended = psutil.Process().net_connections, threading.Event()
    pictures = [noise(240, 320) + np.uint8(n) for n in range(20)]  # 60 KB each as JPEG

    def stream() -> None:
        for n in count():
            if ended.wait(0.005):
                return
            hub.picture(n % 2, pictures[n % 20])
            hub.state({"sources": [{"n": n}]})
            hub.event("shift", {"n": n})

    def visit(n: int) -> None:
        with Watching(server, f"video?source={n % 2}") as viewer:
            viewer.next()
        with httpx.stream("GET", server.url + "events", timeout=10) as events:
            next_event(events.iter_lines())

    def visits(times: int) -> None:
        with ThreadPoolExecutor(4) as visitors:
            list(visitors.map(visit, range(times)))
        assert until(lambda: hub.viewers() == 0)

    thread = threading.Thread(target=stream)
    thread.start()
    try:
        with held() as bytes_held:
            visits(50)
            before, threads, sockets = bytes_held(), threading.active_count(), len(connections())
            visits(50)
            assert bytes_held() - before < 1e6
        assert threading.active_count() <= threads
        assert until(lambda: len(connections()) <= sockets)
    finally:
        ended.set()
        thread.join()
