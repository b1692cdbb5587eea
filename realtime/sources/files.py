"""Video files, by PyAV."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2  # before av: both bring FFmpeg, and this order is the one that works
import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.errors import SourceError
from moodstream.realtime.frames import Frame, LazyImage
from moodstream.realtime.sources.base import SourceInfo

VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg"),
        *("ts", "mts", "m2ts", "wmv", "flv", "ogv", "3gp", "mxf"),
    )
)
_NOT_FILES = {"hls", "dash", "concat", "tty", "lrc", "srt", "ass", "webvtt", "ffmetadata"}
_MAX_PX_ONE_THREAD = 1280 * 720  # one core decodes several hundred such frames a second
_ROTATIONS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


def find_videos(paths: list[Path]) -> list[Path]:
    """Files as they are, folders replaced by the videos in them (sorted, not recursive).

    Raises:
        SourceError: A folder has no videos, or a path does not exist.
    """
    videos: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES)
            if not inside:
                raise SourceError(f"{path}: no video files in this folder")
            videos += inside
        elif not path.exists():
            raise SourceError(f"{path}: no such file")
        else:
            videos.append(path)
    return list(dict.fromkeys(videos))


def open_container(path: Path) -> Any:
    """Open a local video file as a container of PyAV.

    Only the file itself may be read: a playlist that is named like a video must not open other
    files or addresses.

    Raises:
        SourceError: It is no video that can be read.
    """
    import av

    _check_readable(path)
    try:
        container = av.open(
            f"file:{path.resolve()}",
            options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"{path}: not a video that can be read ({_reason(error)})") from None
    names = set(container.format.name.split(","))
    if names & _NOT_FILES or any(n.endswith("_pipe") or n == "image2" for n in names):
        container.close()
        kind = "a picture" if any("pipe" in n or n == "image2" for n in names) else "a playlist"
        raise SourceError(f"{path}: {kind}, not a video")
    if not container.streams.video:
        container.close()
        raise SourceError(f"{path}: there is no video in it")
    return container


def _check_readable(path: Path) -> None:
    try:
        if path.is_dir():
            raise SourceError(f"{path}: is a folder, not a video file")
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError(f"{path}: the file is empty")
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from None


def _reason(error: Exception) -> str:
    log = getattr(error, "log", None)
    text = log[2].strip() if log else (getattr(error, "strerror", None) or str(error))
    if "moov atom" in text:
        return "its index is missing: the file is cut off or was never finished"
    return text or type(error).__name__


class FileSource:
    """A video file: every frame once, in order, with its presentation time.

    Time starts at 0 with the first frame of the file. As a context manager it closes the file at
    the end of the block.

    Args:
        path: The file.
        start: Seconds at which ``frames`` starts.
        end: Seconds at which ``frames`` ends, None for the end of the file.

    Attributes:
        info: What the file is.
        notes: Once ``frames`` is exhausted, a line on each thing that could not be read.
        stopped_at: Seconds at which a damaged file ends too early; None where it does not.

    Raises:
        SourceError: It cannot be read, or is over before ``start``.

    Example:
        with FileSource(Path("meeting.mp4"), start=10.0) as source:
            for frame in source.frames():
                print(frame.t, frame.image.shape)
    """

    def __init__(self, path: Path, start: float = 0.0, end: float | None = None) -> None:
        self.path, self.start, self.end = path, start, end
        self.notes: list[str] = []
        self.stopped_at: float | None = None
        self._reading: Generator[Frame, None, None] | None = None
        self._container: Any
        self._stream: Any
        self._container, self._stream = open_container(path), None
        with ExitStack() as opened:
            opened.callback(self.close)
            self._stream = _video_of(self._container)
            self._time_base = self._stream.time_base or Fraction(1, 90000)
            self._origin = self._stream.start_time or 0
            self.info = self._describe(self._peek())
            self._check_start()
            opened.pop_all()

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_start(self) -> None:
        start, path = self.start, self.path
        if start > 0 and self.info.duration is not None and start >= self.info.duration:
            raise SourceError(
                f"{path}: starts at {start:g} s, but is {self.info.duration:.1f} s long"
            )

    def _peek(self) -> Any:
        """The first undamaged frame: the file can be decoded, and this is its true size."""
        first = next((p for p in self._decode() if not _is_damaged(p)), None)
        if first is None:
            raise SourceError(f"{self.path}: not one frame of it can be decoded")
        return first

    def _describe(self, first: Any) -> SourceInfo:
        stream, container = self._stream, self._container
        image = image_of(first)
        rate = stream.average_rate or stream.guessed_rate
        if stream.duration is not None:
            duration: float | None = float(stream.duration * self._time_base)
        else:
            duration = None if container.duration is None else container.duration / 1e6
        return SourceInfo(
            name=self.path.name,
            width=image.shape[1],
            height=image.shape[0],
            fps=Fraction(rate) if rate else None,
            duration=duration,
            codec=stream.codec_context.name,
            audio=bool(container.streams.audio),
        )

    def frames(self) -> Iterator[Frame]:
        """The frames from ``start`` to ``end``, their pictures decoded to BGR when asked for.

        Damaged frames are skipped and counted in ``notes``. Each call starts again, and ends what
        the one before returned.
        """
        self._end_reading()
        self._reading = self._frames()
        return self._reading

    def _frames(self) -> Generator[Frame, None, None]:
        self._rewind()
        last, index, fps = -1.0, 0, self.info.fps or Fraction(25)
        size = (self.info.height, self.info.width)
        up, down = self._time_base.as_integer_ratio()
        for picture in self._decode():
            pts = picture.pts
            t = last + 1 / float(fps) if pts is None else (pts - self._origin) * up / down
            t = max(t, 0.0) if index == 0 else t
            if t <= last:
                self._bad += 1
                continue
            last = t
            if t < self.start - 1e-6:
                continue
            if self.end is not None and t >= self.end:
                break
            if _is_damaged(picture):
                self._bad += 1
                continue
            yield Frame(LazyImage((*size, 3), partial(_image_at, picture, size)), t, index, pts)
            index += 1
        self._note_end(last)

    def _rewind(self) -> None:
        import av

        self._bad = 0
        target = self._origin + int(self.start / self._time_base)
        try:
            self._container.seek(target, stream=self._stream, backward=True)
        except av.error.FFmpegError:
            self._container.close()
            self._container = open_container(self.path)
            self._stream = _video_of(self._container)

    def _note_end(self, last: float) -> None:
        fps = float(self.info.fps or 25)
        expected = self.info.duration if self.end is None else None
        if expected is not None and expected - (last + 1 / fps) > max(0.5, 2 / fps):
            self.stopped_at = last
            self.notes.append(
                f"the file stops at {last:.1f} s of {expected:.1f} s: it is cut off or damaged"
            )
        if self._bad:
            self.notes.append(f"{self._bad} damaged or mistimed frames were skipped")

    def _decode(self) -> Iterator[Any]:
        import av

        self._bad = getattr(self, "_bad", 0)
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                return
            try:
                pictures = packet.decode()
            except av.error.FFmpegError:
                self._bad += 1
                continue
            yield from pictures

    def frame_at(self, t: float) -> Image | None:
        """The picture shown at ``t`` seconds, None past the end; it seeks, which takes its time."""
        keep = self.start, self.end
        self.start, self.end = max(0.0, t - 1e-3), None
        try:
            frame = next(self.frames(), None)
        finally:
            self.start, self.end = keep
        return None if frame is None else frame.image

    def close(self) -> None:
        """Close the file; it can be called again."""
        if self._container is None:
            return
        self._end_reading()
        self._container.close()
        self._container = self._stream = None  # the threads of the decoder live as long as these

    def _end_reading(self) -> None:
        if self._reading is None:
            return
        # not only forgotten: whoever keeps it would keep the decoder's threads alive
        with suppress(ValueError):  # another thread is just in it
            self._reading.close()
        self._reading = None


def _is_damaged(picture: Any) -> bool:
    """Whether a part of a decoded frame was missing and made up by the decoder."""
    return bool(picture.is_corrupt)


def _video_of(container: Any) -> Any:
    """The video stream of an open file, with threads for its decoder where they pay."""
    stream = container.streams.video[0]
    size = stream.codec_context.width * stream.codec_context.height
    # more threads cost more in all; they pay only where the networks would wait for one alone
    stream.thread_type = "AUTO" if size > _MAX_PX_ONE_THREAD else "NONE"
    return stream


def _image_at(picture: Any, size: tuple[int, int]) -> Image:
    """A decoded frame as a picture of ``size`` (height, width), which some streams change."""
    image = image_of(picture)
    return image if image.shape[:2] == size else resized(image, size[::-1])


def resized(image: Image, size: tuple[int, int]) -> Image:
    """A picture at ``size`` (width, height) px."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def image_of(picture: Any) -> Image:
    """A decoded PyAV frame as (H, W, 3) uint8 BGR, rotated as it is to be shown."""
    # by one thread: several wait for each other where all cores are busy
    image = np.asarray(picture.to_ndarray(format="bgr24", threads=1), np.uint8)
    rotation = _ROTATIONS.get(int(getattr(picture, "rotation", 0) or 0) % 360)
    return image if rotation is None else np.asarray(cv2.rotate(image, rotation), np.uint8)
