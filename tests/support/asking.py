"""Who asks a dashboard, and made-up networks for it."""

from __future__ import annotations

import base64
import http.client
from urllib.parse import urlsplit

from moodstream.realtime.networks.models import Models
from support.fakes import MOSTLY_SAD, OneFace, Says, models

ANN, BOB = "a" * 32, "b" * 32
"""The cookies of two browsers."""


def one_face() -> Models:
    """One sad face in every picture."""
    return models(OneFace(), Says(MOSTLY_SAD))


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
