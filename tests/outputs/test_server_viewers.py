"""Pictures for many viewers over real sockets, among them rude ones."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import cv2
import httpx
import numpy as np
import psutil
import pytest
from support.viewers import (
    Watching,
    colourful,
    get,
    held,
    next_event,
    number_of,
    picture,
    raw,
    to_the_end,
)
from support.waiting import SOON, wait_for

from moodstream.realtime.outputs.server import app
from moodstream.realtime.outputs.server.server import Server


def test_pictures_come_as_jpegs_and_once_each(broadcaster, server):
    with Watching(server, "video?source=hall") as viewer:
        assert viewer.response.headers["content-type"].startswith("multipart/x-mixed-replace")
        for number in (3, 7, 12):
            broadcaster.picture(0, picture(number))
            image = viewer.next()
            assert image.shape == (48, 64, 3)
            assert number_of(image) == number
        start = time.monotonic()
        assert number_of(viewer.next()) == 12  # for proxies to see life
        assert time.monotonic() - start > 0.9 * app.RESEND_AFTER_S
        broadcaster.picture(0, picture(13))
        assert number_of(viewer.next()) == 13


@pytest.mark.parametrize("source", ["1", "rtsp://***@door/"])
def test_sources_by_number_and_name(broadcaster, server, source):
    broadcaster.picture(0, picture(1))
    broadcaster.picture(1, picture(2))
    with Watching(server, f"video?source={source}") as viewer:
        assert number_of(viewer.next()) == 2
        assert (broadcaster.viewers(), broadcaster.viewers(0), broadcaster.viewers(1)) == (1, 0, 1)
    wait_for(lambda: broadcaster.viewers() == 0)


def test_a_picture_is_encoded_once_and_only_for_viewers(broadcaster, server, monkeypatch):
    encoded, encode = [], cv2.imencode

    def counted(extension, image, options):
        encoded.append(number_of(image))
        return encode(extension, image, options)

    monkeypatch.setattr(cv2, "imencode", counted)
    for number in range(20):
        broadcaster.picture(0, picture(number))
    get(server, "state")
    assert encoded == []
    with Watching(server) as one, Watching(server) as other:
        assert number_of(one.next()) == number_of(other.next()) == 19
        broadcaster.picture(1, picture(5))
        broadcaster.picture(0, picture(20))
        assert number_of(one.next()) == number_of(other.next()) == 20
    assert encoded == [19, 20]


def test_one_who_never_reads_slows_nobody_and_costs_nothing(broadcaster, server):
    image = colourful()  # 1 MB as JPEG: no buffer holds many
    numbered = [image, image[::-1].copy()]
    with raw(server, "/video", buffer=4096), Watching(server) as viewer, held() as bytes_held:
        wait_for(lambda: broadcaster.viewers() == 2)
        for n in range(10):
            broadcaster.picture(0, numbered[n % 2])
            viewer.next()
        before, slowest = bytes_held(), 0.0
        for n in range(60):
            start = time.monotonic()
            broadcaster.picture(0, numbered[n % 2])
            slowest = max(slowest, time.monotonic() - start)
            viewer.next()  # every picture arrives: none waits for the other viewer
        assert slowest < 5.0  # it would wait for ever
        assert bytes_held() - before < 10e6


def test_one_who_stalls_is_cut_off(broadcaster, server, monkeypatch):
    monkeypatch.setattr(app, "STALL_TIMEOUT_S", 0.5)
    with raw(server, "/video", buffer=4096) as viewer:
        wait_for(lambda: broadcaster.viewers() == 1)
        images = [colourful(), colourful()[::-1].copy()]
        numbers = count()

        def show() -> None:
            broadcaster.picture(0, images[next(numbers) % 2])
            time.sleep(0.01)

        wait_for(lambda: broadcaster.viewers() == 0, meanwhile=show)
        assert to_the_end(viewer)


def test_too_many_viewers(broadcaster, server, monkeypatch):
    monkeypatch.setattr(app, "MAX_VIEWERS", 3)
    with (
        Watching(server),
        Watching(server, "video?source=1"),
        raw(server, "/events") as listener,
    ):
        assert listener.recv(15) == b"HTTP/1.1 200 OK"
        for path in ("video", "events"):
            answer = get(server, path)
            assert (answer.status_code, answer.text.count("\n")) == (503, 1)
        assert get(server, "state").status_code == 200
    wait_for(lambda: broadcaster.viewers() == 0)
    broadcaster.picture(0, picture(4))
    with Watching(server) as viewer:
        assert number_of(viewer.next()) == 4


def test_stop_ends_open_streams(broadcaster):
    before = set(threading.enumerate())
    server = Server(broadcaster, "127.0.0.1", 0)
    assert server.stop()  # not started yet
    server.start()
    broadcaster.picture(0, colourful())
    with (
        Watching(server) as viewer,
        raw(server, "/events") as listener,
        raw(server, "/video", buffer=4096) as stuck,
        socket.create_connection(server.address) as idle,
    ):
        viewer.next()
        assert listener.recv(15) == b"HTTP/1.1 200 OK"
        assert stuck.recv(15) == b"HTTP/1.1 200 OK"
        wait_for(lambda: broadcaster.viewers() == 2)
        for _ in range(3):
            broadcaster.picture(0, colourful())
        start = time.monotonic()
        assert server.stop(SOON)
        assert time.monotonic() - start < SOON
        assert set(threading.enumerate()) <= before
        assert broadcaster.viewers() == 0
        idle.settimeout(10)
        assert idle.recv(1) == b""
        assert to_the_end(listener)
        assert to_the_end(stuck)
    assert server.error is None
    broadcaster.picture(0, picture(1))  # nobody is left to be woken
    broadcaster.event("shift", {})
    assert server.stop()
    again = Server(broadcaster, *server.address)  # the port is free at once
    again.start()
    assert again.stop()


def test_pictures_in_a_storm_of_coming_and_going(broadcaster, server):
    connections, ended = psutil.Process().net_connections, threading.Event()
    pictures = [colourful(240, 320) + np.uint8(n) for n in range(20)]  # 60 KB each as JPEG

    def stream() -> None:
        for n in count():
            if ended.wait(0.005):
                return
            broadcaster.picture(n % 2, pictures[n % 20])
            broadcaster.state({"sources": [{"n": n}]})
            broadcaster.event("shift", {"n": n})

    def visit(n: int) -> None:
        with Watching(server, f"video?source={n % 2}") as viewer:
            viewer.next()
        with httpx.stream("GET", server.url + "events", timeout=10) as events:
            next_event(events.iter_lines())

    def visits(times: int) -> None:
        with ThreadPoolExecutor(4) as visitors:
            list(visitors.map(visit, range(times)))
        wait_for(lambda: broadcaster.viewers() == 0)

    thread = threading.Thread(target=stream)
    thread.start()
    try:
        with held() as bytes_held:
            visits(50)
            before, threads, sockets = bytes_held(), threading.active_count(), len(connections())
            visits(50)
            assert bytes_held() - before < 1e6
        assert threading.active_count() <= threads
        wait_for(lambda: len(connections()) <= sockets)
    finally:
        ended.set()
        thread.join()
