"""The overlay video of an offline run: annotated frames in, one file out."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.realtime.arrays import Image
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.sources.files import FileSource
from moodstream.realtime.timing import StageTimer

if TYPE_CHECKING:
    from moodstream.realtime.outputs.painter import Painter
    from moodstream.realtime.outputs.video import VideoWriter


class OverlayWriter:
    """Draws annotated frames into overlay.mp4, which is opened with the first of them.

    As a context manager it finishes the file at the end of the block, and discards it where the
    block fails.

    Args:
        path: Of the file.
        source: The video whose pictures and sound they are.
        window: Seconds of the group's window, as the panel shows them.
        privacy: What may be seen of single people.
        timer: Adds up the seconds of the stages ``draw`` and ``encode``.
    """

    def __init__(
        self, path: Path, source: FileSource, window: float, privacy: Privacy, timer: StageTimer
    ) -> None:
        self._path, self._source, self._timer = path, source, timer
        self._window, self._privacy = window, privacy
        self._open = ExitStack()
        self._video: VideoWriter | None = None
        self._painter: Painter | None = None

    def __enter__(self) -> OverlayWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    @property
    def empty(self) -> bool:
        """Whether nothing was drawn, so that there is no file."""
        return self._video is None

    def draw(self, annotated: AnnotatedFrame) -> None:
        """Add the picture of a frame; frames must come in order."""
        # imported with the first of them: a run without video needs neither this nor the encoder
        from moodstream.realtime.outputs.painter import Painter

        if self._painter is None:
            self._painter = Painter(self._window, self._privacy)
        with self._timer.stage("draw"):
            picture = self._painter.paint(annotated)
        with self._timer.stage("encode"):
            if self._video is None:
                self._video = self._writer(picture, annotated.frame.t)
            self._video.write(picture, annotated.frame.t)

    def _writer(self, picture: Image, t: float) -> VideoWriter:
        from moodstream.realtime.outputs.video import VideoWriter

        info, source = self._source.info, self._source
        return self._open.enter_context(
            VideoWriter(
                self._path,
                (picture.shape[1], picture.shape[0]),
                info.fps,
                source.path if info.audio else None,
                t if source.start > 0 else 0.0,
                source.end,
            )
        )

    def close(self) -> list[str]:
        """Finish the file, if there is one; returns notes for the summary."""
        if self._video is None:
            return []
        with self._timer.stage("encode"):
            self._video.close()
        return list(self._video.notes)
