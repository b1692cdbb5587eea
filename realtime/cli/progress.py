"""Progress bars of the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moodstream.realtime.progress import ProgressCallback
from moodstream.realtime.runs.offline.pipeline import Progress
from moodstream.realtime.runs.offline.process import OfflineRun


@contextmanager
def progress(show: bool) -> Iterator[ProgressCallback]:
    """A bar for each stage on a terminal; silent in a pipe."""
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
    """A bar with frames/s and time left on a terminal; silent in a pipe."""
    if not show or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    info, source = job.source.info, job.source
    last = source.end if source.end is not None else info.duration
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        total = None if last is None else max(last - source.start, 0.1)
        task = bar.add_task(info.name, total=total, rate="")

        def on_progress(progress: Progress) -> None:
            took = bar.tasks[task].elapsed or 0.0
            rate = f"{progress.frames / took:.0f} frames/s" if took > 0.5 else ""
            bar.update(task, completed=progress.t - source.start, rate=rate)

        yield on_progress
