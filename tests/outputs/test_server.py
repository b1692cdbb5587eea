"""The HTTP server: its page, its state and events, and who may ask."""

from __future__ import annotations

import json
import re
import socket

import httpx
import pytest
from support.viewers import (
    get,
    next_event,
)

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs.server import app
from moodstream.realtime.outputs.server.broadcaster import BACKLOG, Broadcaster
from moodstream.realtime.outputs.server.server import Server, parse_address


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


def test_the_state(broadcaster, server):
    first = get(server, "state")
    assert first.json()["sources"][1] == {"name": "rtsp://***@door/", "status": "starting"}
    assert first.headers["content-type"] == "application/json"
    assert first.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in first.headers
    broadcaster.state({"sources": [{"status": "live", "entropy": None}]})
    assert get(server, "state").json() == {"sources": [{"status": "live", "entropy": None}]}


def test_events_and_states_are_pushed(broadcaster, server):
    with httpx.stream("GET", server.url + "events", timeout=10) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.iter_lines()
        kind, content = next_event(lines)
        assert (kind, content["sources"][0]["status"]) == ("state", "starting")
        broadcaster.event("shift", {"from": "sad", "to": "happy\n"})
        assert next_event(lines) == ("shift", {"from": "sad", "to": "happy\n"})
        broadcaster.state({"sources": []})
        assert next_event(lines) == ("state", {"sources": []})


def test_an_event_stream_with_no_news_is_kept_alive(server, monkeypatch):
    monkeypatch.setattr(app, "KEEPALIVE_S", 1.0)
    with httpx.stream("GET", server.url + "events", timeout=10) as response:
        assert any(line.startswith(":") for line in response.iter_lines())


def test_a_slow_listener_loses_the_oldest_events():
    broadcaster, woken = Broadcaster(["a"]), []
    with broadcaster.subscribe_events(lambda: woken.append(1)) as subscription:
        for n in range(BACKLOG + 5):
            broadcaster.event("shift", {"n": n})
        assert len(woken) == BACKLOG + 5
        taken = [json.loads(text)["n"] for _, text in subscription.take()]
        assert taken == list(range(5, BACKLOG + 5))
        assert subscription.take() == []
    broadcaster.event("shift", {"n": 0})
    assert len(woken) == BACKLOG + 5


@pytest.mark.parametrize(
    ("kind", "content"),
    [("two words", {}), ("a\nb", {}), ("shift", {"size": float("nan")}), ("shift", {"x": {1}})],
)
def test_what_no_browser_can_read_is_refused_at_once(kind, content):
    with pytest.raises((ValueError, TypeError)):
        Broadcaster(["a"]).event(kind, content)


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
    server = Server(Broadcaster(['<script>alert("x")</script>']), port=0)
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


def test_a_server_for_everyone_answers_to_any_name(broadcaster):
    server = Server(broadcaster, "0.0.0.0", 0)
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
        Server(server.broadcaster, host, port).start()
    assert str(caught.value).startswith(f"{host}:{port}: ")
    assert "\n" not in str(caught.value)
