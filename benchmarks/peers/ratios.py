"""From the runs to the tables: medians, and ratios of runs that lay side by side."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contenders import Contender


@dataclass(frozen=True)
class Measured:
    """One run of a contender over the clip.

    round: which round of the benchmark; beside: the peer that it ran next to, its own name for a
    peer; cpu_seconds: of all its threads; others: cores that other programs of the machine used
    meanwhile, None where unknown.
    """

    name: str
    round: int
    beside: str
    frames: int
    looks: int
    faces: int
    wall_seconds: float
    cpu_seconds: float
    others: float | None = None
    more: dict[str, Any] | None = None

    @property
    def frames_per_second(self) -> float:
        return self.frames / self.wall_seconds

    @property
    def cpu_ms_per_frame(self) -> float:
        return 1000 * self.cpu_seconds / self.frames


@dataclass(frozen=True)
class Ratio:
    """How many times the frames per second of ``theirs`` ``ours`` reached, over the rounds.

    cpu: the median of their CPU time a frame over ours, which a busy machine disturbs less.
    """

    ours: str
    theirs: str
    median: float
    lowest: float
    highest: float
    cpu: float
    rounds: int
    asked: float | None

    @property
    def met(self) -> bool | None:
        """Whether the ratio asked for was reached; None where none was."""
        return None if self.asked is None else self.median >= self.asked


def ratios(runs: Sequence[Measured], peers: Sequence[Contender]) -> list[Ratio]:
    """The ratios of each peer to its rivals: the median of those of the single rounds."""
    at = {(run.round, run.beside, run.name): run for run in runs}
    found = []
    for peer in peers:
        rounds = sorted({r for r, beside, name in at if beside == name == peer.name})
        for rival, asked in peer.rivals:
            pairs = [
                (at[r, peer.name, rival], at[r, peer.name, peer.name])
                for r in rounds
                if (r, peer.name, rival) in at
            ]
            if pairs:
                each = [ours.frames_per_second / theirs.frames_per_second for ours, theirs in pairs]
                work = [theirs.cpu_ms_per_frame / ours.cpu_ms_per_frame for ours, theirs in pairs]
                found.append(
                    Ratio(
                        *(rival, peer.name, statistics.median(each), min(each), max(each)),
                        *(statistics.median(work), len(each), asked),
                    )
                )
    return found


def summary(runs: Sequence[Measured], contenders: Sequence[Contender]) -> list[dict[str, Any]]:
    """One row a contender: medians over its runs, and the counts of its last one."""
    by_name: dict[str, list[Measured]] = defaultdict(list)
    for run in runs:
        by_name[run.name].append(run)
    rows = []
    for contender in contenders:
        own = by_name.get(contender.name)
        if not own:
            continue
        others = [run.others for run in own if run.others is not None]
        speeds = [run.frames_per_second for run in own]
        rows.append(
            {
                "name": contender.name,
                "title": contender.title,
                "runs": len(own),
                "frames": own[-1].frames,
                "looks": own[-1].looks,
                "faces": own[-1].faces,
                "frames_per_second": round(statistics.median(speeds), 2),
                "slowest": round(min(speeds), 2),
                "fastest": round(max(speeds), 2),
                "cpu_ms_per_frame": round(statistics.median(r.cpu_ms_per_frame for r in own), 2),
                "others_cores": round(statistics.median(others), 2) if others else None,
                "more": own[-1].more or {},
            }
        )
    return rows


def markdown(rows: Sequence[dict[str, Any]], found: Sequence[Ratio]) -> str:
    """Both tables."""
    titles = {row["name"]: row["title"] for row in rows}
    lines = [
        "| contender | frames/s (median) | slowest–fastest | CPU ms a frame | runs | frames "
        "| detector calls | faces read | cores used by others |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        others = "–" if row["others_cores"] is None else f"{row['others_cores']:.1f}"
        lines.append(
            f"| {row['title']} | {row['frames_per_second']:.1f} "
            f"| {row['slowest']:.1f}–{row['fastest']:.1f} | {row['cpu_ms_per_frame']:.1f} "
            f"| {row['runs']} | {row['frames']} | {row['looks']} | {row['faces']} | {others} |"
        )
    lines += [
        "",
        "| against | moodstream with | times as fast (median) | lowest–highest "
        "| times less CPU a frame | asked for |",
        "|---|---|---|---|---|---|",
    ]
    for ratio in found:
        asked = "–"
        if ratio.asked is not None:
            asked = f"≥ {ratio.asked:g}: {'met' if ratio.met else 'not met'}"
        ours = titles[ratio.ours].removeprefix("moodstream, ")
        lines.append(
            f"| {titles[ratio.theirs]} | {ours} | {ratio.median:.1f} "
            f"| {ratio.lowest:.1f}–{ratio.highest:.1f} | {ratio.cpu:.1f} | {asked} |"
        )
    return "\n".join(lines) + "\n"
