"""Frames with their people and group, one after the other, from a live source or a file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from moodstream.pipelines import Pair, Pipeline, networks
from moodstream.realtime.analysis.group.aggregator import GroupAggregator
from moodstream.realtime.analysis.group.shifts import MoodShift
from moodstream.realtime.analysis.settings import Aggregation, stage_settings
from moodstream.realtime.arrays import Image
from moodstream.realtime.emotions import EMOTIONS
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.frames import Faces, GroupState
from moodstream.realtime.networks.load import check_networks
from moodstream.realtime.outputs.annotated_frame import AnnotatedFrame
from moodstream.realtime.outputs.painter import Painter
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.annotate import black_picture
from moodstream.realtime.runs.live.session import LiveSession
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.runs.offline.process import ProcessSettings
from moodstream.realtime.sources.addresses import parse_source
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import CaptureSettings, Opener
from moodstream.realtime.sources.readers import open_reader

if TYPE_CHECKING:
    from pandas import DataFrame

    from moodstream.realtime.networks.models import Models
    from moodstream.realtime.runs.live.snapshot import Snapshot

_TICK_S = 0.25  # between two checks of a session while nothing comes


@dataclass(frozen=True)
class StreamFrame:
    """A frame with the people in it and the group at its time.

    ``stream`` yields these.

    Attributes:
        privacy: What may be shown of single people.
    """

    privacy: Privacy
    _annotated: AnnotatedFrame = field(repr=False)
    _painter: Painter = field(repr=False)

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
        """The mood shifts that were detected since the frame before this one."""
        return self._annotated.shifts

    @property
    def distribution(self) -> dict[str, float] | None:
        """The group's share of each emotion over the window; None where nobody counted in it."""
        shares = self.group.probs
        return None if shares is None else dict(zip(EMOTIONS, shares.tolist(), strict=True))

    def table(self) -> DataFrame:
        """A row per person, with the columns of people.parquet."""
        import pandas as pd

        from moodstream.realtime.outputs.recording.rows import people_rows
        from moodstream.realtime.outputs.schemas import PEOPLE_COLUMNS

        return pd.DataFrame(list(people_rows(self.t, self.faces)), columns=list(PEOPLE_COLUMNS))

    def draw(self) -> Image:
        """The picture with boxes, moods and the group panel, (H', W', 3) uint8 BGR.

        Draw frames in the order in which they come: the panel shows the last minute of those.
        """
        return self._painter.paint(self._annotated)


class Stream:
    """Frames of a source, each with its people and the group; ``stream`` makes these.

    Iterate over it once. The source is opened with the first frame that is asked for and closed
    when the loop ends, whichever way; ``with`` closes it besides where an iterator is kept.

    Attributes:
        name: The source, safe to show: without a password.
        shifts: All mood shifts so far.
    """

    def __init__(
        self, name: str, begin: Callable[[], _Frames], privacy: Privacy, window: float
    ) -> None:
        self.name = name
        self.shifts: list[MoodShift] = []
        self._begin, self._privacy = begin, privacy
        self._painter = Painter(window, privacy)
        self._source: _Frames | None = None
        self._over = False

    def __iter__(self) -> Iterator[StreamFrame]:
        return self._frames()

    def _frames(self) -> Generator[StreamFrame, None, None]:
        if self._source is not None or self._over:
            raise MoodstreamError(f"{self.name}: a stream can be iterated over only once")
        self._source = self._begin()
        try:
            while not self._over and (frame := self._source.next()) is not None:
                self.shifts += frame.shifts
                yield StreamFrame(self._privacy, frame, self._painter)
        finally:
            self.close()

    def close(self) -> None:
        """Close the source and end every thread; does nothing the second time."""
        self._over = True
        source, self._source = self._source, None
        if source is not None:
            self.shifts += source.close()

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Frames(Protocol):
    """The annotated frames of a source, one after the other."""

    def next(self) -> AnnotatedFrame | None:
        """Wait for the next; None at the end."""
        ...

    def close(self) -> Sequence[MoodShift]:
        """End it; returns the mood shifts that were part of no frame."""
        ...


class _ShiftCollector:
    """Collects mood shifts from whichever thread detects them, and drops all else."""

    def __init__(self) -> None:
        self._shifts: list[MoodShift] = []
        self._lock = threading.Lock()

    def write(self, t: float, state: GroupState, faces: Faces) -> None:
        """Rows are not kept."""

    def gap(self, start: float, end: float, reason: str) -> None:
        """Gaps are not kept."""

    def event(self, shift: MoodShift) -> None:
        with self._lock:
            self._shifts.append(shift)

    def take(self) -> tuple[MoodShift, ...]:
        with self._lock:
            taken, self._shifts = tuple(self._shifts), []
            return taken


class _FileFrames:
    """Every frame of a file in its order, as fast as they are asked for."""

    def __init__(self, path: Path, models: Models, settings: ProcessSettings) -> None:
        from moodstream.realtime.runs.offline.pipeline import Pipeline as OfflinePipeline
        from moodstream.realtime.runs.offline.process import analyzer_for
        from moodstream.realtime.sources.files import FileSource

        group = replace(settings.group, prior=models.prior)
        self._shifts = _ShiftCollector()
        self._source = FileSource(path, settings.start, settings.end)
        self._pipeline = OfflinePipeline(
            analyzer_for(self._source.info, models, settings),
            GroupAggregator(group),
            self._shifts,
            view=settings.privacy.view,
        )
        self._frames = self._pipeline.annotated(self._source.frames())

    def next(self) -> AnnotatedFrame | None:
        frame = next(self._frames, None)
        return None if frame is None else replace(frame, shifts=self._shifts.take())

    def close(self) -> Sequence[MoodShift]:
        self._frames.close()
        self._source.close()
        self._pipeline.timeline.finish()
        return self._shifts.take()


class _LiveFrames:
    """The newest analysed frame of a live source; those between two calls are left out."""

    def __init__(
        self, spec: SourceSpec, models: Models, settings: LiveSettings, opener: Opener
    ) -> None:
        check_networks(models)
        self._hides = settings.privacy.hides_faces
        self._shifts = _ShiftCollector()
        self._changed = threading.Condition()
        self._newest: Snapshot | None = None
        self._over = False
        self._session = LiveSession(
            [spec],
            models,
            settings,
            record=lambda source: self._shifts,
            opener=opener,
            analysed=self._take,
        )
        self._session.start()

    def _take(self, source: int, snapshot: Snapshot) -> None:
        if self._hides and not snapshot.detected and snapshot.black_since is None:
            return  # a face that has just come would not be hidden
        with self._changed:
            self._newest = snapshot
            self._changed.notify_all()

    def _waited(self, seconds: float) -> Snapshot | None:
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None, seconds)
            newest, self._newest = self._newest, None
            return newest

    def next(self) -> AnnotatedFrame | None:
        while not self._over:
            snapshot = self._waited(_TICK_S)
            if not self._session.tick():
                self._over = True
                self._session.stop()
                snapshot = snapshot or self._waited(0.0)  # of the step that was going on
            if snapshot is not None:
                return self._annotated(snapshot)
        self._raise_unless_over()
        return None

    def _annotated(self, snapshot: Snapshot) -> AnnotatedFrame:
        shifts = self._shifts.take()
        if snapshot.black_since is not None:
            black = black_picture(snapshot.frame, snapshot.black_since, self._hides)
            return replace(black, shifts=shifts)
        return AnnotatedFrame(
            snapshot.frame, snapshot.faces, snapshot.state, shifts, snapshot.all_boxes
        )

    def _raise_unless_over(self) -> None:
        stream = self._session.streams[0]
        if self._session.reason == "failed":
            raise MoodstreamError(stream.capture.state().detail or f"{stream.spec.name}: failed")
        if self._session.reason == "gave up":
            limit = self._session.settings.give_up
            raise MoodstreamError(f"{stream.spec.name}: no signal for {limit:g} s")

    def close(self) -> Sequence[MoodShift]:
        self._over = True
        self._session.end("quit")
        self._session.stop()
        return self._shifts.take()


def stream(
    source: int | str | Path,
    *,
    live: bool | None = None,
    pipeline: Pipeline | Pair = "auto",
    start: float = 0.0,
    end: float | None = None,
    every_frame: bool = False,
    loop: bool = False,
    speed: float = 1.0,
    rtsp_transport: Literal["tcp", "udp"] = "tcp",
    open_timeout: float = 5.0,
    read_timeout: float = 5.0,
    give_up: float | None = None,
    duration: float | None = None,
    privacy: Privacy | str = Privacy.OFF,
    window: float = 5.0,
    smoothing: float = 0.5,
    min_face: float = 16.0,
    min_confidence: float = 0.5,
    max_faces: int = 40,
    shift_threshold: float = 0.10,
    aggregation: Aggregation = "em",
) -> Stream:
    """Iterate over the frames of a camera, an address or a file, each with its people and group.

    Of a live source the newest frame that was analysed is yielded; those that came while your
    code was busy are left out. While a camera sends black pictures, its frames have nobody in
    them and a ``notice``. Of a file every frame comes, as fast as you take them.

    Args:
        source: A camera's number or device, an address (``rtsp://…``, ``http://…``), or a file.
        live: Whether a file is played at its own pace, like a camera; cameras and addresses are
            always live.
        pipeline: Networks, filters and votes: a ``Pipeline``, or the name of a pair of networks:
            ``auto``, ``embedded`` or ``hsemotion``.
        start: Seconds of a file at which to begin; not for live ones.
        end: Seconds of a file at which to end; not for live ones.
        every_frame: Whether faces are detected and classified in every frame of a file; not for
            live ones.
        loop: Whether a live file is played again and again.
        speed: How many times faster a live file is played.
        rtsp_transport: ``tcp`` or ``udp``.
        open_timeout: Seconds until a source that does not open counts as gone.
        read_timeout: Seconds until a silent source counts as gone.
        give_up: Seconds without a signal after which MoodstreamError is raised; None: it is
            opened again until it is back.
        duration: Seconds after which a live stream ends; None for never.
        privacy: ``off``; ``blur`` hides faces in ``image``; ``group`` besides yields nothing
            about single people, and no distribution of fewer than three.
        window: Seconds that the group distribution sums over.
        smoothing: Time constant of each person's estimate in seconds; 0 for none.
        min_face: The smaller side in px from which a face counts.
        min_confidence: The score from which a detection counts, 0 to 1.
        max_faces: Faces of a frame that count at most, the best detections.
        shift_threshold: JSD in nats between neighbouring windows at which a mood shift begins.
        aggregation: How people are summed up: ``em`` or ``mean``, see ``analyze``.

    Returns:
        An iterable of ``StreamFrame``, and a context manager that closes it.

    Raises:
        MoodstreamError: The source or a network is not available; also while iterating, where a
            source turns out to be unreadable.

    Example:
        >>> import moodstream
        >>> from moodstream.samples.fetch import fetch
        >>> clip = fetch()["WolfgangLanger_Pexels.mp4"]
        >>> for frame in moodstream.stream(clip, end=1, pipeline="embedded"):
        ...     people = len(frame.faces)
        >>> people
        1
    """
    privacy = Privacy.of(privacy)
    spec = parse_source(str(source))
    figures = stage_settings(
        window=window,
        smoothing=smoothing,
        min_face=min_face,
        min_confidence=min_confidence,
        max_faces=max_faces,
        shift_threshold=shift_threshold,
        aggregation=aggregation,
    )
    stages: dict[str, Any] = {
        "worker": figures.analysis,
        "smoothing": figures.smoothing,
        "group": figures.group,
        "privacy": privacy,
    }
    if spec.kind == "file" and not live:
        _refuse("for live sources only", loop=loop, speed=speed != 1, duration=duration is not None)
        with _settings_errors():
            recorded = ProcessSettings(start=start, end=end, every_frame=every_frame, **stages)
        return _of_file(spec, pipeline, recorded)
    if live is False:
        raise MoodstreamError(f"{spec.name}: is live; expected live=True or None")
    _refuse("not for live sources", start=start != 0, end=end is not None, every_frame=every_frame)
    if spec.kind != "file":
        _refuse("for files only", loop=loop, speed=speed != 1)
    with _settings_errors():
        capture = CaptureSettings(
            open_timeout=open_timeout,
            read_timeout=read_timeout,
            transport=rtsp_transport,
            loop=loop,
            speed=speed,
        )
        settings = LiveSettings(capture=capture, give_up=give_up, duration=duration, **stages)
    return live_stream(spec, pipeline, settings)


def live_stream(
    spec: SourceSpec,
    pipeline: Pipeline | Pair,
    settings: LiveSettings,
    opener: Opener = open_reader,
) -> Stream:
    """The frames of a live source.

    Args:
        spec: The source.
        pipeline: Networks, filters and votes, as ``stream`` takes them.
        settings: All else.
        opener: Opens the source, such as a ``ScriptedSource``.
    """
    models = networks(pipeline)
    begin = partial(_LiveFrames, spec, models, settings, opener)
    return Stream(spec.name, begin, settings.privacy, settings.group.window)


def _of_file(spec: SourceSpec, pipeline: Pipeline | Pair, settings: ProcessSettings) -> Stream:
    """The frames of a file."""
    from moodstream.realtime.networks.engines.devices import streams_for
    from moodstream.realtime.sources.files import open_container

    path = Path(str(spec.address))
    open_container(path).close()  # before the networks load, which takes longer
    models = networks(pipeline, streams_for(settings.detect_full_size))
    begin = partial(_FileFrames, path, models, settings)
    return Stream(spec.name, begin, settings.privacy, settings.group.window)


@contextmanager
def _settings_errors() -> Iterator[None]:
    """Converts the errors of settings that are out of range to MoodstreamError."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise MoodstreamError(str(error)) from None


def _refuse(why: str, **given: bool) -> None:
    """Raise MoodstreamError where an argument was given that means nothing here."""
    wrong = [name for name, is_given in given.items() if is_given]
    if wrong:
        raise MoodstreamError(f"{' and '.join(wrong)}: {why}")
