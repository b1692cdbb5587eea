"""Frames with their people and group, one after the other, from a live source or a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from moodstream.arguments import expect_numbers, settings_errors
from moodstream.frame_readers import FileFrames, LiveFrames
from moodstream.pipelines import Pair, Pipeline, networks
from moodstream.realtime.analysis.settings import stage_settings
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.privacy import Privacy
from moodstream.realtime.runs.live.stream import LiveSettings
from moodstream.realtime.runs.offline.process import ProcessSettings
from moodstream.realtime.sources.addresses import parse_source
from moodstream.realtime.sources.base import SourceSpec
from moodstream.realtime.sources.capture import CaptureSettings, Opener
from moodstream.realtime.sources.readers import open_reader
from moodstream.stream_frames import Stream

if TYPE_CHECKING:
    pass


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
    min_face: float = 10.0,
    min_confidence: float = 0.5,
    max_faces: int = 40,
    shift_threshold: float = 0.06,
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
        max_faces: Faces of a frame that count at most, the best by quality.
        shift_threshold: JSD in nats from before to after, from which a change is a mood shift.

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
    numbers: dict[str, Any] = {
        "window": window,
        "smoothing": smoothing,
        "min_face": min_face,
        "min_confidence": min_confidence,
        "max_faces": max_faces,
        "shift_threshold": shift_threshold,
    }
    expect_numbers(
        start=start,
        end=end,
        speed=speed,
        open_timeout=open_timeout,
        read_timeout=read_timeout,
        give_up=give_up,
        duration=duration,
        **numbers,
    )
    figures = stage_settings(**numbers)
    stages: dict[str, Any] = {
        "worker": figures.analysis,
        "smoothing": figures.smoothing,
        "group": figures.group,
        "privacy": privacy,
    }
    if spec.kind == "file" and not live:
        _open_once(spec)  # what is wrong with the file comes before what is wrong with the rest
        why = "for live sources only; live=True plays a file as if it were live"
        _refuse(why, loop=loop, speed=speed != 1, duration=duration is not None)
        with settings_errors():
            recorded = ProcessSettings(start=start, end=end, every_frame=every_frame, **stages)
        return _of_file(spec, pipeline, recorded)
    if live is False:
        raise MoodstreamError(f"{spec.name}: is live; expected live=True or None")
    _refuse("not for live sources", start=start != 0, end=end is not None, every_frame=every_frame)
    if spec.kind != "file":
        _refuse("for files only", loop=loop, speed=speed != 1)
    with settings_errors():
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
    begin = partial(LiveFrames, spec, models, settings, opener)
    return Stream(spec.name, begin, settings.privacy, settings.group.window)


def _of_file(spec: SourceSpec, pipeline: Pipeline | Pair, settings: ProcessSettings) -> Stream:
    """The frames of a file."""
    from moodstream.realtime.networks.engines.devices import streams_for

    models = networks(pipeline, streams_for(settings.detect_full_size))
    begin = partial(FileFrames, Path(str(spec.address)), models, settings)
    return Stream(spec.name, begin, settings.privacy, settings.group.window)


def _open_once(spec: SourceSpec) -> None:
    """Raise MoodstreamError where a file cannot be read: networks take long to load."""
    from moodstream.realtime.sources.files import open_container

    open_container(Path(str(spec.address))).close()


def _refuse(why: str, **given: bool) -> None:
    """Raise MoodstreamError where an argument was given that means nothing here."""
    wrong = [name for name, is_given in given.items() if is_given]
    if wrong:
        raise MoodstreamError(f"{' and '.join(wrong)}: {why}")
