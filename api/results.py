"""What an analysis found: tables, events, a chart, and the files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from moodstream.realtime.errors import MoodstreamError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

_EVENT_COLUMNS = ("t", "from", "to", "size", "noticed")
_NEEDED = ("timeline.parquet", "events.json", "summary.json")


class Results:
    """What an analysis found, read from its folder when it is asked for.

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
        >>> result.timeline["people"].max()
        1
    """

    def __init__(self, folder: Path, owner: Any = None) -> None:
        """``owner`` is kept as long as this, such as what removes the folder in the end."""
        self.folder = folder
        self._owner = owner
        missing = [name for name in _NEEDED if not (folder / name).is_file()]
        if missing:
            raise MoodstreamError(
                f"{folder}: holds no results of `moodstream process` or `export` "
                f"({missing[0]} is missing)"
            )
        self.summary: dict[str, Any] = _json(folder / "summary.json")

    @cached_property
    def timeline(self) -> DataFrame:
        """The group, a row per 0.2 s of media time; the columns of timeline.csv, NaN: unknown."""
        return _table(self.folder / "timeline.parquet")

    @cached_property
    def people(self) -> DataFrame:
        """The people, a row each per 0.2 s; without rows where ``privacy`` was ``group``."""
        from moodstream.realtime.outputs.schemas import PEOPLE_COLUMNS

        path = self.folder / "people.parquet"
        return _table(path) if path.is_file() else _frame([], PEOPLE_COLUMNS)

    @cached_property
    def events(self) -> DataFrame:
        """The mood shifts: ``t``, ``from``, ``to``, ``size`` (JSD in nats), ``noticed``."""
        return _frame(_json(self.folder / "events.json"), _EVENT_COLUMNS)

    @property
    def report(self) -> Path | None:
        """The page that shows all of it without a network, where there is one."""
        return self._file("report.html")

    @property
    def video(self) -> Path | None:
        """The video with boxes, moods and the group panel, where it was asked for."""
        return self._file("overlay.mp4")

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

        line = Timeline.read(self.folder / "timeline.parquet")
        return timeline_figure(line, _json(self.folder / "events.json"))

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Copy the files to a folder of yours, as ``moodstream process -o`` writes them.

        Args:
            folder: Where to; it is made where it is not there.
            overwrite: Replace results that are there already.

        Returns:
            The folder.

        Raises:
            MoodstreamError: It cannot be written, or holds results and ``overwrite`` is False.
        """
        from moodstream.realtime.outputs.folders import finished, prepare_folder, writing
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
        """People, duration, mood, shifts and speed, in five lines."""
        from moodstream.realtime.outputs.report.summary import terminal_summary
        from moodstream.realtime.outputs.schemas import Summary

        return "\n".join(terminal_summary(cast(Summary, self.summary)))

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
        moodstream.MoodstreamError: nowhere: holds no results ...
    """
    return Results(Path(folder))


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MoodstreamError(f"{path}: cannot be read ({error})") from error


def _table(path: Path) -> DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise MoodstreamError(f"{path}: cannot be read ({error})") from error


def _frame(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns))
