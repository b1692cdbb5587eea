"""Overlay video: H.264 with the original timing and sound."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2  # noqa: F401  (before av: both bring FFmpeg, and this order is the one that works)

from moodstream.realtime.arrays import Image

TIME_BASE = Fraction(1, 90_000)  # s
_DEFAULT_FPS = Fraction(25)
_BROWSER_AUDIO = {"aac", "mp3"}


class _Sound:
    """The sound of a file from ``start`` seconds on, as packets for another container."""

    def __init__(self, path: Path, output: Any, start: float, end: float | None) -> None:
        from moodstream.realtime.sources.files import open_container

        self._input = open_container(path)
        with ExitStack() as opened:
            opened.callback(self._input.close)
            self._stream = self._input.streams.audio[0]
            video = self._input.streams.video[0]
            origin = float((video.start_time or 0) * (video.time_base or 0))
            self._from, self._to = start + origin, None if end is None else end + origin
            self._copy = self._stream.codec_context.name in _BROWSER_AUDIO
            if self._copy:
                self._out = output.add_stream_from_template(self._stream)
            else:
                self._out = output.add_stream("aac", rate=self._stream.codec_context.sample_rate)
            if start > 0:
                self._input.seek(int(self._from * 1e6), backward=True)
            self._packets = self._shifted()
            self._next: Any = next(self._packets, None)
            opened.pop_all()

    def _shifted(self) -> Generator[Any, None, None]:
        """Packets (copied) or frames (to be encoded), their time moved so that ``start`` is 0."""
        base = self._stream.time_base
        offset = int(self._from / base)
        for packet in self._input.demux(self._stream):
            for item in [packet] if self._copy else packet.decode():
                if item.pts is None or (self._copy and item.dts is None):
                    continue
                at = float(item.pts * base)
                if at < self._from - 1e-3:
                    continue
                if self._to is not None and at >= self._to:
                    return
                item.pts -= offset
                if self._copy:
                    item.dts -= offset
                yield item

    def until(self, t: float) -> Iterator[Any]:
        """Encoded packets of the sound up to ``t`` seconds."""
        base = float(self._stream.time_base)
        while self._next is not None and self._next.pts * base <= t:
            item, self._next = self._next, next(self._packets, None)
            if self._copy:
                item.stream = self._out
                yield item
            else:
                yield from self._out.encode(item)

    def finish(self) -> Iterator[Any]:
        """What the encoder still holds."""
        if not self._copy:
            yield from self._out.encode(None)

    def close(self) -> None:
        """Close the file that the sound came from."""
        self._packets.close()  # it holds this object, which holds it
        self._input.close()


def add_h264(container: Any, size: tuple[int, int], fps: Fraction | None, **options: str) -> Any:
    """Add a stream of H.264 that browsers play.

    Args:
        container: An open container of PyAV.
        size: (width, height) in px of all its ``timed_picture``s.
        fps: Frames per second, as players are told; None where they vary.
        options: Of the encoder, in place of those for files that need not keep pace.

    Returns:
        The stream of PyAV.
    """
    rate = fps if fps and 1 <= fps <= 240 else _DEFAULT_FPS
    stream = container.add_stream(
        "libx264",
        rate=rate.limit_denominator(65535),
        options={"preset": "veryfast", "crf": "23", **options},
    )
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = TIME_BASE
    return stream


def timed_picture(image: Image, t: float, key: bool = False) -> Any:
    """A picture for the encoder.

    Args:
        image: (H, W, 3) uint8 BGR.
        t: Seconds of the file at which it is shown.
        key: Whether it becomes a key frame.

    Returns:
        A frame of PyAV.
    """
    import av

    frame = av.VideoFrame.from_ndarray(image, format="bgr24")
    frame.pts, frame.time_base = round(t / TIME_BASE), TIME_BASE
    if key:
        frame.pict_type = av.video.frame.PictureType.I
    return frame


class VideoWriter:
    """Writes pictures of one size at given times to an MP4 that browsers play.

    The file is written as ``.part`` and gets its name in ``close``; ``discard`` removes it. As a
    context manager it closes at the end of the block, and discards where the block fails. Sound
    that cannot be read is left out and mentioned in ``notes``.

    Args:
        path: Of the file.
        size: (width, height) in px of all pictures.
        fps: Frames per second, as players are told; None where they vary.
        sound_from: The file whose sound is copied, transcoded to AAC where a browser would not
            play it.
        start: Seconds of the source at which the file begins.
        end: Seconds of the source at which its sound ends.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: Fraction | None,
        sound_from: Path | None = None,
        start: float = 0.0,
        end: float | None = None,
    ) -> None:
        import av

        self.path, self.notes = path, list[str]()
        self._part = path.with_name(path.name + ".part")
        self._start, self._last = start, 0.0
        self._sound: _Sound | None = None
        self._video: Any = None
        self._container: Any = av.open(
            str(self._part), "w", format="mp4", options={"movflags": "+faststart"}
        )
        with ExitStack() as opened:
            opened.callback(self.discard)
            self._video = add_h264(self._container, size, fps)
            if sound_from is not None:
                self._try_sound(sound_from, end)
            opened.pop_all()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _try_sound(self, path: Path, end: float | None) -> None:
        import av

        try:
            self._sound = _Sound(path, self._container, self._start, end)
        except (av.error.FFmpegError, ValueError) as error:
            self.notes.append(f"the sound could not be copied ({error})")

    def write(self, image: Image, t: float) -> None:
        """Add a (H, W, 3) uint8 BGR picture at ``t`` seconds of the source."""
        self._container.mux(self._video.encode(timed_picture(image, t - self._start)))
        self._last = t - self._start
        self._mux_sound(self._last)

    def _mux_sound(self, t: float) -> None:
        import av

        if self._sound is None:
            return
        try:
            for packet in self._sound.until(t):
                self._container.mux(packet)
        except (av.error.FFmpegError, ValueError) as error:
            self.notes.append(f"the sound stops at {t:.1f} s ({error})")
            self._sound.close()
            self._sound = None

    def close(self) -> None:
        """Finish the file and give it its name, once; where that fails nothing is left."""
        if self._container is None:
            return
        try:
            self._mux_sound(self._last + 0.1)  # the last picture is shown for a while, too
            if self._sound is not None:
                self._container.mux(list(self._sound.finish()))
            self._container.mux(self._video.encode(None))
            self._container.close()
        except BaseException:
            self.discard()
            raise
        self._release()
        self._part.replace(self.path)

    def discard(self) -> None:
        """Close the file and remove it, unless it has its name already."""
        if self._container is None:
            return
        with suppress(Exception):  # such as the end of a file that a full disk does not take
            self._container.close()
        self._release()
        self._part.unlink(missing_ok=True)

    def _release(self) -> None:
        if self._sound is not None:
            self._sound.close()
        # the encoders' threads live as long as these
        self._container = self._video = self._sound = None
