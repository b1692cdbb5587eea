"""What the page asks for by itself: its own files, pictures, states, results; and what it sends."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from moodstream.realtime.dashboard.access_control import COOKIE
from moodstream.realtime.dashboard.browser_source import MAX_JPEG_BYTES
from moodstream.realtime.dashboard.photo import photo_of
from moodstream.realtime.dashboard.results import FILES, video_results
from moodstream.realtime.dashboard.sessions import Registry, UserSession
from moodstream.realtime.dashboard.video_job import Upload
from moodstream.realtime.errors import (
    BusyError,
    MoodstreamError,
    PageClosedError,
    UploadTooLargeError,
)
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import file_names
from moodstream.realtime.outputs.server.broadcaster import Picture

_SCRIPTS = sorted((Path(__file__).parent / "page").glob("*.js"))
_LONG_POLL_S = 1.0  # that a request for a newer picture waits for one
_PHOTO_QUEUE_S = 10.0  # that a photo waits for the networks
_MAX_NAME_CHARS = 120
_MB = 1_000_000  # bytes
_FREE_SPACE_FACTOR = 3  # times the size of an upload: the overlay is a video as well
_PRIVATE = {"Cache-Control": "no-store"}

Handler = Callable[[Request, UserSession], Awaitable[Response]]


class Routes:
    """The answers; every one but those of the page's own files needs token and cookie.

    Args:
        registry: The open pages, and what runs for them.
    """

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def routes(self) -> list[Route]:
        """All of them, under /moodstream."""
        own: list[tuple[str, str, Handler]] = [
            ("GET", "state", self._state),
            ("GET", "picture", self._picture),
            ("POST", "frame", self._frame),
            ("POST", "bye", self._bye),
            ("POST", "video", self._take_video),
            ("GET", "video", self._video),
            ("GET", "files/{name}", self._file),
            ("POST", "photo", self._take_photo),
            ("GET", "photo.jpg", self._photo),
        ]
        keyed = [
            Route(f"/moodstream/s/{{token}}/{path}", self._keyed(handler), methods=[method])
            for method, path, handler in own
        ]
        return [
            Route("/moodstream/plotly.js", _plotly),
            *(Route(f"/moodstream/{file.name}", partial(_script, file)) for file in _SCRIPTS),
            *keyed,
        ]

    def _keyed(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            cookie = request.cookies.get(COOKIE)
            session = self.registry.find(request.path_params["token"], cookie)
            if session is None:
                return _problem(404, "this page has been away for too long; reload it")
            try:
                response = await handler(request, session)
            except BusyError as error:
                response = _problem(503, str(error))
            except UploadTooLargeError as error:
                response = _problem(413, str(error))
            except PageClosedError as error:
                response = _problem(404, str(error))
            except MoodstreamError as error:
                response = _problem(400, str(error))
            except ClientDisconnect:
                response = Response(status_code=400)
            response.headers.update(_PRIVATE)
            return response

        return answer

    async def _state(self, request: Request, session: UserSession) -> Response:
        live, video, photo = session.live, session.video, session.photo
        since = _number(request, "since", -1.0)
        return JSONResponse(
            {
                "privacy": session.privacy,
                "run": session.runs,
                "live": None if live is None else live.state(since),
                "upload": None if session.upload is None else session.upload.name,
                "video": None if video is None else {**video.state(), "number": session.videos},
                "photo": None if photo is None else {**photo.figures, "number": session.photos},
            }
        )

    async def _picture(self, request: Request, session: UserSession) -> Response:
        picture = await _newer(session, _number(request, "after", 0))
        if picture is None:
            return Response(status_code=204)
        jpeg = await run_in_threadpool(picture.jpeg)
        number = {"X-Number": str(picture.number), "X-Run": str(session.runs)}
        return Response(jpeg, media_type="image/jpeg", headers=number)

    async def _frame(self, request: Request, session: UserSession) -> Response:
        live = session.live
        jpeg = b"".join([part async for part in _body(request, MAX_JPEG_BYTES)])
        if live is not None and live.slot is not None:  # else the picture was on its way at Stop
            live.slot.put(jpeg)
        return Response(status_code=204)

    async def _bye(self, request: Request, session: UserSession) -> Response:
        self.registry.leaving(session)
        return Response(status_code=204)

    async def _take_video(self, request: Request, session: UserSession) -> Response:
        if session.uploading or (session.video is not None and session.video.busy):
            raise BusyError("one video at a time; cancel the other one first")
        session.uploading = True
        try:
            return await self._upload(request, session)
        finally:
            session.uploading = False

    async def _upload(self, request: Request, session: UserSession) -> Response:
        limit = round(self.registry.limits.upload_mb * _MB)
        name = _file_name(request)
        expected = _length(request, limit)
        folder = session.folder / "upload"
        path = folder / file_names([name])[0]
        session.upload = None
        shutil.rmtree(folder, ignore_errors=True)  # one that nobody wanted analysed
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if shutil.disk_usage(folder).free < _FREE_SPACE_FACTOR * expected:
                return _problem(507, "the server has no room for this file")
            if not await self._store(request, path, limit):
                raise MoodstreamError(f"{name}: the file is empty")
            self.registry.keep_upload(session, Upload(name, lambda: path))
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                self.registry.still_there(session)  # else its folder was removed under our feet
                return _problem(507, "the server cannot store this file")
            raise
        finally:
            if session.gone:  # its folder was removed with it, and made again here
                shutil.rmtree(session.folder, ignore_errors=True)
        return JSONResponse({"name": name})

    async def _store(self, request: Request, path: Path, limit: int) -> int:
        """Write a body into a file; returns its size in bytes."""
        size = 0
        with path.open("wb") as file:
            async for chunk in _body(request, limit):
                size += await run_in_threadpool(file.write, chunk)
        return size

    async def _video(self, request: Request, session: UserSession) -> Response:
        video = session.video
        if video is None or video.stage != "done":
            return _problem(404, "there are no results")
        results = await run_in_threadpool(video_results, video.folder, video.name)
        return JSONResponse({**results, "privacy": video.privacy})

    async def _file(self, request: Request, session: UserSession) -> Response:
        video, name = session.video, request.path_params["name"]
        if video is None or video.stage != "done" or name not in FILES:
            return _problem(404, "there is no such file")
        path = video.folder / name
        if not path.is_file():
            return _problem(404, "there is no such file")
        disposition = "attachment" if "download" in request.query_params else "inline"
        stem = Path(file_names([video.name])[0]).stem
        answer = FileResponse(path, filename=f"{stem}-{name}", content_disposition_type=disposition)
        if name == layout.REPORT:  # a page of its own, which brings its own policy
            policy = "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
            answer.headers["Content-Security-Policy"] = policy + "script-src 'unsafe-inline'"
        return answer

    async def _take_photo(self, request: Request, session: UserSession) -> Response:
        name = _file_name(request)
        limit = round(self.registry.limits.photo_mb * _MB)
        content = b"".join([part async for part in _body(request, limit)])
        await run_in_threadpool(self.analyse_photo, session, content, name)
        return Response(status_code=204)

    def analyse_photo(self, session: UserSession, content: bytes, name: str) -> None:
        """Analyse a photo for a page.

        Raises:
            MoodstreamError: It cannot be read, there is no room, or the page was closed.
        """
        session.photo = None
        if not self.registry.photos.acquire(timeout=_PHOTO_QUEUE_S):
            raise BusyError("too many photos are being analysed; try again in a moment")
        try:
            photo = photo_of(content, name, self.registry.models, session.privacy)
            while not self.registry.keep_photo(session, photo):  # privacy has become stricter
                photo = photo_of(content, name, self.registry.models, session.privacy)
        finally:
            self.registry.photos.release()
            self.registry.ended()

    async def _photo(self, request: Request, session: UserSession) -> Response:
        photo = session.photo
        if photo is None or photo.jpeg is None:
            return _problem(404, "there is no picture")
        return Response(photo.jpeg, media_type="image/jpeg")


async def _newer(session: UserSession, after: float) -> Picture | None:
    """The newest picture once its number is above ``after``; None where none came in time."""
    live = session.live
    if live is None:
        return None
    loop, fresh = asyncio.get_running_loop(), asyncio.Event()
    until = loop.time() + _LONG_POLL_S
    with live.broadcaster.subscribe_frames(0, partial(loop.call_soon_threadsafe, fresh.set)):
        while not live.over and session.live is live:
            fresh.clear()
            picture = live.picture()
            if picture is not None and picture.number > after:
                return picture
            timer = loop.call_at(until, fresh.set)
            await fresh.wait()
            timer.cancel()
            if loop.time() >= until:
                break
    return None


async def _body(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body, chunk by chunk.

    Raises:
        UploadTooLargeError: As soon as there are more than ``limit`` bytes.
    """
    _length(request, limit)
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > limit:
            raise UploadTooLargeError(_too_large(limit))
        yield chunk


def _length(request: Request, limit: int) -> int:
    text = request.headers.get("content-length", "0")
    length = int(text) if text.isdigit() else 0
    if length > limit:
        raise UploadTooLargeError(_too_large(limit))
    return length


def _too_large(limit: int) -> str:
    return f"the file is too large: at most {limit / _MB:g} MB"


def _file_name(request: Request) -> str:
    """What people call the file, fit to be shown in one line."""
    name = unquote(request.headers.get("x-file-name", "")) or "file"
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(c if c.isprintable() else " " for c in name)
    return " ".join(plain.split())[:_MAX_NAME_CHARS] or "file"


def _number(request: Request, name: str, default: float) -> float:
    try:
        return float(request.query_params.get(name, default))
    except ValueError:
        return default


def _problem(status: int, line: str) -> Response:
    return JSONResponse({"problem": line}, status, headers=_PRIVATE)


@lru_cache(maxsize=1)
def _library() -> str:
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


async def _plotly(request: Request) -> Response:
    content = await run_in_threadpool(_library)
    keep = {"Cache-Control": "private, max-age=86400"}
    return Response(content, media_type="text/javascript", headers=keep)


async def _script(file: Path, request: Request) -> Response:
    content = file.read_text(encoding="utf-8")
    headers = {"Cache-Control": "no-cache"}
    return PlainTextResponse(content, media_type="text/javascript", headers=headers)
