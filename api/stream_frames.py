"""Frames of a stream as a user meets them: each with its people and the group."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from moodstream.realtime.analysis.group.shifts import MoodShift, brought_up_to_date
from moodstream.realtime.arrays import Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.outputs.painter import Painter
from moodstream.realtime.privacy import Privacy

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, repr=False)
class StreamFrame:
    """A frame with the people in it and the group at its time.

    ``stream`` yields these.

    Attributes:
        privacy: What may be shown of single people.
    """

    privacy: Privacy
    _annotated: AnnotatedFrame
    _painter: Painter

    @property
    def t(self) -> float:
        """Seconds: media time of a file, else since the stream began."""
        return self._annotated.frame.t

    @property
    def index(self) -> int:
        """The number of the frame, from 0; of a live source some are left out."""
        return self._annotated.frame.index

    @cached_property
    def image(self) -> Image:
        """The picture, (H, W, 3) uint8 BGR; its faces hidden where privacy says so."""
        picture = self._annotated.frame.image
        if not self.privacy.hides_faces:
            return picture
        from moodstream.overlays.privacy import blur_faces

        boxes = self._annotated.faces.boxes
        if self._annotated.all_boxes is not None:
            boxes = np.vstack([boxes, self._annotated.all_boxes])
        return np.asarray(blur_faces(picture, boxes), np.uint8)

    @property
    def faces(self) -> Faces:
        """The people present: boxes, probs, track_ids …; nobody where privacy is ``group``."""
        return self.privacy.view_faces(self._annotated.faces)

    @property
    def group(self) -> GroupState:
        """The group over the window: probs, dominant, entropy, people …"""
        return self._annotated.state

    @property
    def notice(self) -> str | None:
        """Why nobody is seen: ``black picture since 0:00:12.0``; None where all is well."""
        return self._annotated.banner

    @property
    def shifts(self) -> tuple[MoodShift, ...]:
        """What is new of mood shifts since the frame before: each with its ``status``."""
        return self._annotated.shifts

    @property
    def distribution(self) -> dict[str, float] | None:
        """The group's share of each emotion over the window; None where nobody counted in it."""
        shares = self.group.probs
        return None if shares is None else dict(zip(EMOTIONS, shares.tolist(), strict=True))

    def table(self) -> DataFrame:
        """A row per person, with the columns of people.parquet; NaN: unknown."""
        from moodstream.realtime.outputs.recording.rows import people_rows
        from moodstream.realtime.outputs.schemas import PEOPLE_COLUMNS
        from moodstream.tables import faces_table

        return faces_table(people_rows(self.t, self.faces), PEOPLE_COLUMNS)

    def draw(self) -> Image:
        """The picture with boxes, moods and the group panel, (H', W', 3) uint8 BGR.

        Draw frames in the order in which they come: the panel shows the last minute of those.
        """
        return self._painter.paint(self._annotated)

    def __repr__(self) -> str:
        return f"<StreamFrame at {self.t:.3f} s: {self._seen()}, dominant {self.group.dominant}>"

    def _seen(self) -> str:
        n = self.group.people if self.privacy is Privacy.GROUP else len(self.faces)
        return "1 person" if n == 1 else f"{n} people"


class Frames(Protocol):
    """The annotated frames of a source, one after the other."""

    def next(self) -> AnnotatedFrame | None:
        """Wait for the next; None at the end."""
        ...

    def close(self) -> Sequence[MoodShift]:
        """End it; returns the mood shifts that were part of no frame."""
        ...


class Stream:
    """Frames of a source, each with its people and the group; ``stream`` makes these.

    Iterate over it once. The source is opened with the first frame that is asked for and closed
    when the loop ends, whichever way; ``with`` closes it besides where an iterator is kept.

    Attributes:
        name: The source, safe to show: without a password.
        shifts: All mood shifts so far, without those withdrawn.
    """

    def __init__(
        self, name: str, begin: Callable[[], Frames], privacy: Privacy, window: float
    ) -> None:
        self.name = name
        self.shifts: list[MoodShift] = []
        self._begin, self._privacy = begin, privacy
        self._painter = Painter(window, privacy)
        self._source: Frames | None = None
        self._over = False

    def __iter__(self) -> Iterator[StreamFrame]:
        return self._frames()

    def _frames(self) -> Generator[StreamFrame, None, None]:
        if self._source is not None or self._over:
            raise MoodstreamError(f"{self.name}: a stream can be iterated over only once")
        self._source = self._begin()
        try:
            while not self._over and (frame := self._source.next()) is not None:
                self.shifts = brought_up_to_date(self.shifts, frame.shifts)
                yield StreamFrame(self._privacy, frame, self._painter)
        finally:
            self.close()

    def close(self) -> None:
        """Close the source and end every thread; does nothing the second time."""
        self._over = True
        source, self._source = self._source, None
        if source is not None:
            self.shifts = brought_up_to_date(self.shifts, source.close())

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
