"""The results of an analysis: tables, events, a chart, and the files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import finished, prepare_folder, read_json, writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from moodstream.realtime.outputs.schemas import ShiftEvent

_REQUIRED = (layout.TIMELINE, layout.EVENTS, layout.SUMMARY)


class Results:
    """The results of an analysis, read from its folder with the first use.

    ``analyze`` and ``open_results`` make these.

    Attributes:
        folder: Where the files are; a temporary folder that goes away with this object, unless
            ``analyze`` was given another one.
        summary: Source, counts, moods, settings, networks and versions: summary.json.

    Example:
        >>> import moodstream
        >>> from moodstream.samples.fetch import fetch
        >>> clip = fetch()["WolfgangLanger_Pexels.mp4"]
        >>> result = moodstream.analyze(clip, end=2, pipeline="embedded")
        >>> int(result.timeline["people"].max())
        1
    """

    def __init__(self, folder: Path, owner: Any = None) -> None:
        """``owner`` is kept as long as this, such as what removes the folder in the end."""
        self.folder = folder
        self._owner = owner
        if not folder.is_dir():
            fault = "is a file, not a folder of results" if folder.exists() else "no such folder"
            raise MoodstreamError(f"{folder}: {fault}")
        missing = [name for name in _REQUIRED if not (folder / name).is_file()]
        if missing:
            raise MoodstreamError(
                f"{folder}: holds no results of `moodstream process` or `export` "
                f"({missing[0]} is missing)"
            )
        self.summary: dict[str, Any] = read_json(folder / layout.SUMMARY)

    @cached_property
    def timeline(self) -> DataFrame:
        """The group, a row per 0.2 s of media time; the columns of timeline.csv, NaN: unknown."""
        from moodstream.realtime.outputs.schemas import TIMELINE_COLUMNS

        # results of an older moodstream lack some
        return _table(self.folder / layout.TIMELINE).reindex(columns=list(TIMELINE_COLUMNS))

    @cached_property
    def people(self) -> DataFrame:
        """The people, a row each per 0.2 s; without rows where ``privacy`` was ``group``."""
        from moodstream.realtime.outputs.schemas import PEOPLE_COLUMNS

        path = self.folder / layout.PEOPLE
        return _table(path) if path.is_file() else _frame([], PEOPLE_COLUMNS)

    @cached_property
    def events(self) -> DataFrame:
        """The mood shifts: a row each, with the keys of events.json."""
        from moodstream.realtime.outputs.schemas import ShiftEvent

        return _frame(self._events(), tuple(ShiftEvent.__annotations__))

    def _events(self) -> list[ShiftEvent]:
        events: list[ShiftEvent] = read_json(self.folder / layout.EVENTS)
        return events

    @property
    def report(self) -> Path | None:
        """The page that shows all of it offline, where there is one."""
        return self._file(layout.REPORT)

    @property
    def video(self) -> Path | None:
        """The video with boxes, moods and the group panel, where it was asked for."""
        return self._file(layout.OVERLAY)

    def _file(self, name: str) -> Path | None:
        path = self.folder / name
        return path if path.is_file() else None

    def plot(self) -> Figure:
        """The group over time: its distribution, diversity and people, with the mood shifts.

        Returns:
            A figure of matplotlib; ``figure.savefig("mood.png")`` keeps it.
        """
        from moodstream.plots import timeline_figure
        from moodstream.realtime.outputs.report.data import Timeline

        line = Timeline.read(self.folder / layout.TIMELINE)
        return timeline_figure(line, self._events())

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Copy the files to a folder of yours, as ``moodstream process -o`` writes them.

        Args:
            folder: Where to; it is made where it is not there.
            overwrite: Whether results that are there already are replaced.

        Returns:
            The folder.

        Raises:
            MoodstreamError: It cannot be written, or holds results and ``overwrite`` is False.
        """
        from moodstream.realtime.runs.offline.process import OUTPUTS

        folder = Path(folder)
        if folder.exists() and folder.resolve() == self.folder.resolve():
            return folder
        prepare_folder(folder, OUTPUTS, overwrite)
        with writing(folder):
            for name in OUTPUTS:
                here = self._file(name)
                if here is None:
                    (folder / name).unlink(missing_ok=True)  # of an earlier run
                    continue
                with finished(folder / name) as part:
                    shutil.copyfile(here, part)
        return folder

    def __str__(self) -> str:
        """People, duration, mood, shifts and speed, in five lines, and a notice if there is one."""
        from moodstream.realtime.outputs.report.summary import terminal_summary
        from moodstream.realtime.outputs.schemas import Summary

        lines = terminal_summary(cast(Summary, self.summary))
        notice = self.summary.get("notice")
        return "\n".join([*lines, f"Notice      {notice}"] if notice else lines)

    def __repr__(self) -> str:
        name = self.summary.get("source", {}).get("name", "unnamed source")
        return f"<Results of {name}: {len(self.timeline)} steps, {len(self.events)} events>"


def open_results(folder: str | Path) -> Results:
    """The results in a folder that ``analyze``, ``moodstream process`` or ``export`` wrote.

    Args:
        folder: Where timeline.parquet, events.json and summary.json are.

    Returns:
        The same as ``analyze`` returned; the folder stays as it is.

    Raises:
        MoodstreamError: There are no results in it, or they cannot be read.

    Example:
        >>> import moodstream
        >>> moodstream.open_results("nowhere")
        Traceback (most recent call last):
        moodstream.MoodstreamError: nowhere: no such folder
    """
    return Results(Path(folder))


def _table(path: Path) -> DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise MoodstreamError(f"{path}: cannot be read ({error})") from error


def _frame(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns))
