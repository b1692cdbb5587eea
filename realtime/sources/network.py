"""Cameras and streams on the network, by PyAV: RTSP, MJPEG over HTTP, HLS and the like."""

from __future__ import annotations

import errno
import functools
import importlib
import itertools
import logging
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import EndOfSourceError, SourceGoneError, SourceRefusedError
from moodstream.realtime.sources.base import OpenSettings, ReaderWatchdog, SourceInfo, SourceSpec
from moodstream.realtime.sources.files import image_of, resized
from moodstream.realtime.sources.pacing import BacklogSkipper, PlaybackPacer

logger = logging.getLogger(__name__)

_WEB_PROTOCOLS = "http,https,httpproxy,tcp,tls,crypto"
_RTSP_PROTOCOLS = "rtsp,rtsps,rtp,rtcp,srtp,udp,tcp,tls"
# what an address may make FFmpeg open; never a file of this machine
_PROTOCOLS = {
    **dict.fromkeys(("http", "https"), _WEB_PROTOCOLS),
    **dict.fromkeys(("rtsp", "rtsps"), _RTSP_PROTOCOLS),
    **dict.fromkeys(("rtmp", "rtmps"), "rtmp,rtmps,tcp,tls"),
    "udp": "udp",
}
# reading on to measure the frame rate would cost a second; "nobuffer" would lose the key frame
_PROBE_OPTIONS = {"fpsprobesize": "0", "analyzeduration": "1000000", "probesize": "1000000"}
_LIVE_FORMATS = {"rtsp", "flv", "live_flv"}
_UNTIMED_FORMATS = {"mpjpeg", "mjpeg"}  # their time stamps are made up by FFmpeg
_MAX_WITHOUT_PICTURE_S = 30.0  # while packets come: key frames can be rare
_END_TOLERANCE_S = 1.0  # by which a recording may be shorter than it claims


class NetworkReader:
    """A stream from the network; decodes every packet unless it falls behind.

    Args:
        spec: The stream.
        settings: Time-outs, transport, and how far decoding may fall behind.
        watchdog: The tie to the owner of the reader.

    Raises:
        SourceGoneError: It does not answer.
        SourceRefusedError: It does not let us in, or is no video stream.
    """

    def __init__(self, spec: SourceSpec, settings: OpenSettings, watchdog: ReaderWatchdog) -> None:
        self._name, self._settings, self._watchdog = spec.name, settings, watchdog
        self._container = self._open(str(spec.address))
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _open(self, address: str) -> Any:
        import av

        interrupt_by(self._watchdog)
        scheme = address.partition("://")[0]
        options = {"protocol_whitelist": _PROTOCOLS[scheme], **_PROBE_OPTIONS}
        if scheme in ("rtsp", "rtsps"):
            # without sound, which is not needed and which opening would wait for
            options |= {"rtsp_transport": self._settings.transport, "allowed_media_types": "video"}
        timeout = (self._settings.open_timeout, self._settings.read_timeout)
        self._watchdog.heartbeat(self._settings.open_timeout)
        try:
            return av.open(address, options=options, timeout=timeout, metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._as_source_error(error, self._settings.open_timeout, scheme) from None

    def _start(self) -> None:
        container = self._container
        kind = container.format.name
        if not container.streams.video:
            raise SourceRefusedError(f"{self._name}: there is no video in it")
        if kind.endswith("_pipe") or kind == "image2":
            raise SourceRefusedError(f"{self._name}: a picture, not a stream")
        self._stream = container.streams.video[0]
        self._stream.thread_type = "SLICE"  # threads by frame would hold pictures back
        # an RTSP server plays at normal speed, and its end looks like a lost connection
        self._recorded = kind not in _LIVE_FORMATS and (container.duration or 0) > 0
        self._timed = not set(kind.split(",")) & _UNTIMED_FORMATS
        self._pacer = PlaybackPacer() if self._recorded or kind in ("hls", "dash") else None
        self._skipper = BacklogSkipper(self._settings.max_lag) if self._timed else None
        self._zero: float | None = None
        self._media = 0.0  # of the last picture, seconds
        self._skipped = 0  # packets since decoding fell behind
        self._pictures = self._decode()
        self._first: tuple[Image, float | None] | None = self._next()
        self.info = self._describe(self._first[0])

    def _describe(self, image: Image) -> SourceInfo:
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate
        return SourceInfo(
            name=self._name,
            width=image.shape[1],
            height=image.shape[0],
            fps=Fraction(rate) if rate and self._timed and 1 <= rate <= 1000 else None,
            duration=self._container.duration / 1e6 if self._recorded else None,
            codec=stream.codec_context.name,
            audio=bool(self._container.streams.audio),
        )

    def read(self) -> tuple[Image, float | None]:
        """The next picture and its media time, None where FFmpeg only makes one up.

        Raises:
            EndOfSourceError: A recording is at its end.
            SourceGoneError: Nothing comes any more.
            SourceRefusedError: What comes cannot be decoded.
        """
        first, self._first = self._first, None
        image, media = self._next() if first is None else first
        if self._pacer is not None and media is not None:
            wait = self._pacer.wait(time.monotonic(), media)
            if not self._watchdog.wait(wait):
                raise SourceGoneError(f"{self._name}: stopped")
        if image.shape[:2] != (self.info.height, self.info.width):
            image = resized(image, (self.info.width, self.info.height))
        return image, media

    def _next(self) -> tuple[Image, float | None]:
        import av

        try:
            picture = next(self._pictures, None)
        except (av.error.FFmpegError, OSError) as error:
            raise self._as_source_error(error, self._settings.read_timeout, "") from None
        if picture is None:
            if self._recorded and self._media > self._container.duration / 1e6 - _END_TOLERANCE_S:
                raise EndOfSourceError(f"{self._name}: has been played to its end")
            raise SourceGoneError(f"{self._name}: the stream was closed")
        return image_of(picture), self._media_time(picture.pts)

    def _media_time(self, pts: int | None) -> float | None:
        if not self._timed or pts is None:
            return None
        t = float(pts * (self._stream.time_base or Fraction(1, 90_000)))
        self._zero = t if self._zero is None else self._zero
        self._media = t - self._zero
        return self._media

    def _decode(self) -> Iterator[Any]:
        """Decoded pictures; damaged packets are skipped, and so are those of a backlog."""
        import av

        last_picture = time.monotonic()
        for packet in self._packets():
            if time.monotonic() - last_picture > _MAX_WITHOUT_PICTURE_S:
                raise SourceGoneError(f"{self._name}: sends nothing that can be shown")
            if self._is_skipped(packet):
                continue
            try:
                pictures = packet.decode()
            except av.error.FFmpegError as error:
                reason = error.strerror or type(error).__name__
                logger.debug("%s: a damaged packet was skipped (%s)", self._name, reason)
                continue
            for picture in pictures:
                yield picture
                last_picture = time.monotonic()

    def _packets(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            self._watchdog.heartbeat(self._settings.read_timeout)
            packet = next(packets, None)
            if packet is None:
                return
            if self._watchdog.expired:  # FFmpeg held it back until it gave up waiting
                raise TimeoutError
            yield packet

    def _is_skipped(self, packet: Any) -> bool:
        """Whether to leave a packet undecoded, as decoding is behind the stream."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        if self._skipper is None or self._pacer is not None or stamp is None:
            return False
        media = float(stamp * packet.time_base)
        skip = self._skipper.skip(time.monotonic(), media, bool(packet.is_keyframe))
        self._skipped += skip
        if skip and self._skipped == 1:
            logger.info("%s: decoding is behind, packets are skipped", self._name)
        elif self._skipped and not self._skipper.behind:
            logger.info("%s: caught up, %d packets were skipped", self._name, self._skipped)
            self._skipped = 0
        return skip

    def _as_source_error(self, error: Exception, timeout: float, scheme: str) -> Exception:
        """The error of ours for one of FFmpeg's, without the address in it."""
        import av

        if self._watchdog.stopped:
            return SourceGoneError(f"{self._name}: stopped")
        if self._watchdog.expired or isinstance(error, (av.error.ExitError, TimeoutError)):
            return SourceGoneError(f"{self._name}: no pictures within {timeout:g} s")
        refused = _refusals()
        for kind, reason in refused.items():
            if isinstance(error, kind):
                denied = kind in (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)
                return SourceRefusedError(f"{self._name}: {reason}", denied)
        if isinstance(error, av.error.InvalidDataError):
            if scheme.startswith("http"):
                return SourceRefusedError(f"{self._name}: not a video stream")
            return SourceGoneError(f"{self._name}: the answer makes no sense")
        if (
            getattr(error, "errno", None) == errno.EIO
        ):  # FFmpeg's error for a name that DNS does not know
            return SourceGoneError(f"{self._name}: cannot be reached, or the connection was lost")
        reason = getattr(error, "strerror", None) or type(error).__name__
        return SourceGoneError(f"{self._name}: {reason}")

    def close(self) -> None:
        """Close the connection."""
        self._pictures = iter(())  # the suspended generator must end before its container
        self._container.close()


def _refusals() -> dict[type[Exception], str]:
    import av

    return {
        av.error.HTTPUnauthorizedError: "user name or password is wrong or missing (401)",
        av.error.HTTPForbiddenError: "access is forbidden (403)",
        av.error.HTTPNotFoundError: "there is no such stream (404)",
        av.error.ProtocolNotFoundError: "this kind of address is not supported",
        av.error.DemuxerNotFoundError: "this kind of stream is not supported",
        av.error.DecoderNotFoundError: "this kind of video is not supported",
    }


_far_future = itertools.count(10**12, 10**6)  # seconds; each is later than any time-out
_current = threading.local()  # .watchdog: the watchdog of the reader of this thread


class _Clock:
    """A clock for PyAV that leaps ahead in a thread that is to stop waiting.

    PyAV has time-outs for opening and for each read, but no way to end a wait earlier, nor one
    limit for all that opening does. All of its waits ask this clock.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    @staticmethod
    def monotonic() -> float:
        watchdog: ReaderWatchdog | None = getattr(_current, "watchdog", None)
        return next(_far_future) if watchdog is not None and watchdog.expired else time.monotonic()


def interrupt_by(watchdog: ReaderWatchdog) -> None:
    """Let a watchdog end the waits of PyAV in this thread.

    Replaces the ``time`` of a module of PyAV, for the whole process.
    """
    _current.watchdog = watchdog
    core: Any = importlib.import_module("av.container.core")
    if isinstance(getattr(core, "time", None), _Clock):
        return
    if getattr(core, "time", None) is time:
        core.time = _Clock()
    else:  # another PyAV than this was written for
        warn_of_slow_stops()


@functools.cache
def warn_of_slow_stops() -> None:
    """Say once that this PyAV cannot be interrupted."""
    logger.warning("this PyAV has no clock to replace: its waits end with their time-outs only")
