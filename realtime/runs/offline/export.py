"""A recording exported to the same files that `moodstream process` writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from moodstream.realtime.analysis.group.aggregator import GroupSettings
from moodstream.realtime.analysis.group.timeline import ROW_INTERVAL_S
from moodstream.realtime.errors import MoodstreamError
from moodstream.realtime.outputs import layout
from moodstream.realtime.outputs.folders import (
    clean_up,
    file_names,
    finished,
    prepare_folder,
    write_json,
    writing,
)
from moodstream.realtime.outputs.layout import STORE
from moodstream.realtime.outputs.recording.store_reader import StoreReader
from moodstream.realtime.outputs.recording.writer import TimelineWriter
from moodstream.realtime.outputs.report import formatting
from moodstream.realtime.outputs.report import summary as summaries
from moodstream.realtime.outputs.report.parts import mood_by_part
from moodstream.realtime.outputs.schemas import Gap, RecordingSummary, StoreMeta

OUTPUTS = (
    layout.TIMELINE,
    layout.TIMELINE_CSV,
    layout.PEOPLE,
    layout.EVENTS,
    layout.GAPS,
    layout.REPORT,
    layout.SUMMARY,
)


def find_store(path: Path) -> Path:
    """The store in a folder, or the file itself.

    Raises:
        MoodstreamError: The folder holds none.
    """
    store = path / STORE if path.is_dir() else path
    if path.is_dir() and not store.is_file():
        raise MoodstreamError(f"{path}: holds no recording (no {STORE} in it)")
    return store


def folders(sources: Sequence[str], out: Path) -> list[Path]:
    """Where each source's files go: ``out`` for one, subfolders by name for several."""
    if len(sources) == 1:
        return [out]
    return [out / name for name in file_names(sources)]


def export(
    path: Path, out: Path | None = None, overwrite: bool = False
) -> list[tuple[Path, RecordingSummary]]:
    """Write the files of every source of a recording, also while it goes on.

    Args:
        path: A folder with a store, or the store.
        out: Where the files go; None for ``export`` beside the store.
        overwrite: Whether earlier files may be replaced.

    Returns:
        The folder and the summary of each source.

    Raises:
        MoodstreamError: It is no recording, or the files cannot be written or are there already.
    """
    store = find_store(path)
    out = store.parent / layout.EXPORT if out is None else out
    with StoreReader(store) as reader:
        if not reader.sources:
            raise MoodstreamError(f"{store}: has no sources")
        return [
            (folder, _export_source(reader, source, folder, overwrite))
            for source, folder in enumerate(folders(reader.sources, out))
        ]


def _export_source(
    reader: StoreReader, source: int, folder: Path, overwrite: bool
) -> RecordingSummary:
    new = prepare_folder(folder, OUTPUTS, overwrite)
    try:
        with writing(folder):
            with TimelineWriter(folder, reader.individuals) as rows:
                first, last = _copy(reader, source, rows)
            gaps = list(reader.gaps(source))
            write_json(folder / layout.GAPS, gaps)
            summary = _summary(reader, source, folder, rows, first, last, gaps)
            write_json(folder / layout.SUMMARY, summary)
            _report(folder)
            if not reader.individuals:  # what an earlier export left there
                (folder / layout.PEOPLE).unlink(missing_ok=True)
    except BaseException:
        clean_up(folder, OUTPUTS, new)
        raise
    return summary


def _copy(reader: StoreReader, source: int, rows: TimelineWriter) -> tuple[float, float]:
    """Copy rows and mood shifts; returns the times at which the rows begin and end."""
    first = last = None
    for row, people in reader.steps(source):
        first = row["t"] if first is None else first
        last = row["t"] + ROW_INTERVAL_S
        rows.add(row, people)
    rows.events.extend(reader.events(source))
    return first or 0.0, last or 0.0


def _summary(
    reader: StoreReader,
    source: int,
    folder: Path,
    rows: TimelineWriter,
    first: float,
    last: float,
    gaps: list[Gap],
) -> RecordingSummary:
    meta, events = reader.meta, rows.events
    people = rows.people if reader.individuals else None
    settings = meta.get("settings") or {}
    window = (settings.get("group") or {}).get("window", GroupSettings().window)
    end = max([last, *(gap["end"] for gap in gaps)])
    return {
        "source": {"name": reader.sources[source]},
        "counts": {
            "seconds": round(end - first, 3),
            "rows": rows.rows,
            "people": people,
            "people_at_once": rows.people_at_once,
            "gaps": len(gaps),
            "gap_seconds": round(_covered(gaps), 3),
        },
        "mood": {
            "parts": mood_by_part(folder, events, window, last),
            "shifts": len(events),
            "biggest_shift": max(events, key=lambda e: e["size"], default=None),
            **summaries.mean_extras(folder),
        },
        "notes": _notes(meta, rows, people, end, gaps),
        "interrupted": "ended" not in meta,
        "started": meta.get("started"),
        "ended": meta.get("ended"),
        "settings": settings,
        "models": meta.get("models"),
        "notice": meta.get("notice"),
        "live": meta.get("summary"),
        "versions": meta.get("versions"),
    }


def _covered(gaps: list[Gap]) -> float:
    """Seconds in any of the gaps, which may overlap."""
    total, until = 0.0, -math.inf
    for gap in sorted(gaps, key=lambda gap: gap["start"]):
        total += max(0.0, gap["end"] - max(gap["start"], until))
        until = max(until, gap["end"])
    return total


def _notes(
    meta: StoreMeta, rows: TimelineWriter, people: int | None, end: float, gaps: list[Gap]
) -> list[str]:
    clock, notes = formatting.clock, []
    if "ended" not in meta:
        notes.append(f"the recording has no proper end (or still runs): it stops at {clock(end)}")
    if meta.get("lost"):
        lost = formatting.counted(meta["lost"], "row is", "rows are")
        notes.append(f"{lost} missing: the disk was full or too slow")
    if gaps:
        longest = max(gaps, key=lambda gap: gap["end"] - gap["start"])
        notes.append(
            f"nothing was seen for {formatting.duration(_covered(gaps))}; the longest gap, "
            f"{clock(longest['start'])}–{clock(longest['end'])}: {longest['reason']}"
        )
    return notes + summaries.people_notes(people, rows.people_at_once)


def _report(folder: Path) -> None:
    from moodstream.realtime.outputs.report.page import write_report

    with finished(folder / layout.REPORT) as part:
        write_report(folder, part, [])
