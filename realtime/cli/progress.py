"""Progress bars of the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moodstream.realtime.progress import ProgressCallback

if TYPE_CHECKING:
    from moodstream.realtime.runs.offline.pipeline import Progress
    from moodstream.realtime.runs.offline.process import OfflineRun


_MIN_FOR_A_RATE_S = 0.5
_MIN_SPAN_S = 0.1  # of a video that has no end, or none after its start


@contextmanager
def progress(show: bool) -> Iterator[ProgressCallback]:
    """A progress bar for each stage on a terminal; none in a pipe.

    Args:
        show: False for none at all.
    """
    if not show or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def on_progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    bar.remove_task(task)
                tasks.clear()
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield on_progress


@contextmanager
def video_progress(job: OfflineRun, show: bool) -> Iterator[Callable[[Progress], None]]:
    """A progress bar with frames/s and time left on a terminal; none in a pipe.

    Args:
        job: The run that reports its progress.
        show: False for none at all.
    """
    if not show or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    info, source = job.source.info, job.source
    end = source.end if source.end is not None else info.duration
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        total = None if end is None else max(end - source.start, _MIN_SPAN_S)
        task = bar.add_task(info.name, total=total, rate="")

        def on_progress(progress: Progress) -> None:
            took = bar.tasks[task].elapsed or 0.0
            rate = f"{progress.frames / took:.0f} frames/s" if took > _MIN_FOR_A_RATE_S else ""
            bar.update(task, completed=progress.t - source.start, rate=rate)

        yield on_progress
