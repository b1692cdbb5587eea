"""Viewers of the HTTP server over real sockets, among them rude ones."""

from __future__ import annotations

import gc
import json
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import httpx
import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.outputs.server.server import Server


def picture(number: int, height: int = 48, width: int = 64) -> Image:
    """A grey that tells its number, 0 to 25, through JPEG as well."""
    return np.full((height, width, 3), number * 10, np.uint8)


def number_of(image: Image) -> int:
    """The number that :func:`picture` was made of."""
    return round(float(image.mean()) / 10)


def colourful(height: int = 720, width: int = 1280) -> Image:
    """Noise in every channel: as large as a JPEG gets."""
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


@contextmanager
def held() -> Iterator[Callable[[], int]]:
    """Bytes that are held now; what an allocator keeps from other tests does not count."""

    def now() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        yield now
    finally:
        tracemalloc.stop()


def get(server: Server, path: str, **headers: str) -> httpx.Response:
    """One answer of the server."""
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

    def next(self) -> Image:
        """The next picture, checked to be a whole part of the stream."""
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
        return image.astype(np.uint8, copy=False)


def next_event(lines: Iterator[str]) -> tuple[str, dict[str, Any]]:
    """Kind and content of the next server-sent event."""
    for line in lines:
        if line.startswith("event: "):
            data = next(lines)
            assert data.startswith("data: ")
            assert next(lines) == ""
            return line[len("event: ") :], json.loads(data[len("data: ") :])
    raise AssertionError("the events ended")
