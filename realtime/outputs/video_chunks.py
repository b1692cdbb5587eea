"""Overlay video of a live stream, in chunks that a killed process leaves playable."""

from __future__ import annotations

import logging
import queue
import re
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from moodstream.realtime.arrays import Image
from moodstream.realtime.threads import OwnedThread

logger = logging.getLogger(__name__)

_MAX_WAITING = 3  # pictures
_POLL_S = 0.1
_CLOSE_TIMEOUT_S = 3.0
_KEY_INTERVAL_S = 1.0  # a player needs a key frame to begin, a killed file ends at its last
_MAX_BREAK_S = 10.0
# a fragment is complete in itself, so a file that is cut off plays up to there
_FRAGMENTED = {"movflags": "+frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}

# frames that refer to later ones would shift the time stamps of a file written in one go
_LIVE = {"preset": "superfast", "bf": "0"}


class _Chunk:
    """One file of pictures of one size."""

    def __init__(self, path: Path, size: tuple[int, int], start: float) -> None:
        import cv2  # noqa: F401  # isort: skip  (before av)
        import av  # isort: skip

        from moodstream.realtime.outputs.video import add_h264

        self.size, self.start, self.last = size, start, start
        self._key = start
        self._container = av.open(str(path), "w", format="mp4", options=_FRAGMENTED)
        self._container.metadata["comment"] = f"begins at {start:.3f} s of the stream"
        self._video: Any = add_h264(self._container, size, None, **_LIVE)

    def write(self, image: Image, t: float) -> None:
        from moodstream.realtime.outputs.video import timed_picture

        key = t >= self._key
        if key:
            self._key = t + _KEY_INTERVAL_S
        self._container.mux(self._video.encode(timed_picture(image, t - self.start, key)))
        self.last = t

    def close(self) -> None:
        try:
            self._container.mux(self._video.encode(None))
        finally:
            self._container.close()


class ChunkedVideo:
    """Writes pictures to STEM-0001.mp4, STEM-0002.mp4, … in a folder, on a thread of its own.

    A new chunk begins every ``chunk_seconds``, where the size of the pictures changes, and after
    a break of more than 10 s; numbers go on after the chunks that are there. A killed process
    leaves playable files that lack the last second or two. Leaving its context closes it.

    Args:
        folder: Where the files go; it must be there.
        stem: STEM.
        chunk_seconds: The length of a chunk.

    Attributes:
        dropped: Pictures that came faster than they could be encoded.
        problem: One line once writing has failed; from then on nothing is written.
        path: The newest chunk.
    """

    def __init__(self, folder: Path, stem: str, chunk_seconds: float = 300.0) -> None:
        self.folder, self.stem = folder, stem
        self.dropped = 0
        self.problem: str | None = None
        self.path: Path | None = None
        self._seconds = chunk_seconds
        self._waiting: queue.Queue[tuple[Image, float]] = queue.Queue(_MAX_WAITING)
        self._stop = threading.Event()
        self._chunk: _Chunk | None = None
        self._thread = OwnedThread(self._run, f"video {stem}", self._on_error)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether the next picture would be dropped."""
        return self._waiting.full()

    def offer(self, image: Image, t: float) -> None:
        """Take the picture of ``t`` stream seconds, (H, W, 3) uint8 BGR, if there is room.

        Never waits. The picture must not be changed afterwards.
        """
        if self.problem is not None or self._stop.is_set():
            return
        try:
            self._waiting.put_nowait((image, t))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what is waiting and finish the file; returns within 3 s."""
        self._stop.set()
        if not self._thread.join(_CLOSE_TIMEOUT_S) and self.problem is None:
            self.problem = f"{self.folder}: the disk does not answer"

    def __enter__(self) -> ChunkedVideo:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while (item := self._next()) is not None:
            self._write(*item)
        if self._chunk is not None:
            self._chunk.close()
        self._chunk = None

    def _on_error(self, error: BaseException) -> None:
        """Report what has failed, and close the file that was being written."""
        import av

        self.problem = f"{self.path or self.folder}: video cannot be written ({error})"
        logger.warning("%s", self.problem)
        chunk, self._chunk = self._chunk, None
        if chunk is not None:
            with suppress(av.error.FFmpegError, OSError):  # the first error is the one to report
                chunk.close()

    def _next(self) -> tuple[Image, float] | None:
        """The next picture; None when all are written after ``close``."""
        while True:
            ending = self._stop.is_set()
            try:
                return self._waiting.get(timeout=0 if ending else _POLL_S)
            except queue.Empty:
                if ending:
                    return None

    def _write(self, image: Image, t: float) -> None:
        height, width = (side // 2 * 2 for side in image.shape[:2])  # H.264 asks for even sides
        chunk = self._chunk
        if chunk is not None and chunk.last >= t > chunk.last - _MAX_BREAK_S:
            return  # shown twice
        if chunk is None or self._is_over(chunk, (width, height), t):
            if chunk is not None:
                self._chunk = None
                chunk.close()
            self.path = self.folder / f"{self.stem}-{self._number():04d}.mp4"
            self._chunk = chunk = _Chunk(self.path, (width, height), t)
        chunk.write(np.ascontiguousarray(image[:height, :width]), t)

    def _is_over(self, chunk: _Chunk, size: tuple[int, int], t: float) -> bool:
        return (
            size != chunk.size
            or t - chunk.start >= self._seconds
            or abs(t - chunk.last) > _MAX_BREAK_S
        )

    def _number(self) -> int:
        name = re.compile(re.escape(self.stem) + r"-(\d{4,})\.mp4")
        found = (name.fullmatch(path.name) for path in self.folder.iterdir())
        return 1 + max((int(match[1]) for match in found if match), default=0)
