"""What Gradio's components do: each click is a call of the registry, for one page's session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import gradio as gr

from moodstream.realtime.dashboard.access_control import COOKIE
from moodstream.realtime.dashboard.live_run import LiveTuning
from moodstream.realtime.dashboard.sessions import Registry, UserSession
from moodstream.realtime.dashboard.video_job import Upload
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.privacy import Privacy
from moodstream.samples.fetch import fetch

SAMPLE_VIDEO = "WolfgangLanger_Pexels.mp4"
SAMPLE_PHOTO = "multi_face.jpg"
WINDOW_RANGE_S = (1.0, 60.0)
SMOOTHING_RANGE_S = (0.0, 5.0)
_TOAST_S = 8.0  # for which an error is shown


class Handlers:
    """The functions behind the components; every failure is one friendly line.

    Args:
        registry: The open pages, and what runs for them.
    """

    quiet: ClassVar[dict[str, Any]] = {"show_progress": "hidden", "api_visibility": "private"}
    """For events: no spinner over the page, and no public API."""

    refresh = "() => { window.moodstream?.refresh(); }"
    """JavaScript that shows at once what a click has changed."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry

    def open(self, request: gr.Request) -> str:
        """A new page; returns its secret token."""
        cookie = request.cookies.get(COOKIE)
        if not cookie:
            raise _error("this page needs a cookie to tell you from others; allow it and reload")
        token: str = self._or_show_error(
            lambda: self.registry.open(str(request.session_hash), cookie).token
        )
        return token

    def left(self, request: gr.Request) -> None:
        """A page was closed."""
        self.registry.page_left(request.session_hash)

    def privacy(self, value: Any, request: gr.Request) -> None:
        """The privacy switch."""
        mode = Privacy(value) if value in set(Privacy) else Privacy.GROUP
        self.registry.set_privacy(self._session(request), mode)

    def tune(self, window: Any, smoothing: Any, request: gr.Request) -> None:
        """The sliders."""
        tuning = LiveTuning(within(window, WINDOW_RANGE_S), within(smoothing, SMOOTHING_RANGE_S))
        self.registry.set_tuning(self._session(request), tuning)

    def start(self, source: Any, address: Any, request: gr.Request) -> None:
        """Start the live view."""
        session = self._session(request)
        wanted = str(address or "").strip() if source == "address" else str(source)
        if not wanted:
            raise _error("type an address first")
        self._or_show_error(lambda: self.registry.start_live(session, wanted))

    def pause(self, request: gr.Request) -> None:
        """Pause the live view, or go on."""
        live = self._session(request).live
        if live is not None:
            live.pause(not live.session.paused.is_set())

    def stop(self, request: gr.Request) -> None:
        """Stop the live view."""
        self.registry.stop_live(self._session(request))

    def analyse(self, request: gr.Request) -> None:
        """Process the uploaded video."""
        session = self._session(request)
        upload = session.upload
        if upload is None:
            raise _error("choose a video first")
        self._or_show_error(lambda: self.registry.start_video(session, upload))

    def sample_video(self, request: gr.Request) -> None:
        """Process the sample."""
        session = self._session(request)
        sample = Upload(SAMPLE_VIDEO, lambda: fetch([SAMPLE_VIDEO])[SAMPLE_VIDEO], keep=True)
        self._or_show_error(lambda: self.registry.start_video(session, sample))

    def cancel(self, request: gr.Request) -> None:
        """Cancel the video at work."""
        video = self._session(request).video
        if video is not None:
            video.cancel()

    def forget(self, request: gr.Request) -> None:
        """Delete the results of the video."""
        self.registry.drop_video(self._session(request))

    def sample_photo(self, analyse: Callable[[UserSession, bytes, str], None]) -> Any:
        """A handler that analyses the sample photo."""

        def handler(request: gr.Request) -> None:
            session = self._session(request)
            content = self._or_show_error(lambda: fetch([SAMPLE_PHOTO])[SAMPLE_PHOTO].read_bytes())
            self._or_show_error(lambda: analyse(session, content, SAMPLE_PHOTO))

        return handler

    def forget_photo(self, request: gr.Request) -> None:
        """Forget the photo."""
        self._session(request).photo = None

    def _session(self, request: gr.Request) -> UserSession:
        cookie = request.cookies.get(COOKIE)
        session = self.registry.of_page(request.session_hash, cookie)
        if session is None:
            raise _error("this page has been away for too long; reload it")
        return session

    def _or_show_error(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except MoodstreamError as error:
            raise _error(str(error)) from None


def _error(line: str) -> gr.Error:
    return gr.Error(line, duration=_TOAST_S, title="", print_exception=False)


def within(value: Any, bounds: tuple[float, float]) -> float:
    """A number that a page has sent, clamped; what is no number is an error for its user."""
    try:
        return min(max(float(value), bounds[0]), bounds[1])
    except (TypeError, ValueError):
        raise _error("expected a number") from None
