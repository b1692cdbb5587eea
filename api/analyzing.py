"""A recorded video in, its results out."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moodstream.arguments import expect_numbers, settings_errors
from moodstream.pipelines import Pair, Pipeline, networks
from moodstream.realtime.analysis.settings import stage_settings
from moodstream.realtime.privacy import Privacy
from moodstream.results import Results

if TYPE_CHECKING:
    from moodstream.realtime.networks.models import Models
    from moodstream.realtime.runs.offline.pipeline import Progress
    from moodstream.realtime.runs.offline.process import ProcessSettings

OnProgress = Callable[[float, "float | None"], object]
"""Called with the seconds that are done and those there are in all, None where unknown."""


def analyze(
    path: str | Path,
    *,
    output: str | Path | None = None,
    overwrite: bool = False,
    video: bool | None = None,
    pipeline: Pipeline | Pair = "auto",
    start: float = 0.0,
    end: float | None = None,
    every_frame: bool = False,
    privacy: Privacy | str = Privacy.OFF,
    window: float = 5.0,
    smoothing: float = 0.5,
    min_face: float = 10.0,
    min_confidence: float = 0.5,
    max_faces: int = 40,
    shift_threshold: float = 0.06,
    progress: OnProgress | None = None,
) -> Results:
    """Analyse a video file, as ``moodstream process`` does.

    Args:
        path: A video file.
        output: A folder that keeps the files that ``process`` writes; without one they lie in a
            temporary folder that goes away with what is returned.
        overwrite: Whether results in ``output`` are replaced.
        video: Whether the video with boxes and moods is made; by default only with ``output``.
        pipeline: Networks, filters and votes: a ``Pipeline``, or the name of a pair of networks:
            ``auto``, ``embedded`` or ``hsemotion``.
        start: Seconds of media time at which to begin.
        end: Seconds of media time at which to end; None for the end of the file.
        every_frame: Whether faces are detected and classified in every frame, not ten times a
            second.
        privacy: ``off``; ``blur`` hides faces in every picture; ``group`` besides keeps nothing
            about single people, and no distribution of fewer than three.
        window: Seconds that the group distribution sums over.
        smoothing: Time constant of each person's estimate in seconds; 0 for none.
        min_face: The smaller side in px from which a face counts.
        min_confidence: The score from which a detection counts, 0 to 1.
        max_faces: Faces of a frame that count at most, the best by quality.
        shift_threshold: JSD in nats from before to after, from which a change is a mood shift.
        progress: Called now and then with the seconds done and those in all (or None).

    Returns:
        Tables, events, a chart, and where the files are.

    Raises:
        MoodstreamError: The file or a network cannot be read, or the folder not be written.

    Example:
        >>> import moodstream
        >>> from moodstream.samples.fetch import fetch
        >>> clip = fetch()["WolfgangLanger_Pexels.mp4"]
        >>> result = moodstream.analyze(clip, end=2, pipeline="embedded")
        >>> list(result.timeline["t"].head(3))
        [0.0, 0.2, 0.4]
    """
    from moodstream.realtime.networks.engines.devices import streams_for
    from moodstream.realtime.runs.offline.process import ProcessSettings
    from moodstream.realtime.sources.files import open_container

    path = Path(path)
    numbers: dict[str, Any] = {
        "window": window,
        "smoothing": smoothing,
        "min_face": min_face,
        "min_confidence": min_confidence,
        "max_faces": max_faces,
        "shift_threshold": shift_threshold,
    }
    expect_numbers(start=start, end=end, **numbers)
    figures = stage_settings(**numbers)
    privacy = Privacy.of(privacy)
    with settings_errors():
        settings = ProcessSettings(
            figures.analysis,
            figures.smoothing,
            figures.group,
            start=start,
            end=end,
            every_frame=every_frame,
            video=output is not None if video is None else video,
            overwrite=overwrite,
            privacy=privacy,
        )
    open_container(path).close()  # before the networks load, which takes longer
    loaded = networks(pipeline, streams_for(settings.detect_full_size))
    if output is not None:
        _process(path, Path(output), loaded, settings, progress)
        return Results(Path(output))
    owner = _TemporaryFolder()
    _process(path, owner.path, loaded, settings, progress)
    return Results(owner.path, owner)


class _TemporaryFolder:
    """A folder that is removed with this object, or when the program ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="moodstream-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _process(
    path: Path,
    folder: Path,
    loaded: Models,
    settings: ProcessSettings,
    progress: OnProgress | None,
) -> None:
    from moodstream.realtime.runs.offline.process import OfflineRun

    job = OfflineRun(path, folder, loaded, settings)
    last = settings.end if settings.end is not None else job.source.info.duration
    total = None if last is None else max(last - settings.start, 0.0)

    def tick(at: Progress) -> None:
        if progress is not None:
            progress(max(at.t - settings.start, 0.0), total)

    job.run(tick)
