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

logger = logging.getLogger(__name__)

_WEB = "http,https,httpproxy,tcp,tls,crypto"
_RTSP = "rtsp,rtsps,rtp,rtcp,srtp,udp,tcp,tls"
# what an address may make FFmpeg open; never a file of this machine
_ALLOWED = {
    **dict.fromkeys(("http", "https"), _WEB),
    **dict.fromkeys(("rtsp", "rtsps"), _RTSP),
    **dict.fromkeys(("rtmp", "rtmps"), "rtmp,rtmps,tcp,tls"),
    "udp": "udp",
}
# reading on to measure the frame rate would cost a second; "nobuffer" would lose the key frame
_PROBE = {"fpsprobesize": "0", "analyzeduration": "1000000", "probesize": "1000000"}
_LIVE = {"rtsp", "flv", "live_flv"}
_NO_CLOCK = {"mpjpeg", "mjpeg"}  # their time stamps are made up by FFmpeg
_BLIND = 30.0  # seconds for which packets may come without a picture: key frames can be rare
_END = 1.0  # seconds by which a recording may be shorter than it says
_JUMP = 10.0  # seconds by which time stamps may leap before they count as new ones


class BacklogSkipper:
    """Tells which packets to leave undecoded while decoding is behind the stream.

    The delay of a packet is the time since the first one minus the media time since then; its
    slowly leaking minimum is what the stream itself needs. More than ``max_lag`` seconds above
    it, all but key frames are left out until the delay is down and a key frame is there.
    """

    _LEAK = 1e-3  # a camera's clock that runs slow by so much is no backlog
    _PATIENCE = 10.0  # seconds after which leaving out has proven to be no help

    def __init__(self, max_lag: float) -> None:
        self._max = max_lag
        self._first: tuple[float, float] | None = None
        self._least = self._last = self._since = self._media = 0.0
        self._skipping = False

    @property
    def behind(self) -> bool:
        """Whether packets are being left out, all but key frames."""
        return self._skipping

    def skip(self, now: float, media: float, key: bool) -> bool:
        """Whether to leave out the packet read at ``now``; both times in seconds."""
        if self._first is None or abs(media - self._media) > _JUMP:
            self._first, self._least, self._skipping = (now, media), 0.0, False
            self._last = now
        self._media = media
        lag = (now - self._first[0]) - (media - self._first[1])
        self._least = min(lag, self._least + self._LEAK * (now - self._last))
        self._last = now
        if not self._skipping and lag - self._least > self._max:
            self._skipping, self._since = True, now
        elif self._skipping and now - self._since > self._PATIENCE:
            self._least = lag
        if self._skipping and key and lag - self._least <= self._max / 4:
            self._skipping = False
        return self._skipping and not key


class PlaybackPacer:
    """Spreads pictures that come in bursts (HLS, recordings) over time by their time stamps."""

    _LATE = 0.5  # seconds late from which on the stream is shown that much later for good

    def __init__(self) -> None:
        self._zero: float | None = None  # monotonic time of media time 0

    def wait(self, now: float, media: float) -> float:
        """Seconds until the picture with time stamp ``media`` is due."""
        if self._zero is None or not -self._LATE < self._zero + media - now < _JUMP:
            self._zero = now - media
        return max(0.0, self._zero + media - now)


class NetworkReader:
    """A stream from the network; decodes every packet unless it falls behind."""

    def __init__(self, spec: SourceSpec, settings: OpenSettings, control: ReaderWatchdog) -> None:
        self._name, self._settings, self._control = spec.name, settings, control
        self._container = self._open(str(spec.address))
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _open(self, address: str) -> Any:
        import av

        _interrupt_by(self._control)
        scheme = address.partition("://")[0]
        options = {"protocol_whitelist": _ALLOWED[scheme], **_PROBE}
        if scheme in ("rtsp", "rtsps"):
            # no sound is asked for: nobody listens, and opening would wait for it
            options |= {"rtsp_transport": self._settings.transport, "allowed_media_types": "video"}
        timeout = (self._settings.open_timeout, self._settings.read_timeout)
        self._control.expect(self._settings.open_timeout)
        try:
            return av.open(address, options=options, timeout=timeout, metadata_errors="replace")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._meaning(error, self._settings.open_timeout, scheme) from None

    def _start(self) -> None:
        container = self._container
        kind = container.format.name
        if not container.streams.video:
            raise SourceRefusedError(f"{self._name}: there is no video in it")
        if kind.endswith("_pipe") or kind == "image2":
            raise SourceRefusedError(f"{self._name}: a picture, not a stream")
        self._stream = container.streams.video[0]
        self._stream.thread_type = "SLICE"  # threads by frame would hold pictures back
        # an RTSP server keeps the pace itself, and its end looks like a lost connection
        self._recorded = kind not in _LIVE and (container.duration or 0) > 0
        self._timed = not set(kind.split(",")) & _NO_CLOCK
        self._pace = PlaybackPacer() if self._recorded or kind in ("hls", "dash") else None
        self._catch_up = BacklogSkipper(self._settings.max_lag) if self._timed else None
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

        Raises EndOfSource at the end of a recording, SourceGone where nothing comes any more.
        """
        first, self._first = self._first, None
        image, media = self._next() if first is None else first
        if self._pace is not None and media is not None:
            wait = self._pace.wait(time.monotonic(), media)
            if not self._control.wait(wait):
                raise SourceGoneError(f"{self._name}: stopped")
        if image.shape[:2] != (self.info.height, self.info.width):
            image = resized(image, (self.info.width, self.info.height))
        return image, media

    def _next(self) -> tuple[Image, float | None]:
        import av

        try:
            picture = next(self._pictures, None)
        except (av.error.FFmpegError, OSError) as error:
            raise self._meaning(error, self._settings.read_timeout, "") from None
        if picture is None:
            if self._recorded and self._media > self._container.duration / 1e6 - _END:
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
        """Decoded pictures; damaged packets are left out, and so are late ones."""
        import av

        seen = time.monotonic()
        for packet in self._packets():
            if time.monotonic() - seen > _BLIND:
                raise SourceGoneError(f"{self._name}: sends nothing that can be shown")
            if self._behind(packet):
                continue
            try:
                pictures = packet.decode()
            except av.error.FFmpegError as error:
                reason = error.strerror or type(error).__name__
                logger.debug("%s: a damaged packet was left out (%s)", self._name, reason)
                continue
            for picture in pictures:
                yield picture
                seen = time.monotonic()

    def _packets(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            self._control.expect(self._settings.read_timeout)
            packet = next(packets, None)
            if packet is None:
                return
            if self._control.expired:  # it had been held back until FFmpeg gave up waiting
                raise TimeoutError
            yield packet

    def _behind(self, packet: Any) -> bool:
        stamp = packet.dts if packet.dts is not None else packet.pts
        if self._catch_up is None or self._pace is not None or stamp is None:
            return False
        media = float(stamp * packet.time_base)
        skip = self._catch_up.skip(time.monotonic(), media, bool(packet.is_keyframe))
        self._skipped += skip
        if skip and self._skipped == 1:
            logger.info("%s: decoding is behind, packets are skipped", self._name)
        elif self._skipped and not self._catch_up.behind:
            logger.info("%s: caught up, %d packets were skipped", self._name, self._skipped)
            self._skipped = 0
        return skip

    def _meaning(self, error: Exception, timeout: float, scheme: str) -> Exception:
        """The error that FFmpeg's one stands for, without the address in it."""
        import av

        if self._control.stopped:
            return SourceGoneError(f"{self._name}: stopped")
        if self._control.expired or isinstance(error, (av.error.ExitError, TimeoutError)):
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
        if getattr(error, "errno", None) == errno.EIO:  # what FFmpeg says of a name unknown to DNS
            return SourceGoneError(f"{self._name}: cannot be reached, or the connection was lost")
        reason = getattr(error, "strerror", None) or type(error).__name__
        return SourceGoneError(f"{self._name}: {reason}")

    def close(self) -> None:
        """Close the connection."""
        self._pictures = iter(())  # the suspended reader must go before what it reads from
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


_far = itertools.count(10**12, 10**6)
_here = threading.local()


class _Clock:
    """PyAV's clock, which leaps ahead in a thread that is to stop waiting.

    PyAV offers time-outs for opening and for each read, but no way to end a wait when the
    program ends, nor one limit for all that opening does; both ask this clock.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    @staticmethod
    def monotonic() -> float:
        control: ReaderWatchdog | None = getattr(_here, "control", None)
        return next(_far) if control is not None and control.expired else time.monotonic()


def _interrupt_by(control: ReaderWatchdog) -> None:
    """Let ``control`` end the waits of PyAV in this thread."""
    _here.control = control
    core: Any = importlib.import_module("av.container.core")
    if isinstance(getattr(core, "time", None), _Clock):
        return
    if getattr(core, "time", None) is time:
        core.time = _Clock()
    else:  # another PyAV than this was written for
        _warn_of_slow_stops()


@functools.cache
def _warn_of_slow_stops() -> None:
    logger.warning("this PyAV has no clock to replace: its waits end with their time-outs only")
